// Internals of assembly/table and assembly/ring for the tests.

export { ringReserveFor, ringSharesStart } from '../../assembly/ring/shares';
export * from '../../assembly/ring/spsc';
export { fdbLongestLook } from '../../assembly/table/evict';
export { fdbAsk, fdbAttach, fdbClock, fdbFind, fdbFindBatch, fdbHear, fdbPeek } from '../../assembly/table/fdb';
export {
  fdbLastHeard,
  fdbLastUse,
  fdbLocate,
  fdbMoves,
  fdbPurge,
  fdbPut,
  fdbRemove,
} from '../../assembly/table/fdb-write';
export * from '../../assembly/table/vnis';
export { aimKeys, probes } from './fdb-attack';
