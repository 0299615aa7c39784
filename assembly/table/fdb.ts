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
  FDB_NOTES_BITS,
  FDB_STAMP_SIZE,
  FDB_USED,
  FDB_VALUES,
  FDB_WAYS,
  HDR_FDB_BASE,
  HDR_FDB_BUCKETS,
  HDR_FDB_VERSION,
  LOOKUP_KEY,
  LOOKUP_NEXT,
  LOOKUP_SIZE,
  LOOKUP_VALUE,
} from '../layout';
import { hash64, hash64High } from './hash';

export const EMPTY: u64 = 0; // overlay 0 does not exist, so no key is 0
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15; // 2^64 over the golden ratio: neighbours are far apart
const NONE: i32 = FDB_WAYS * 4; // behind a bucket's address: it has not the key

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
  return <u32>ctz<i32>(waysOf(bucket, key) | (1 << NONE)) >> 2;
}

// Four bits for each way of a bucket, set where it holds the key: then their first is 4 times the way, which is where
// its value stands behind the bucket's.
@inline
function waysOf(bucket: usize, key: u64): i32 {
  const wanted = i64x2.splat(key);
  const low = i64x2.eq(v128.load(bucket), wanted);
  return i8x16.bitmask(i16x8.narrow_i32x4_s(low, i64x2.eq(v128.load(bucket, 16), wanted)));
}

// Where a bucket has a key: its address and 4 times the way.
@inline
function placeIn(bucket: usize, key: u64): usize {
  return bucket + <usize>ctz<i32>(waysOf(bucket, key) | (1 << NONE));
}

@inline
function isNone(place: usize): bool {
  return <i32>(place % FDB_BUCKET_SIZE) == NONE;
}

// Where the search for a key begins.
@inline
function firstOf(key: u64): usize {
  return fdbBucket(<u32>((hash64High(key) * buckets) >> 32)); // fdbFirst
}

// A batch is asked for in two steps: fdbAsk of every key, then fdbFindBatch. The record of a key has LOOKUP_SIZE bytes.
@inline
export function fdbAsk(lookup: usize, key: u64): void {
  store<u64>(lookup, key, LOOKUP_KEY);
  store<u32>(lookup, <u32>firstOf(key), LOOKUP_VALUE);
}

// What fdbFind answers for each of `count` keys goes to LOOKUP_VALUE of its record. Each bucket may be a cache miss.
// First all first buckets are touched, by so few instructions that the processor has many of them in its window, and so
// waits for many misses together; then they are searched, and the second one of every key that is not in its first is
// touched. Those are searched last.
export function fdbFindBatch(lookups: usize, count: u32): void {
  const end = lookups + <usize>count * LOOKUP_SIZE;
  let touched: u64 = 0;
  for (let lookup = lookups; lookup < end; lookup += LOOKUP_SIZE) {
    touched |= load<u64>(load<u32>(lookup, LOOKUP_VALUE));
  }
  anything = touched;
  const time = now;
  const version = atomic.load<u32>(HDR_FDB_VERSION);
  let rest: usize = 0; // those whose first bucket has it not
  for (let lookup = lookups; lookup < end; lookup += LOOKUP_SIZE) {
    const bucket = <usize>load<u32>(lookup, LOOKUP_VALUE);
    const ways = waysOf(bucket, load<u64>(lookup, LOOKUP_KEY));
    if (ways == 0) {
      rest = later(lookup, rest);
      continue;
    }
    const found = bucket + <usize>ctz<i32>(ways);
    store<u32>(lookup, atomic.load<u32>(found, FDB_VALUES), LOOKUP_VALUE);
    if (load<u32>(found, FDB_USED) != time) store<u32>(found, time, FDB_USED); // use
  }
  if (atomic.load<u32>(HDR_FDB_VERSION) != version) return findEach(lookups, end);
  for (; rest != 0; rest = load<u32>(rest, LOOKUP_NEXT)) find(rest);
}

// Touches the second bucket of a key, and puts its record before those of `rest`.
function later(lookup: usize, rest: usize): usize {
  anything |= load<u64>(fdbBucket(fdbSecond(hash64(load<u64>(lookup, LOOKUP_KEY)))));
  store<u32>(lookup, <u32>rest, LOOKUP_NEXT);
  return lookup;
}

// The host has changed the table meanwhile.
function findEach(lookups: usize, end: usize): void {
  for (let lookup = lookups; lookup < end; lookup += LOOKUP_SIZE) find(lookup);
}

function find(lookup: usize): void {
  store<u32>(lookup, fdbFindAgain(load<u64>(lookup, LOOKUP_KEY)), LOOKUP_VALUE);
}

// The value for a key, 0 when there is none; marks the entry as used. Most keys are in their first bucket.
@inline // each call would cost about as much as the search
export function fdbFind(key: u64): u32 {
  const version = atomic.load<u32>(HDR_FDB_VERSION);
  const found = placeInFirst(key);
  const value = found == 0 ? 0 : valueOf(found, version);
  return value != 0 ? value : fdbFindAgain(key);
}

// The same of a key that is in its second bucket, or for which the table has changed meanwhile.
export function fdbFindAgain(key: u64): u32 {
  const value = seek(key);
  if (value != 0) use(place);
  return value;
}

// 0: its first bucket has not that key.
@inline
function placeInFirst(key: u64): usize {
  const bucket = firstOf(key);
  const ways = waysOf(bucket, key);
  return ways == 0 ? 0 : bucket + <usize>ctz<i32>(ways);
}

// The value of what was found there when the table had that version, and it is used; 0: the table has changed.
@inline
function valueOf(found: usize, version: u32): u32 {
  const value = atomic.load<u32>(found, FDB_VALUES);
  if (atomic.load<u32>(HDR_FDB_VERSION) != version) return 0;
  use(found);
  return value;
}

/**
 * The value for one of few keys that are asked for again and again; 0: only fdbFindAgain knows. `notes`: FDB_NOTES
 * words of the caller's own, zeros at first, in which it stands where such keys were found: one that is still there
 * needs neither the hash of its buckets, which one has to wait for, nor a search.
 */
@inline
export function fdbFindNoted(notes: usize, key: u64): u32 {
  const version = atomic.load<u32>(HDR_FDB_VERSION);
  const note = notes + (<usize>((key * MULTIPLIER) >> (64 - FDB_NOTES_BITS)) << 2);
  let found = <usize>load<u32>(note);
  if (keyAt(found) != key) {
    found = placeInFirst(key);
    if (found == 0) return 0;
    store<u32>(note, <u32>found);
  }
  return valueOf(found, version);
}

// The key that stands at a place; EMPTY at 0. Atomic, as the address of its value does not depend on it (see above).
@inline
function keyAt(place: usize): u64 {
  return atomic.load<u64>(place + place % (FDB_WAYS * 4));
}

// A frame asks for the entry that stands there: at most one store per tenth of a second.
@inline
function use(place: usize): void {
  if (load<u32>(place, FDB_USED) != now) store<u32>(place, now, FDB_USED);
}

// The value of a key, and `place` is where it stands; 0: there is none.
@inline
function seek(key: u64): u32 {
  const bucket = firstOf(key);
  while (true) {
    const version = atomic.load<u32>(HDR_FDB_VERSION);
    let found = placeIn(bucket, key);
    let value = atomic.load<u32>(found, FDB_VALUES); // of no meaning if there is no such key, but see above
    if (isNone(found)) {
      found = placeIn(fdbBucket(fdbSecond(hash64(key))), key);
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
  const value = seek(key);
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
  return load<u32>(firstOf(key));
}
