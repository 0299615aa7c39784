// The FDB: filled with random MACs, then asked.

import { BATCH_MAX, FdbKind, LOOKUP_SIZE, LOOKUP_VALUE } from '../../assembly/layout';
import { fdbAsk, fdbAttach, fdbClock, fdbFind, fdbFindBatch, fdbKey } from '../../assembly/table/fdb';
import { lookOn } from '../../assembly/table/evict';
import { fdbPurge, fdbPut, fdbRemove } from '../../assembly/table/fdb-write';
import { keyAt, randomMac, shuffle } from './random';

// Binds this instance to the table of the memory.
export function attach(nowMs: f64): void {
  fdbAttach();
  fdbClock(nowMs);
}

// Puts `count` remote entries of an overlay, over endpoints 1 to `endpoints`, and writes their keys to `keys`,
// shuffled. False: the table is too small.
export function fill(keys: usize, overlay: u32, count: u32, endpoints: u32): bool {
  for (let index: u32 = 0; index < count; index++) {
    const key = fdbKey(overlay, randomMac());
    store<u64>(keyAt(keys, index), key);
    if (!fdbPut(key, FdbKind.remote, 0, 1 + (index % endpoints))) return false;
  }
  shuffle(keys, count);
  return true;
}

// Keys of an overlay of which the table knows nothing.
export function strangers(keys: usize, overlay: u32, count: u32): void {
  for (let index: u32 = 0; index < count; index++) store<u64>(keyAt(keys, index), fdbKey(overlay, randomMac()));
}

// How many of `count` keys the table knows. The lookups are independent of each other, as those of a batch are.
export function lookups(keys: usize, count: u32): u32 {
  let found: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    if (fdbFind(load<u64>(keyAt(keys, index))) != 0) found++;
  }
  return found;
}

// The same as encap does it: a batch of keys, then what each answered.
export function lookupsInBatches(keys: usize, count: u32, lookups: usize): u32 {
  const end = lookups + BATCH_MAX * LOOKUP_SIZE;
  let found: u32 = 0;
  for (let from: u32 = 0; from < count; from += BATCH_MAX) {
    let key = keyAt(keys, from);
    for (let lookup = lookups; lookup < end; lookup += LOOKUP_SIZE) {
      fdbAsk(lookup, load<u64>(key));
      key += 8;
    }
    fdbFindBatch(lookups, BATCH_MAX);
    for (let lookup = lookups; lookup < end; lookup += LOOKUP_SIZE) if (load<u32>(lookup, LOOKUP_VALUE) != 0) found++;
  }
  return found;
}

// The same, but no lookup can begin before the last one has answered: no answer has all bits of `never` set, which the
// compiler does not know.
export function lookupsInTurn(keys: usize, count: u32, never: u32): u32 {
  let found: u32 = 0;
  let value: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    value = fdbFind(load<u64>(keyAt(keys, index)) ^ u64((value & never) == never));
    if (value != 0) found++;
  }
  return found;
}

// Removes `count` entries, then puts them back: the table is as full as it was. Answers how many it took.
export function renew(keys: usize, count: u32): u32 {
  for (let index: u32 = 0; index < count; index++) fdbRemove(load<u64>(keyAt(keys, index)));
  return puts(keys, count);
}

// Looks `count` times for entries that may go, as every put into a full table does once.
export function looks(count: u32): void {
  for (let turn: u32 = 0; turn < count; turn++) lookOn();
}

// Empties an overlay's table and fills it again. Answers how many it took.
export function refill(overlay: u32, keys: usize, count: u32): u32 {
  fdbPurge(overlay, 0, 0, u32.MAX_VALUE);
  return puts(keys, count);
}

// Puts `count` remote entries. Answers how many the table took.
export function puts(keys: usize, count: u32): u32 {
  let taken: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    if (fdbPut(load<u64>(keyAt(keys, index)), FdbKind.remote, 0, 1)) taken++;
  }
  return taken;
}
