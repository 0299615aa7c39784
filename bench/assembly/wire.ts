// Headers, classification and checksums over `slots` frames in turn (a power of two), `count` times in all.

import { classify } from '../../assembly/datapath/classify';
import { checksum } from '../../assembly/wire/checksum';
import { vxlanCheck, vxlanHasVni, vxlanReservedBits, vxlanStamp, vxlanVni } from '../../assembly/wire/vxlan';

@inline
function slotOf(base: usize, stride: u32, slots: u32, index: u32): usize {
  return base + <usize>((index & (slots - 1)) * stride);
}

// Builds the VXLAN header of each frame, each time with another VNI.
export function buildHeaders(base: usize, stride: u32, slots: u32, count: u32): u64 {
  for (let index: u32 = 0; index < count; index++) {
    vxlanStamp(slotOf(base, stride, slots, index), index & 0xff_ffff);
  }
  return load<u64>(slotOf(base, stride, slots, count - 1));
}

// Checks and reads the header of each datagram, as decap does for an overlay with strict headers. Answers the sum of
// the VNIs, u64.MAX_VALUE when a header was refused.
export function parseHeaders(base: usize, stride: u32, slots: u32, count: u32, len: u32): u64 {
  let sum: u64 = 0;
  for (let index: u32 = 0; index < count; index++) {
    const datagram = slotOf(base, stride, slots, index);
    if (!vxlanCheck(len) || !vxlanHasVni(datagram) || vxlanReservedBits(datagram)) return u64.MAX_VALUE;
    sum += vxlanVni(datagram);
  }
  return sum;
}

// How many of the frames are of `kind` (Class), with the overlay's proxy flags as given.
export function classifyFrames(base: usize, stride: u32, slots: u32, count: u32, len: u32, flags: u32, kind: u32): u32 {
  let right: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    if (<u32>classify(slotOf(base, stride, slots, index), len, flags) == kind) right++;
  }
  return right;
}

// The sum of the checksums of `len` bytes from each slot on.
export function checksums(base: usize, stride: u32, slots: u32, count: u32, len: u32): u64 {
  let folded: u64 = 0;
  for (let index: u32 = 0; index < count; index++) {
    folded += checksum(slotOf(base, stride, slots, index), len, 0);
  }
  return folded;
}
