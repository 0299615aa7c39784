// The buffers of the uring engine: two pools, one for reads of TAPs and one for datagrams. The kernel takes buffers in
// the order in which they were given, so the more it has, the more memory a stream of super-frames walks through; the
// fewer, the fewer small frames one turn can take. So the number follows the traffic: many while frames are small, few
// while they are large, and those used last are given first. A super-frame is as large as the work that it makes: one
// of a thousand tiny segments would else come in a turn with 63 others, and everybody would wait for all of them.
//
// A pool's record: how many slots the kernel was given, and the numbers of the free ones, a stack, of those that it has
// filled since, in order, which are in use until what they hold has been sent, and of those in the ring.
//
// As long as the kernel has all slots, it takes them in order, and they are taken in order here: then what it gets back
// stands in the ring already, and only the tail moves.

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
import { bufferAt, bufferPut, buffersPublish, buffersReset, buffersTail } from '../../ring/buffers';
import { address } from '../descriptors';

const FEW: u32 = 4;
const LARGE: u32 = 8192; // bytes; a mean above it makes the traffic large

const GIVEN: usize = 0; // u32 slots that the kernel has, and those in use
const BYTES: usize = GIVEN + 4; // u32 of work in those in use
const FREE_COUNT: usize = BYTES + 4; // u32
const USED_COUNT: usize = FREE_COUNT + 4; // u32
const FREE: usize = CACHE_LINE; // u16[TAP_SLOTS]
const USED: usize = FREE + TAP_SLOTS * 2; // u16[TAP_SLOTS]
const RING: usize = USED + TAP_SLOTS * 2; // u16[2 * TAP_SLOTS]: twice, as it goes round

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
  memory.fill(tapPool() + RING, 0xff, TAP_SLOTS * 4);
  memory.fill(udpPool() + RING, 0xff, TAP_SLOTS * 4);
  buffersReset(w() + W_TAP_RING);
  buffersReset(w() + W_UDP_RING);
  for (let slot: u32 = TAP_SLOTS; slot > 0; slot--) push(tapPool(), slot - 1);
  for (let slot: u32 = RX_MAX; slot > 0; slot--) push(udpPool(), slot - 1);
  slotsRelease();
}

// Onto the stack of free ones.
@inline
function push(pool: usize, slot: u32): void {
  const height = load<u32>(pool, FREE_COUNT);
  slotPut(pool + FREE + ((<usize>height) << 1), slot);
  store<u32>(pool, height + 1, FREE_COUNT);
}

@inline
function pop(pool: usize): u32 {
  const height = load<u32>(pool, FREE_COUNT) - 1;
  store<u32>(pool, height, FREE_COUNT);
  return slotAt(pool + FREE, height);
}

@inline
function slotAt(slots: usize, index: u32): u32 {
  return load<u16>(slots + ((<usize>index) << 1));
}

// Answers where the next number goes.
@inline
export function slotPut(at: usize, slot: u32): usize {
  store<u16>(at, <u16>slot);
  return at + 2;
}

// Where the numbers of the slots go that the kernel has filled next (slotPut).
@inline
export function tapSlotsNext(): usize {
  return usedNext(tapPool());
}

@inline
function usedNext(pool: usize): usize {
  return pool + USED + ((<usize>load<u32>(pool, USED_COUNT)) << 1);
}

// Of those, the first `count` were used, by reads of `bytes`: the kernel does not get them again before slotsRelease.
@inline
export function tapSlotsUsed(count: u32, bytes: u32): void {
  use(tapPool(), count, bytes);
}

@inline
export function udpSlotsNext(): usize {
  return usedNext(udpPool());
}

@inline
export function udpSlotsUsed(count: u32, bytes: u32): void {
  use(udpPool(), count, bytes);
}

@inline
function use(pool: usize, count: u32, bytes: u32): void {
  store<u32>(pool, load<u32>(pool, USED_COUNT) + count, USED_COUNT);
  store<u32>(pool, load<u32>(pool, BYTES) + bytes, BYTES);
}

// Everything that was read has been sent: the kernel may have the slots again.
export function slotsRelease(): void {
  recycle(tapPool(), w() + W_TAP_RING, TAP_SLOTS, tapSlot(0), TAP_READ_MAX);
  recycle(udpPool(), w() + W_UDP_RING, RX_MAX, udpSlot(0), RX_SLOT_SIZE);
}

// Gives as many slots of `size` bytes, which stand from `slots` on, as the kernel is to have: first those in use, in
// the order in which it filled them, then free ones.
function recycle(pool: usize, ring: usize, all: u32, slots: usize, size: u32): void {
  const used = load<u32>(pool, USED_COUNT);
  const isLarge = load<u32>(pool, BYTES) > used * LARGE;
  let tail = buffersTail(ring);
  store<u32>(pool, 0, USED_COUNT);
  store<u32>(pool, 0, BYTES);
  if (!isLarge && load<u32>(pool, GIVEN) == all && isInRing(pool, used, tail & (all - 1))) {
    return buffersPublish(ring, tail + used);
  }
  const given = load<u32>(pool, GIVEN) - used;
  const wanted = isLarge ? FEW : all;
  const room = given < wanted ? wanted - given : 0;
  const again = min(used, room);
  for (let index: u32 = 0; index < again; index++) {
    give(pool, ring, all, tail++, slotAt(pool + USED, index), slots, size);
  }
  for (let index = used; index > again; index--) push(pool, slotAt(pool + USED, index - 1));
  for (let left = room - again; left > 0; left--) give(pool, ring, all, tail++, pop(pool), slots, size);
  buffersPublish(ring, tail);
  store<u32>(pool, given + room, GIVEN);
}

// Whether the first `used` of those in use stand in the ring from a position on.
@inline
function isInRing(pool: usize, used: u32, position: u32): bool {
  const end = pool + USED + ((<usize>used) << 1);
  let at = pool + USED;
  let there = pool + RING + ((<usize>position) << 1);
  let differences: u64 = 0;
  for (; at + 8 <= end; at += 8, there += 8) differences |= load<u64>(at) ^ load<u64>(there);
  for (; at < end; at += 2, there += 2) differences |= load<u16>(at) ^ load<u16>(there);
  return differences == 0;
}

@inline
function give(pool: usize, ring: usize, all: u32, tail: u32, slot: u32, slots: usize, size: u32): void {
  const position = tail & (all - 1);
  slotPut(pool + RING + ((<usize>position) << 1), slot);
  slotPut(pool + RING + ((<usize>(position + all)) << 1), slot);
  bufferPut(bufferAt(ring, all, tail), slot, address(slots + <usize>(slot * size)), size);
}
