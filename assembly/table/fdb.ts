// The forwarding database: (overlay, MAC) -> remote endpoint | local VNIC | drop. Read by every worker without a lock.
//
// Reading: load the key, the value, the key again and the value again. A slot is only ever rewritten value first, key
// last, and a removed key becomes TOMBSTONE before its value changes, so an unchanged key says that the value belongs
// to it; every value carries a new generation, so an unchanged value says that no other key was there in between.
// Writing (fdb-write.ts) is the host's alone.

import {
  FDB_KEY,
  FDB_SLOT_SIZE,
  FDB_STAMP_SIZE,
  FDB_VALUE,
  HDR_FDB_BASE,
  HDR_FDB_MASK,
  HDR_WORKERS,
} from '../layout';
import { hash64 } from './hash';

export const EMPTY: u64 = 0; // overlay 0 does not exist, so no key is 0
export const TOMBSTONE: u64 = u64.MAX_VALUE; // nor does overlay 65535

let base: usize = 0;
let mask: u32 = 0;
let used: usize = 0; // this worker's array of last uses
let heard: usize = 0; // and of when frames from there last came
let peeked: u32 = 0; // slot of the entry that was last looked at
let now: u32 = 0; // tenths of a second

// Binds this instance to the table; `worker` picks the arrays of its own stamps.
export function fdbAttach(worker: u32): void {
  base = load<u32>(HDR_FDB_BASE);
  mask = load<u32>(HDR_FDB_MASK);
  used = fdbUsed(worker);
  heard = fdbHeard(worker);
}

export function fdbClock(nowMs: f64): void {
  now = <u32>(nowMs / 100);
}

@inline
export function fdbNow(): u32 {
  return now;
}

@inline
export function fdbSlots(): u32 {
  return mask + 1;
}

@inline
export function fdbSlot(index: u32): usize {
  return base + <usize>index * FDB_SLOT_SIZE;
}

@inline
export function fdbHome(key: u64): u32 {
  return hash64(key) & mask;
}

@inline
export function fdbNext(index: u32): u32 {
  return (index + 1) & mask;
}

@inline
export function fdbPrevious(index: u32): u32 {
  return (index - 1) & mask;
}

// When each slot was written; the arrays of last uses follow, one per worker, and those of what was heard last.
export function fdbSince(): usize {
  return fdbSlot(mask + 1);
}

export function fdbUsed(worker: u32): usize {
  return fdbSince() + <usize>(worker + 1) * (mask + 1) * FDB_STAMP_SIZE;
}

export function fdbHeard(worker: u32): usize {
  return fdbUsed(load<u32>(HDR_WORKERS) + worker);
}

@inline
export function fdbKey(overlay: u32, mac: u64): u64 {
  return ((<u64>overlay) << 48) | mac;
}

@inline
export function fdbKind(value: u64): u32 {
  return <u32>value & 0xff;
}

@inline
export function fdbFlags(value: u64): u32 {
  return (<u32>value >> 8) & 0xff;
}

// Endpoint, VNIC or Drop, by the entry's kind.
@inline
export function fdbIndex(value: u64): u32 {
  return <u32>(value >> 32);
}

// Whether the slot still holds what was read of it.
@inline
function isSettled(slot: usize, key: u64, value: u64): bool {
  return atomic.load<u64>(slot, FDB_KEY) == key && atomic.load<u64>(slot, FDB_VALUE) == value;
}

// The value for a key, 0 when there is none; marks the entry as used.
@inline // three callers; each call would cost about as much as the search
export function fdbFind(key: u64): u64 {
  let index = fdbHome(key);
  while (true) {
    const slot = fdbSlot(index);
    const found = atomic.load<u64>(slot, FDB_KEY);
    if (found == key) {
      const value = atomic.load<u64>(slot, FDB_VALUE);
      if (!isSettled(slot, key, value)) continue; // it changed under us: look at it again
      const stamp = used + <usize>index * FDB_STAMP_SIZE;
      if (load<u32>(stamp) != now) store<u32>(stamp, now); // at most one write per entry and tenth of a second
      return value;
    }
    if (found == EMPTY) return 0;
    index = fdbNext(index);
  }
}

// The same, without marking it: nobody sends there by it.
export function fdbPeek(key: u64): u64 {
  let index = fdbHome(key);
  while (true) {
    const found = atomic.load<u64>(fdbSlot(index), FDB_KEY);
    if (found == EMPTY) return 0;
    if (found == key) {
      const value = atomic.load<u64>(fdbSlot(index), FDB_VALUE);
      if (!isSettled(fdbSlot(index), key, value)) continue;
      peeked = index;
      return value;
    }
    index = fdbNext(index);
  }
}

// A frame came from where the entry that was peeked last says.
@inline
export function fdbHear(): void {
  const stamp = heard + <usize>peeked * FDB_STAMP_SIZE;
  if (load<u32>(stamp) != now) store<u32>(stamp, now);
}
