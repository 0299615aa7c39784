// The host's half of the FDB: put, remove, evict. One thread writes; the rules of publication are in fdb.ts.

import {
  Drop,
  FDB_FLAG_STATIC,
  FDB_KEY,
  FDB_STAMP_SIZE,
  FDB_VALUE,
  FdbKind,
  HDR_FDB_COUNT,
  HDR_FDB_LIMIT,
  HDR_FDB_TOMBSTONES,
  HDR_VICTIMS,
  HDR_WORKERS,
  VICTIMS_MAX,
} from '../layout';
import {
  EMPTY,
  TOMBSTONE,
  fdbFlags,
  fdbHeard,
  fdbHome,
  fdbIndex,
  fdbKind,
  fdbNext,
  fdbNow,
  fdbPrevious,
  fdbSince,
  fdbSlot,
  fdbSlots,
  fdbUsed,
} from './fdb';

const NOWHERE: u32 = u32.MAX_VALUE;
const ANSWER: u32 = 1 << 31; // set in the worth of whatever is no refusal
const REFUSAL_SEEN: u32 = 2; // tenths of a second after which a refusal has done its work

let generation: u32 = 0;
let victims: u32 = 0; // found by the last scan
let nextVictim: u32 = 0;
let youngSince: u32 = NOWHERE; // when the first refusal was written that the last scan did not see as one

function count(delta: i32): void {
  store<u32>(HDR_FDB_COUNT, load<u32>(HDR_FDB_COUNT) + delta);
}

function tombstones(delta: i32): void {
  store<u32>(HDR_FDB_TOMBSTONES, load<u32>(HDR_FDB_TOMBSTONES) + delta);
}

function locate(key: u64): u32 {
  let index = fdbHome(key);
  while (true) {
    const found = load<u64>(fdbSlot(index), FDB_KEY);
    if (found == key) return index;
    if (found == EMPTY) return NOWHERE;
    index = fdbNext(index);
  }
}

// The slot of a key, or 0xffffffff.
export function fdbLocate(key: u64): u32 {
  return locate(key);
}

// The tenth of a second of the last use of a slot by any worker; 0 when no frame used what it now holds.
export function fdbLastUse(index: u32): u32 {
  const since = load<u32>(fdbSince() + <usize>index * FDB_STAMP_SIZE);
  let last: u32 = 0;
  for (let worker: u32 = 0; worker < load<u32>(HDR_WORKERS); worker++) {
    last = max(last, load<u32>(fdbUsed(worker) + <usize>index * FDB_STAMP_SIZE));
  }
  return last < since ? 0 : last;
}

@inline
function heardBy(worker: u32, index: u32): usize {
  return fdbHeard(worker) + <usize>index * FDB_STAMP_SIZE;
}

// The tenth of a second in which any worker last heard from where the slot's entry leads; 0: not since it was written.
export function fdbLastHeard(index: u32): u32 {
  let last: u32 = 0;
  for (let worker: u32 = 0; worker < load<u32>(HDR_WORKERS); worker++) {
    last = max(last, load<u32>(heardBy(worker, index)));
  }
  return last;
}

// Nothing has been heard of what is about to be written. (Most slots are never heard of: their pages stay untouched.)
function clearHeard(index: u32): void {
  for (let worker: u32 = 0; worker < load<u32>(HDR_WORKERS); worker++) {
    if (load<u32>(heardBy(worker, index)) != 0) store<u32>(heardBy(worker, index), 0);
  }
}

// Inserts or replaces. A full table first evicts an entry that is not static, see evict(); false when every entry is
// static.
export function fdbPut(key: u64, kind: FdbKind, flags: u32, target: u32): bool {
  generation = (generation + 1) & 0xffff;
  const value = ((<u64>target) << 32) | (generation << 16) | (flags << 8) | <u32>kind;
  let index = locate(key);
  if (index == NOWHERE) {
    if (load<u32>(HDR_FDB_COUNT) >= load<u32>(HDR_FDB_LIMIT) && !evict()) return false;
    compactIfCrowded();
    index = claim(key);
    count(1);
  }
  clearHeard(index);
  store<u32>(fdbSince() + <usize>index * FDB_STAMP_SIZE, fdbNow());
  if (isRefusal(value)) youngSince = min(youngSince, fdbNow());
  atomic.store<u64>(fdbSlot(index), value, FDB_VALUE);
  atomic.store<u64>(fdbSlot(index), key, FDB_KEY);
  return true;
}

// The slot a new key goes to: the first tombstone on its way, else the empty slot that ends it.
function claim(key: u64): u32 {
  let index = fdbHome(key);
  while (true) {
    const found = load<u64>(fdbSlot(index), FDB_KEY);
    if (found == EMPTY) return index;
    if (found == TOMBSTONE) {
      tombstones(-1);
      return index;
    }
    index = fdbNext(index);
  }
}

export function fdbRemove(key: u64): bool {
  const index = locate(key);
  if (index == NOWHERE) return false;
  clear(index);
  count(-1);
  return true;
}

function clear(index: u32): void {
  atomic.store<u64>(fdbSlot(index), TOMBSTONE, FDB_KEY);
  atomic.store<u64>(fdbSlot(index), 0, FDB_VALUE);
  tombstones(1);
  sweep(index);
}

// A run of tombstones that ends at an empty slot guards nothing: it becomes empty, last first.
function sweep(last: u32): void {
  if (load<u64>(fdbSlot(fdbNext(last)), FDB_KEY) != EMPTY) return;
  let index = last;
  while (load<u64>(fdbSlot(index), FDB_KEY) == TOMBSTONE) {
    atomic.store<u64>(fdbSlot(index), EMPTY, FDB_KEY);
    tombstones(-1);
    index = fdbPrevious(index);
  }
}

// Keeps at least a quarter of the slots empty, so that every search ends. Once no entry has a tombstone on its way,
// tombstones guard nothing and become empty. A reader that passes just while an entry moves may miss it once: it then
// asks, and is answered.
function compactIfCrowded(): void {
  const live = load<u32>(HDR_FDB_COUNT);
  if (live + load<u32>(HDR_FDB_TOMBSTONES) < (fdbSlots() >> 2) * 3) return;
  let moved = true;
  while (moved) {
    moved = false;
    for (let index: u32 = 0; index < fdbSlots(); index++) {
      if (moveHome(index)) moved = true;
    }
  }
  for (let index: u32 = 0; index < fdbSlots(); index++) {
    if (load<u64>(fdbSlot(index), FDB_KEY) == TOMBSTONE) atomic.store<u64>(fdbSlot(index), EMPTY, FDB_KEY);
  }
  store<u32>(HDR_FDB_TOMBSTONES, 0);
  victims = 0;
  nextVictim = 0;
}

function moveHome(index: u32): bool {
  const key = load<u64>(fdbSlot(index), FDB_KEY);
  if (key == EMPTY || key == TOMBSTONE) return false;
  let better = fdbHome(key);
  while (better != index && load<u64>(fdbSlot(better), FDB_KEY) != TOMBSTONE) better = fdbNext(better);
  if (better == index) return false;
  copyStamps(index, better);
  atomic.store<u64>(fdbSlot(better), load<u64>(fdbSlot(index), FDB_VALUE), FDB_VALUE);
  atomic.store<u64>(fdbSlot(better), key, FDB_KEY);
  atomic.store<u64>(fdbSlot(index), TOMBSTONE, FDB_KEY);
  return true;
}

// The last uses belong to the workers, so a moved entry counts as used when it was last written or used, by `since`.
// What was heard moves along, or an entry would be forgotten too early: no worker can find it there yet.
function copyStamps(from: u32, to: u32): void {
  const since = load<u32>(fdbSince() + <usize>from * FDB_STAMP_SIZE);
  store<u32>(fdbSince() + <usize>to * FDB_STAMP_SIZE, max(since, fdbLastUse(from)));
  for (let worker: u32 = 0; worker < load<u32>(HDR_WORKERS); worker++) {
    store<u32>(heardBy(worker, to), load<u32>(heardBy(worker, from)));
  }
}

@inline
function victimAt(place: u32): usize {
  return <usize>HDR_VICTIMS + <usize>place * 8;
}

// Removes the entry that is worth least: refusals first, or whoever scans for MACs would push out those of others; then
// the least recently used. One scan finds the first 64; they serve the next evictions as long as nobody has used them
// meanwhile, and no refusal has come of age.
function evict(): bool {
  for (let scans = 0; scans < 2; scans++) {
    while (nextVictim < victims) {
      const at = victimAt(nextVictim);
      if (load<u32>(at, 4) >= ANSWER && isSeen(youngSince)) break;
      nextVictim++;
      const index = load<u32>(at);
      if (!evictable(index) || worth(index) != load<u32>(at, 4)) continue;
      clear(index);
      count(-1);
      return true;
    }
    findVictims();
  }
  return false;
}

function evictable(index: u32): bool {
  const key = load<u64>(fdbSlot(index), FDB_KEY);
  if (key == EMPTY || key == TOMBSTONE) return false;
  return !(fdbFlags(load<u64>(fdbSlot(index), FDB_VALUE)) & FDB_FLAG_STATIC);
}

// What is worth less goes first. A refusal that is so young that workers may not have seen it is an entry like others:
// frames wait for it.
function worth(index: u32): u32 {
  const since = load<u32>(fdbSince() + <usize>index * FDB_STAMP_SIZE);
  if (isRefusal(load<u64>(fdbSlot(index), FDB_VALUE))) {
    if (isSeen(since)) return since;
    youngSince = min(youngSince, since);
  }
  return max(since, fdbLastUse(index)) | ANSWER;
}

@inline
function isSeen(since: u32): bool {
  return since != NOWHERE && fdbNow() - since >= REFUSAL_SEEN;
}

// The plugin knows no such MAC, or failed: short-lived, and any answer outweighs it.
function isRefusal(value: u64): bool {
  if (fdbKind(value) != FdbKind.drop) return false;
  return fdbIndex(value) == Drop.no_such_mac || fdbIndex(value) == Drop.lookup_failed;
}

function findVictims(): void {
  victims = 0;
  nextVictim = 0;
  youngSince = NOWHERE;
  for (let index: u32 = 0; index < fdbSlots(); index++) {
    if (!evictable(index)) continue;
    const value = worth(index);
    if (victims == <u32>VICTIMS_MAX && value >= load<u32>(victimAt(VICTIMS_MAX - 1), 4)) continue;
    let place = victims < <u32>VICTIMS_MAX ? victims++ : VICTIMS_MAX - 1;
    while (place > 0 && load<u32>(victimAt(place - 1), 4) > value) {
      store<u64>(victimAt(place), load<u64>(victimAt(place - 1)));
      place--;
    }
    store<u32>(victimAt(place), index);
    store<u32>(victimAt(place), value, 4);
  }
}
