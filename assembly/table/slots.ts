// The slots of the FDB as the host writes them: where their fields are, and how many are in use. A slot is a way of a
// bucket, counted through all of them.

import { FDB_USED, FDB_VALUES, FDB_WAYS, HDR_FDB_COUNT, HDR_FDB_VTEPS } from '../layout';
import { EMPTY, fdbBucket } from './fdb';
import { isVtepKey } from './vteps';

/** No slot. */
export const NOWHERE: u32 = u32.MAX_VALUE;

@inline
export function keyAt(slot: u32): usize {
  return fdbBucket(slot / FDB_WAYS) + ((<usize>slot % FDB_WAYS) << 3);
}

@inline
export function valueAt(slot: u32): usize {
  return fdbBucket(slot / FDB_WAYS) + FDB_VALUES + ((<usize>slot % FDB_WAYS) << 2);
}

@inline
export function usedAt(slot: u32): usize {
  return fdbBucket(slot / FDB_WAYS) + FDB_USED + ((<usize>slot % FDB_WAYS) << 2);
}

export function count(key: u64, delta: i32): void {
  const at = isVtepKey(key) ? HDR_FDB_VTEPS : HDR_FDB_COUNT;
  store<u32>(at, load<u32>(at) + delta);
}

export function clear(slot: u32): void {
  const key = load<u64>(keyAt(slot));
  atomic.store<u64>(keyAt(slot), EMPTY);
  count(key, -1);
}
