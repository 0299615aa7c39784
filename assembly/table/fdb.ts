// The forwarding database: (overlay, MAC) -> remote endpoint | local VNIC | drop. Read by every worker without a lock,
// written by the host alone (fdb-write.ts).
//
// A key stands in one of two buckets, its first or its second, in any of their ways. A bucket is a cache line: keys,
// values and stamps of use. So a lookup reads one line, or two, however the table is filled.
//
// Reading: load HDR_FDB_VERSION, look for the key, load its value, load HDR_FDB_VERSION again; if that has changed,
// start over. The host raises it
//  * after it has emptied a way and before it writes another key's value there: no value is taken for another key's;
//  * after it has copied an entry to its other bucket and before it empties the first place: none is missed meanwhile.
// A value that is replaced under the same key is one store, and needs neither.
//
// The keys are compared two by two, by loads that are not atomic. Between the two atomic ones of the version they stay
// because the value is loaded from an address that depends on what they found, and atomically: no processor does that
// before, nor what is atomic after it. Each half of such a load is a whole key where an aligned one is a single access.

import {
  FDB_BUCKET_SIZE,
  FDB_STAMP_SIZE,
  FDB_USED,
  FDB_VALUES,
  FDB_WAYS,
  HDR_FDB_BASE,
  HDR_FDB_BUCKETS,
  HDR_FDB_VERSION,
} from '../layout';
import { hash64 } from './hash';

export const EMPTY: u64 = 0; // overlay 0 does not exist, so no key is 0

let base: usize = 0;
let buckets: u32 = 0;
let place: usize = 0; // of the entry that was last found: its bucket, and 4 times its way
let anything: u64 = 0; // of no meaning: what nobody uses would not have to be read
let now: u32 = 0; // tenths of a second

// Binds this instance to the table.
export function fdbAttach(): void {
  base = load<u32>(HDR_FDB_BASE);
  buckets = load<u32>(HDR_FDB_BUCKETS);
}

export function fdbClock(nowMs: f64): void {
  now = <u32>(nowMs / 100);
}

@inline
export function fdbNow(): u32 {
  return now;
}

// A slot is a way of a bucket, counted through all of them.
@inline
export function fdbSlots(): u32 {
  return buckets * FDB_WAYS;
}

@inline
export function fdbBucket(index: u32): usize {
  return base + <usize>index * FDB_BUCKET_SIZE;
}

// The two buckets of a key, by its hash: their indexes. They may be the same.
@inline
export function fdbFirst(hash: u64): u32 {
  return <u32>(((hash >> 32) * buckets) >> 32);
}

@inline
export function fdbSecond(hash: u64): u32 {
  return <u32>((<u64><u32>hash * buckets) >> 32);
}

// When each slot was written; behind these, when each was heard of.
export function fdbSince(slot: u32): usize {
  return fdbBucket(buckets) + <usize>slot * FDB_STAMP_SIZE;
}

export function fdbHeard(slot: u32): usize {
  return fdbSince(fdbSlots() + slot);
}

@inline
export function fdbKey(overlay: u32, mac: u64): u64 {
  return ((<u64>overlay) << 48) | mac;
}

@inline
export function fdbKind(value: u32): u32 {
  return value & 0xff;
}

@inline
export function fdbFlags(value: u32): u32 {
  return (value >> 8) & 0xff;
}

// Endpoint, VNIC or Drop, by the entry's kind.
@inline
export function fdbIndex(value: u32): u32 {
  return value >> 16;
}

// The way of a bucket that holds a key, FDB_WAYS when none does.
@inline
export function fdbWay(bucket: usize, key: u64): u32 {
  const wanted = i64x2.splat(key);
  const low = i64x2.bitmask(i64x2.eq(v128.load(bucket), wanted));
  const high = i64x2.bitmask(i64x2.eq(v128.load(bucket, 16), wanted));
  return <u32>ctz<i32>(low | (high << 2) | (1 << FDB_WAYS));
}

// Where a bucket has a key: its address and 4 times the way.
@inline
function placeIn(bucket: usize, key: u64): usize {
  return bucket + ((<usize>fdbWay(bucket, key)) << 2);
}

@inline
function isNone(place: usize): bool {
  return place % FDB_BUCKET_SIZE == FDB_WAYS * 4;
}

// Where the search for a key begins.
@inline
export function fdbAim(key: u64): usize {
  return fdbBucket(fdbFirst(hash64(key)));
}

// The same for keys `from` to `count` of a batch (u64 each at `keys`): where each stands, or would be looked for (u32
// each at `aims`). Each bucket may be a cache miss. First all first buckets are touched, so that the processor waits
// for them together, then the second one of every key that is not in its first; after that all are at hand.
export function fdbAimBatch(keys: usize, aims: usize, from: u32, count: u32): void {
  let touched: u64 = 0;
  for (let index = from; index < count; index++) {
    const bucket = fdbAim(load<u64>(keys + ((<usize>index) << 3)));
    store<u32>(aims + ((<usize>index) << 2), <u32>bucket);
    touched |= load<u64>(bucket);
  }
  for (let index = from; index < count; index++) {
    const key = load<u64>(keys + ((<usize>index) << 3));
    const first = <usize>load<u32>(aims + ((<usize>index) << 2));
    if (fdbWay(first, key) != FDB_WAYS) continue;
    const bucket = fdbBucket(fdbSecond(hash64(key)));
    store<u32>(aims + ((<usize>index) << 2), <u32>bucket);
    touched |= load<u64>(bucket);
  }
  anything = touched;
}

// The other one of a key's two buckets.
function other(bucket: usize, key: u64): usize {
  const hash = hash64(key);
  const first = fdbBucket(fdbFirst(hash));
  return bucket == first ? fdbBucket(fdbSecond(hash)) : first;
}

// The value for a key, 0 when there is none; marks the entry as used.
@inline
export function fdbFind(key: u64): u32 {
  return fdbFindFrom(fdbAim(key), key);
}

// The same, where `bucket` is the one to look into before the other: from fdbAim or fdbAimBatch.
@inline // each call would cost about as much as the search
export function fdbFindFrom(bucket: usize, key: u64): u32 {
  const value = seek(bucket, key);
  // at most once per tenth of a second
  if (value != 0 && load<u32>(place, FDB_USED) != now) store<u32>(place, now, FDB_USED);
  return value;
}

// The value of a key, and `place` is where it stands; 0: there is none.
@inline
function seek(bucket: usize, key: u64): u32 {
  while (true) {
    const version = atomic.load<u32>(HDR_FDB_VERSION);
    let found = placeIn(bucket, key);
    let value = atomic.load<u32>(found, FDB_VALUES); // of no meaning if there is no such key, but see above
    if (isNone(found)) {
      found = placeIn(other(bucket, key), key);
      value = atomic.load<u32>(found, FDB_VALUES);
      if (isNone(found)) value = 0;
    }
    if (atomic.load<u32>(HDR_FDB_VERSION) != version) continue;
    place = found;
    return value;
  }
}

// The same, without marking it: nobody sends there by it. The value is the low half; the high one is for `fdbHear`.
export function fdbPeek(key: u64): u64 {
  const value = seek(fdbAim(key), key);
  return value == 0 ? 0 : ((<u64>place) << 32) | value;
}

// A frame came from where the entry says that `fdbPeek` has found.
@inline
export function fdbHear(peeked: u64): void {
  const offset = <usize>(peeked >> 32) - base;
  const stamp = fdbHeard(<u32>(offset / FDB_BUCKET_SIZE) * FDB_WAYS + <u32>((offset % FDB_BUCKET_SIZE) >> 2));
  if (load<u32>(stamp) != now) store<u32>(stamp, now);
}

// Reads the first bucket of a key that will be looked up soon, and answers nothing of use: one after the other of a
// batch, so that the processor waits for all of them at once.
@inline
export function fdbTouch(key: u64): u32 {
  return load<u32>(fdbAim(key));
}
