// The buffers of the uring engine: two pools, one for reads of TAPs and one for datagrams. The kernel takes buffers in
// the order in which they were given, so the more it has, the more memory a stream of super-frames walks through; the
// fewer, the fewer small frames one turn can take. So the number follows the traffic: many while frames are small, few
// while they are large, and those used last are given first.
//
// A pool's record: how many slots the kernel has, what was read since slots were given back last, and two stacks of
// slot numbers: free ones, and ones in use until what they hold has been sent.

import {
  CACHE_LINE,
  RX_MAX,
  RX_SLOT_SIZE,
  SLOT_POOL_SIZE,
  TAP_READ_MAX,
  TAP_SLOTS,
  W_RX_SLOTS,
  W_SLOT_POOLS,
  W_TAP_BUFFER,
  W_TAP_RING,
  W_UDP_RING,
} from '../../layout';
import { w } from '../../datapath/worker';
import { bufferAdd, buffersReset } from '../../ring/buffers';
import { address } from '../descriptors';

const FEW: u32 = 4;
const LARGE: u32 = 8192; // bytes; a mean above it makes the traffic large

const GIVEN: usize = 0; // u32 slots that the kernel has
const READS: usize = GIVEN + 4; // u32 since slots were given back last
const BYTES: usize = READS + 4; // u32 of those reads
const FREE_COUNT: usize = BYTES + 4; // u32
const USED_COUNT: usize = FREE_COUNT + 4; // u32
const FREE: usize = CACHE_LINE; // u16[TAP_SLOTS]
const USED: usize = FREE + TAP_SLOTS * 2; // u16[TAP_SLOTS]

@inline
function tapPool(): usize {
  return w() + W_SLOT_POOLS;
}

@inline
function udpPool(): usize {
  return w() + W_SLOT_POOLS + SLOT_POOL_SIZE;
}

@inline
export function tapSlot(slot: u32): usize {
  return w() + W_TAP_BUFFER + <usize>slot * TAP_READ_MAX;
}

@inline
export function udpSlot(slot: u32): usize {
  return w() + W_RX_SLOTS + <usize>slot * RX_SLOT_SIZE;
}

// The kernel has no slot, and gets all.
export function slotsStart(): void {
  memory.fill(tapPool(), 0, 2 * SLOT_POOL_SIZE);
  buffersReset(w() + W_TAP_RING);
  buffersReset(w() + W_UDP_RING);
  for (let slot: u32 = TAP_SLOTS; slot > 0; slot--) push(tapPool(), FREE_COUNT, FREE, slot - 1);
  for (let slot: u32 = RX_MAX; slot > 0; slot--) push(udpPool(), FREE_COUNT, FREE, slot - 1);
  slotsRelease();
}

@inline
function push(pool: usize, count: usize, stack: usize, slot: u32): void {
  const height = load<u32>(pool + count);
  store<u16>(pool + stack + ((<usize>height) << 1), <u16>slot);
  store<u32>(pool + count, height + 1);
}

@inline
function pop(pool: usize, count: usize, stack: usize): u32 {
  const height = load<u32>(pool + count) - 1;
  store<u32>(pool + count, height);
  return load<u16>(pool + stack + ((<usize>height) << 1));
}

// The kernel has filled a slot; it does not get it again before slotsRelease. Whoever says so counts it, too.
@inline
export function tapSlotUsed(slot: u32): void {
  push(tapPool(), USED_COUNT, USED, slot);
}

// `count` reads of `bytes` have used a slot each.
@inline
export function tapSlotsRead(count: u32, bytes: u32): void {
  countReads(tapPool(), count, bytes);
}

@inline
export function udpSlotUsed(slot: u32, len: u32): void {
  push(udpPool(), USED_COUNT, USED, slot);
  countReads(udpPool(), 1, len);
}

@inline
function countReads(pool: usize, count: u32, bytes: u32): void {
  store<u32>(pool, load<u32>(pool, GIVEN) - count, GIVEN);
  store<u32>(pool, load<u32>(pool, READS) + count, READS);
  store<u32>(pool, load<u32>(pool, BYTES) + bytes, BYTES);
}

// Everything that was read has been sent: the kernel may have the slots again.
export function slotsRelease(): void {
  for (let left = recycle(tapPool(), TAP_SLOTS); left > 0; left--) {
    const slot = pop(tapPool(), FREE_COUNT, FREE);
    bufferAdd(w() + W_TAP_RING, TAP_SLOTS, slot, address(tapSlot(slot)), TAP_READ_MAX);
  }
  for (let left = recycle(udpPool(), RX_MAX); left > 0; left--) {
    const slot = pop(udpPool(), FREE_COUNT, FREE);
    bufferAdd(w() + W_UDP_RING, RX_MAX, slot, address(udpSlot(slot)), RX_SLOT_SIZE);
  }
}

// Frees the slots in use; answers how many of the free ones to give.
function recycle(pool: usize, all: u32): u32 {
  const isLarge = load<u32>(pool, BYTES) > load<u32>(pool, READS) * LARGE;
  while (load<u32>(pool, USED_COUNT) > 0) push(pool, FREE_COUNT, FREE, pop(pool, USED_COUNT, USED));
  store<u32>(pool, 0, READS);
  store<u32>(pool, 0, BYTES);
  const wanted = isLarge ? FEW : all;
  const given = load<u32>(pool, GIVEN);
  if (given >= wanted) return 0;
  store<u32>(pool, wanted, GIVEN);
  return wanted - given;
}
