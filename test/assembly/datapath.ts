// Internals of assembly/datapath for the tests, under the names they have there.

export * from '../../assembly/datapath/complete';
export * from '../../assembly/datapath/flow';
export * from '../../assembly/datapath/segment';
