// The slots of the FDB as the host writes them: where their fields are, and how many are in use. A slot is a way of a
// bucket, counted through all of them.

import {
  FDB_FLAG_STATIC,
  FDB_OWNED_BASE,
  FDB_USED,
  FDB_VALUES,
  FDB_WAYS,
  HDR_FDB_COUNT,
  HDR_FDB_EVICTABLE,
  HDR_FDB_OWNERS,
  HDR_FDB_VTEPS,
} from '../layout';
import { EMPTY, fdbBucket, fdbFlags } from './fdb';
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

// There is one more entry of this key and value, or with -1 one less.
export function count(key: u64, value: u32, delta: i32): void {
  add(isVtepKey(key) ? HDR_FDB_VTEPS : HDR_FDB_COUNT, delta);
  own(key, value, delta);
}

// Likewise of what may be evicted.
export function own(key: u64, value: u32, delta: i32): void {
  if (fdbFlags(value) & FDB_FLAG_STATIC) return;
  add(HDR_FDB_EVICTABLE, delta);
  const owned = add(ownedAt(key), delta);
  if (owned == <u32>(delta > 0 ? 1 : 0)) add(HDR_FDB_OWNERS, delta);
}

@inline
function add(at: usize, delta: i32): u32 {
  const sum = load<u32>(at) + delta;
  store<u32>(at, sum);
  return sum;
}

// Where it stands how many evictable entries the overlay of a key has.
@inline
export function ownedAt(key: u64): usize {
  return <usize>FDB_OWNED_BASE + ((<usize>(key >> 48)) << 2);
}

export function clear(slot: u32): void {
  const key = load<u64>(keyAt(slot));
  atomic.store<u64>(keyAt(slot), EMPTY);
  count(key, load<u32>(valueAt(slot)), -1);
}
