// Internals of assembly/wire and of assembly/datapath/classify for the tests, under the names they have there.

export * from '../../assembly/datapath/classify';
export * from '../../assembly/wire/arp';
export * from '../../assembly/wire/checksum';
export * from '../../assembly/wire/ipv4';
export * from '../../assembly/wire/ipv6';
export * from '../../assembly/wire/icmpv6';
export * from '../../assembly/wire/udp';
export * from '../../assembly/wire/tcp';
export * from '../../assembly/wire/dhcp';
export * from '../../assembly/wire/bytes';
export * from '../../assembly/wire/ethernet';
export * from '../../assembly/wire/vlan';
export * from '../../assembly/wire/vxlan';
export * from '../../assembly/wire/outer';
export * from '../../assembly/wire/tunnel-vnet';
