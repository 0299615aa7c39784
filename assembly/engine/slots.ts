// The buffers of the uring engine. The kernel takes them in the order in which they were given, so the more it has, the
// more memory a stream of super-frames walks through; the fewer, the fewer small frames one turn can take. So the
// number follows the traffic: many while frames are small, few while they are large, and those used last come first.

import {
  GROUP_TAP,
  RX_MAX,
  RX_SLOT_SIZE,
  TAP_READ_MAX,
  TAP_SLOTS,
  W_FREE_TAP_SLOTS,
  W_RX_SLOTS,
  W_TAP_BUFFER,
  W_TAP_RING,
  W_UDP_RING,
  W_USED_SLOTS,
} from '../layout';
import { w } from '../datapath/worker';
import { bufferAdd, buffersReset } from '../ring/buffers';
import { address } from './descriptors';

const FEW: u32 = 8;
const LARGE: u32 = 4096; // bytes; a mean above it makes the traffic large

let used: u32 = 0; // in W_USED_SLOTS: number, with bit 15 for a slot of datagrams
let free: u32 = 0; // in W_FREE_TAP_SLOTS
let given: u32 = 0; // TAP slots that the kernel has
let frames: u32 = 0; // read since the slots were last given back
let bytes: u32 = 0;

const IS_UDP: u32 = 1 << 15;

export function slotsStart(): void {
  used = 0;
  free = 0;
  given = 0;
  buffersReset(w() + W_TAP_RING);
  buffersReset(w() + W_UDP_RING);
  for (let slot: u32 = TAP_SLOTS; slot > 0; slot--) pushFree(slot - 1);
  for (let slot: u32 = 0; slot < <u32>RX_MAX; slot++) give(slot | IS_UDP);
  giveTap(TAP_SLOTS);
}

@inline
export function tapSlot(slot: u32): usize {
  return w() + W_TAP_BUFFER + <usize>slot * TAP_READ_MAX;
}

@inline
export function udpSlot(slot: u32): usize {
  return w() + W_RX_SLOTS + <usize>slot * RX_SLOT_SIZE;
}

@inline
function pushFree(slot: u32): void {
  store<u16>(w() + W_FREE_TAP_SLOTS + ((<usize>free) << 1), <u16>slot);
  free++;
}

function give(slot: u32): void {
  if (slot & IS_UDP) {
    bufferAdd(w() + W_UDP_RING, RX_MAX, slot & ~IS_UDP, address(udpSlot(slot & ~IS_UDP)), RX_SLOT_SIZE);
  } else {
    bufferAdd(w() + W_TAP_RING, TAP_SLOTS, slot, address(tapSlot(slot)), TAP_READ_MAX);
    given++;
  }
}

function giveTap(wanted: u32): void {
  while (given < wanted && free > 0) {
    free--;
    give(load<u16>(w() + W_FREE_TAP_SLOTS + ((<usize>free) << 1)));
  }
}

// The kernel has filled a slot with `len` bytes; it keeps what was read until slotsRelease.
@inline
export function slotUsed(group: u32, slot: u32, len: u32): void {
  store<u16>(w() + W_USED_SLOTS + ((<usize>used) << 1), <u16>(group == GROUP_TAP ? slot : slot | IS_UDP));
  used++;
  if (group != GROUP_TAP) return;
  given--;
  frames++;
  bytes += len;
}

// Everything that was read has been sent: the kernel may have the slots again.
export function slotsRelease(): void {
  if (used == 0) return;
  while (used > 0) {
    used--;
    const slot = <u32>load<u16>(w() + W_USED_SLOTS + ((<usize>used) << 1));
    if (slot & IS_UDP) give(slot);
    else pushFree(slot);
  }
  giveTap(bytes > frames * LARGE ? FEW : TAP_SLOTS);
  frames = 0;
  bytes = 0;
}
