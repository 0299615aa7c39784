// The host's half of the FDB: put, remove, move; what goes from a full table says evict.ts. One thread writes; the
// rules of publication are in fdb.ts.

import {
  FDB_WAYS,
  FdbKind,
  HDR_FDB_COUNT,
  HDR_FDB_LIMIT,
  HDR_FDB_VTEPS,
  HDR_FDB_VERSION,
  HDR_PATHS,
  PATHS_MAX,
} from '../layout';
import {
  EMPTY,
  fdbBucket,
  fdbFirst,
  fdbHeard,
  fdbIndex,
  fdbKind,
  fdbNow,
  fdbSecond,
  fdbSince,
  fdbSlots,
  fdbWay,
} from './fdb';
import { evict, evictable, goesBefore, lookOn, SLICES } from './evict';
import { hash64 } from './hash';
import { clear, count, keyAt, NOWHERE, own, usedAt, valueAt } from './slots';
import { isVtepKey } from './vteps';

const VTEPS_LEAST: u32 = 64; // known VTEPs that have room beside any number of entries

let moves: u32 = 0; // entries that made room in their bucket
let paths: u32 = 0; // buckets that the search for room has come by

// Readers that are at work start over.
function raiseVersion(): void {
  atomic.store<u32>(HDR_FDB_VERSION, load<u32>(HDR_FDB_VERSION) + 1);
}

function wayIn(bucket: u32, key: u64): u32 {
  const way = fdbWay(fdbBucket(bucket), key);
  return way == FDB_WAYS ? NOWHERE : bucket * FDB_WAYS + way;
}

// The slot of a key, or 0xffffffff.
export function fdbLocate(key: u64): u32 {
  const hash = hash64(key);
  const slot = wayIn(fdbFirst(hash), key);
  return slot == NOWHERE ? wayIn(fdbSecond(hash), key) : slot;
}

// The tenth of a second of the last use of a slot by any worker; 0 when no frame used what it now holds.
export function fdbLastUse(slot: u32): u32 {
  const last = load<u32>(usedAt(slot));
  return last < load<u32>(fdbSince(slot)) ? 0 : last;
}

// The tenth of a second in which any worker last heard from where the slot's entry leads; 0: not since it was written.
export function fdbLastHeard(slot: u32): u32 {
  return load<u32>(fdbHeard(slot));
}

// Inserts or replaces. A full table first evicts an entry that is not static; false when every entry is static.
export function fdbPut(key: u64, kind: FdbKind, flags: u32, target: u32): bool {
  assert(target <= 0xffff);
  const value = (target << 16) | (flags << 8) | <u32>kind;
  const known = fdbLocate(key);
  if (known == NOWHERE && !makeRoom(key)) return false;
  const slot = known == NOWHERE ? roomFor(key) : known;
  if (slot == NOWHERE) return false;
  store<u32>(fdbSince(slot), fdbNow());
  if (load<u32>(fdbHeard(slot)) != 0) store<u32>(fdbHeard(slot), 0); // most pages of these stay untouched
  if (known == NOWHERE) {
    store<u32>(usedAt(slot), 0);
    publish(slot, key, value);
    count(key, value, 1);
  } else {
    own(key, load<u32>(valueAt(slot)), -1);
    own(key, value, 1);
    atomic.store<u32>(valueAt(slot), value);
  }
  return true;
}

// Whether one more entry is allowed. What goes first is looked for before the table is full. The buckets have twice the
// room that entries may fill: known VTEPs take no place of theirs, and half as many of them leave enough for a new
// entry to be found a way.
function makeRoom(key: u64): bool {
  const entries = load<u32>(HDR_FDB_COUNT);
  const limit = load<u32>(HDR_FDB_LIMIT);
  if (isVtepKey(key)) return fdbVtepRoom() > 0;
  if (entries + SLICES >= limit) lookOn();
  return entries < limit || evict();
}

// How many more known VTEPs there may be.
export function fdbVtepRoom(): u32 {
  return load<u32>(HDR_FDB_LIMIT) / 2 + VTEPS_LEAST - load<u32>(HDR_FDB_VTEPS);
}

// Writes an entry to an empty slot.
function publish(slot: u32, key: u64, value: u32): void {
  raiseVersion();
  atomic.store<u32>(valueAt(slot), value);
  atomic.store<u64>(keyAt(slot), key);
}

export function fdbRemove(key: u64): bool {
  const slot = fdbLocate(key);
  if (slot == NOWHERE) return false;
  clear(slot);
  return true;
}

// The first slot from `from` on with a MAC of the overlay that is at least `first` and less than `below`, both
// with the first byte on the wire most significant, as people order MACs; 0xffffffff: there is none.
export function fdbWalk(overlay: u32, first: u64, below: u64, from: u32): u32 {
  const range = below - first;
  for (let slot = from; slot < fdbSlots(); slot++) {
    const key = load<u64>(keyAt(slot));
    if (isVtepKey(key)) continue;
    if (<u32>(key >> 48) == overlay && (bswap<u64>(key) >> 16) - first < range) return slot;
  }
  return NOWHERE;
}

// Removes, from the slots from `from` up to `to`, the entries of an overlay; only those that lead to `vnic`, if not 0.
export function fdbPurge(overlay: u32, vnic: u32, from: u32, to: u32): void {
  for (let slot = from; slot < min(to, fdbSlots()); slot++) {
    if (<u32>(load<u64>(keyAt(slot)) >> 48) != overlay) continue;
    const value = load<u32>(valueAt(slot));
    if (vnic == 0 || (fdbKind(value) == FdbKind.local && fdbIndex(value) == vnic)) clear(slot);
  }
}

// ---- room: an empty way of the key's buckets; if there is none, entries move to their other bucket ----------------

@inline
function pathAt(index: u32): usize {
  return <usize>HDR_PATHS + <usize>index * 8;
}

// What stands in the slot `from` may move to `bucket`.
function addPath(bucket: u32, from: u32): void {
  if (paths == <u32>PATHS_MAX) return;
  store<u32>(pathAt(paths), bucket);
  store<u32>(pathAt(paths), from, 4);
  paths++;
}

// Breadth first from the key's two buckets: the shortest chain of moves to a bucket with an empty way. A table that is
// not filled beyond its size has one within a few steps. If it has none after all, what is worth least of the key's own
// buckets goes; 0xffffffff when all of that is static.
function roomFor(key: u64): u32 {
  const hash = hash64(key);
  paths = 0;
  addPath(fdbFirst(hash), NOWHERE);
  addPath(fdbSecond(hash), NOWHERE);
  for (let index: u32 = 0; index < paths; index++) {
    const bucket = load<u32>(pathAt(index));
    const empty = emptySlot(bucket);
    if (empty != NOWHERE) return shift(empty);
    for (let way: u32 = 0; way < <u32>FDB_WAYS; way++) {
      const slot = bucket * FDB_WAYS + way;
      addPath(otherBucket(load<u64>(keyAt(slot)), bucket), slot);
    }
  }
  return clearOneOf(fdbFirst(hash), fdbSecond(hash));
}

function otherBucket(key: u64, bucket: u32): u32 {
  const hash = hash64(key);
  const first = fdbFirst(hash);
  return first == bucket ? fdbSecond(hash) : first;
}

function emptySlot(bucket: u32): u32 {
  for (let slot = bucket * FDB_WAYS; slot < (bucket + 1) * FDB_WAYS; slot++) {
    if (load<u64>(keyAt(slot)) == EMPTY) return slot;
  }
  return NOWHERE;
}

// Moves the entries on the way to an empty slot, the last one first. Answers the slot that is empty then: in a bucket
// of the new key.
function shift(empty: u32): u32 {
  let to = empty;
  for (let from = sourceOf(to); from != NOWHERE; from = sourceOf(to)) {
    move(from, to);
    to = from;
  }
  return to;
}

// From where the search first came to the bucket of a slot, so that no path goes in circles.
function sourceOf(slot: u32): u32 {
  let index: u32 = 0;
  while (load<u32>(pathAt(index)) != slot / FDB_WAYS) index++;
  return load<u32>(pathAt(index), 4);
}

function move(from: u32, to: u32): void {
  store<u32>(fdbSince(to), load<u32>(fdbSince(from)));
  store<u32>(fdbHeard(to), load<u32>(fdbHeard(from)));
  store<u32>(usedAt(to), load<u32>(usedAt(from)));
  publish(to, load<u64>(keyAt(from)), load<u32>(valueAt(from)));
  raiseVersion();
  atomic.store<u64>(keyAt(from), EMPTY);
  moves++;
}

// How many entries have been moved so far.
export function fdbMoves(): u32 {
  return moves;
}

function clearOneOf(first: u32, second: u32): u32 {
  let found = NOWHERE;
  for (let way: u32 = 0; way < <u32>FDB_WAYS * 2; way++) {
    const slot = way < <u32>FDB_WAYS ? first * FDB_WAYS + way : second * FDB_WAYS + way - FDB_WAYS;
    if (evictable(slot) && (found == NOWHERE || goesBefore(slot, found))) found = slot;
  }
  if (found != NOWHERE) clear(found);
  return found;
}

