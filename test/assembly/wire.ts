// Internals of assembly/wire and of assembly/datapath/classify for the tests, under the names they have there.

export * from '../../assembly/datapath/classify';
export * from '../../assembly/wire/arp';
export * from '../../assembly/wire/bytes';
export * from '../../assembly/wire/ethernet';
export * from '../../assembly/wire/vlan';
export * from '../../assembly/wire/vxlan';
