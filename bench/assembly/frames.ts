// What the kernel does for the whole-batch benches: new frames in the slots.

import { ethSetDst, ethSetSrc } from '../../assembly/wire/ethernet';
import { keyAt } from './random';

// Writes the MAC of `slots` keys from `from` on as the destinations of the frames in the slots.
export function addressFrames(base: usize, stride: u32, slots: u32, keys: usize, from: u32): void {
  for (let index: u32 = 0; index < slots; index++) {
    ethSetDst(base + <usize>(index * stride), load<u64>(keyAt(keys, from + index)) & 0xffff_ffff_ffff);
  }
}

// The same of their sources.
export function nameSenders(base: usize, stride: u32, slots: u32, keys: usize, from: u32): void {
  for (let index: u32 = 0; index < slots; index++) {
    ethSetSrc(base + <usize>(index * stride), load<u64>(keyAt(keys, from + index)) & 0xffff_ffff_ffff);
  }
}
