// Internals of assembly/table and assembly/ring for the tests.

export * from '../../assembly/ring/spsc';
export { fdbAttach, fdbClock, fdbFind } from '../../assembly/table/fdb';
export { fdbLastUse, fdbLocate, fdbPut, fdbRemove } from '../../assembly/table/fdb-write';
export * from '../../assembly/table/vnis';
