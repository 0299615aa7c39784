// The baselines: the same loops with nothing in them but reading their input.

import { keyAt } from './random';

// Reads `count` keys.
export function emptyKeys(keys: usize, count: u32): u64 {
  let folded: u64 = 0;
  for (let index: u32 = 0; index < count; index++) folded += load<u64>(keyAt(keys, index));
  return folded;
}

// Reads one word of each of `slots` slots in turn, `count` times in all. `slots` is a power of two.
export function emptySlots(base: usize, stride: u32, slots: u32, count: u32): u64 {
  let folded: u64 = 0;
  for (let index: u32 = 0; index < count; index++) {
    folded += load<u64>(base + <usize>((index & (slots - 1)) * stride));
  }
  return folded;
}
