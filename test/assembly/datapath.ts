// Internals of assembly/datapath for the tests, under the names they have there.

export * from '../../assembly/datapath/segment';
