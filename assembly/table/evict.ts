// Which entry goes when the FDB is full: what is worth least. Refusals come first, or whoever scans for MACs would push
// out those of others; then what was used least recently, but of overlays that have their fair share, or more: what
// there is room for, by the number of overlays that have any. So an overlay that learns or asks without end pushes out
// what is its own, and each of the others keeps as much as if all wanted all.
//
// To look through a large table takes many milliseconds, so with every entry that is put into a full one the look goes
// on by a slice, round and round. What is worth least of all that it came by is on a list, and the list is so long that
// less than half of it goes while the look comes around once: so it has those that go next, whoever is used or written
// meanwhile. Only a refusal that comes of age is one when the look comes by.

import {
  Drop,
  FDB_FLAG_STATIC,
  FdbKind,
  HDR_FDB_COUNT,
  HDR_FDB_EVICTABLE,
  HDR_FDB_LIMIT,
  HDR_FDB_OWNERS,
  HDR_VICTIMS,
  VICTIMS_MAX,
} from '../layout';
import { EMPTY, fdbFlags, fdbIndex, fdbKind, fdbNow, fdbSince, fdbSlots } from './fdb';
import { clear, keyAt, ownedAt, usedAt, valueAt } from './slots';

const ANSWER: u32 = 1 << 31; // set in the worth of whatever is no refusal
const REFUSAL_SEEN: u32 = 2; // tenths of a second after which a refusal has done its work
/** Slices of a large table. */
export const SLICES: u32 = VICTIMS_MAX / 2;
const SLICE_MIN: u32 = 128; // slots

let victims: u32 = 0; // on the list, that of least worth last
let next: u32 = 0; // slot where the look goes on
let longest: u32 = 0; // slots of the longest look in one go

// A victim: its worth in the high half, its slot in the low one.
@inline
function victimAt(place: u32): usize {
  return <usize>HDR_VICTIMS + <usize>place * 8;
}

// Removes the entry that is worth least. False: none may go.
export function evict(): bool {
  if (evictLast()) return true;
  look(fdbSlots()); // all that was on the list has been used meanwhile
  return evictLast();
}

function evictLast(): bool {
  while (victims > 0) {
    const victim = load<u64>(victimAt(--victims));
    const slot = <u32>victim;
    if (!evictable(slot) || isSpared(slot) || victimOf(slot) != victim) continue;
    clear(slot);
    return true;
  }
  return false;
}

export function evictable(slot: u32): bool {
  return load<u64>(keyAt(slot)) != EMPTY && !(fdbFlags(load<u32>(valueAt(slot))) & FDB_FLAG_STATIC);
}

// An answer of an overlay that has less than its share. Of the overlays whose answers and refusals fill the table one
// has as much at least, so something may go wherever anything is evictable.
function isSpared(slot: u32): bool {
  if (isRefusal(load<u32>(valueAt(slot)))) return false;
  const pinned = load<u32>(HDR_FDB_COUNT) - load<u32>(HDR_FDB_EVICTABLE);
  const share = (load<u32>(HDR_FDB_LIMIT) - pinned) / max<u32>(load<u32>(HDR_FDB_OWNERS), 1);
  return load<u32>(ownedAt(load<u64>(keyAt(slot)))) < share;
}

// What is worth less goes first. A refusal that is so young that workers may not have seen it is an entry like others:
// frames wait for it.
function worth(slot: u32): u32 {
  const since = load<u32>(fdbSince(slot));
  if (isRefusal(load<u32>(valueAt(slot))) && fdbNow() - since >= REFUSAL_SEEN) return since;
  return max(since, load<u32>(usedAt(slot))) | ANSWER;
}

// Of two that may go: the one of an overlay that has its share, else the one that is worth less.
export function goesBefore(slot: u32, other: u32): bool {
  const spared = isSpared(slot);
  return spared == isSpared(other) ? worth(slot) < worth(other) : !spared;
}

// The plugin knows no such MAC, or failed: short-lived, and any answer outweighs it.
function isRefusal(value: u32): bool {
  if (fdbKind(value) != FdbKind.drop) return false;
  return fdbIndex(value) == Drop.no_such_mac || fdbIndex(value) == Drop.lookup_failed;
}

@inline
function victimOf(slot: u32): u64 {
  return ((<u64>worth(slot)) << 32) | slot;
}

// The look goes on by a slice. A small table has few, or one.
export function lookOn(): void {
  look(min(max(SLICE_MIN, fdbSlots() / SLICES), fdbSlots()));
}

function look(count: u32): void {
  longest = max(longest, count);
  for (let left = count; left > 0; left--) {
    if (evictable(next) && !isSpared(next)) consider(victimOf(next));
    next = next + 1 == fdbSlots() ? 0 : next + 1;
  }
}

function consider(victim: u64): void {
  const isFull = victims == <u32>VICTIMS_MAX;
  if (isFull && victim >= load<u64>(victimAt(0))) return;
  const place = placeOf(victim);
  if (place < victims && load<u64>(victimAt(place)) == victim) return; // it is known
  if (isFull) {
    memory.copy(victimAt(0), victimAt(1), (place - 1) * 8);
    store<u64>(victimAt(place - 1), victim);
  } else {
    memory.copy(victimAt(place + 1), victimAt(place), (victims - place) * 8);
    store<u64>(victimAt(place), victim);
    victims++;
  }
}

// The first place of the list where no greater one stands.
function placeOf(victim: u64): u32 {
  let from: u32 = 0;
  let to = victims;
  while (from < to) {
    const middle = (from + to) / 2;
    if (load<u64>(victimAt(middle)) > victim) from = middle + 1;
    else to = middle;
  }
  return from;
}

// The most slots that were looked at in one go since this was asked last.
export function fdbLongestLook(): u32 {
  const slots = longest;
  longest = 0;
  return slots;
}
