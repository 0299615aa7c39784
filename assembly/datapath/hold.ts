// Frames that wait for the FDB to say where their MAC is.
//
//  1. hold      a miss keeps the frame and asks the host once per (overlay, MAC); later frames of the key queue behind
//  2. release   at the start of a turn, if the FDB has an answer, the queue goes out in order; a frame that comes
//               before that queues behind, so none overtakes
//  3. expire    after LOOKUP_DEADLINE_MS the queue drops as lookup_timeout
//
// If the overlay floods unknown unicast by now, what waits is flooded at once.
//
// Indexes of overlays and VNICs are given out again, perhaps before this worker has dropped what it holds for the one
// that is gone. So what is held names the incarnation of both.
//
// A key owns a slot: its place in the key array, a header, and one linear arena of HELD_BYTES_PER_KEY_MAX bytes. The
// arena of a freed slot may still be listed for output, so the slot is not used again in the same pass.

import {
  C_HELD,
  C_HELD_BYTES,
  Drop,
  HELD_BYTES_MAX,
  HELD_BYTES_PER_KEY_MAX,
  HELD_FILTER_SLOTS,
  HELD_FRAME,
  HELD_FRAME_BYTES,
  HELD_FRAME_FRAMES,
  HELD_FRAME_INCARNATION,
  HELD_FRAME_LEN,
  HELD_FRAME_VNET,
  HELD_FRAME_VNIC,
  HELD_KEYS_MAX,
  HK_FREED,
  HK_INCARNATION,
  HK_RELEASED,
  HK_SINCE,
  HK_SIZE,
  HK_USED,
  LOOKUP_DEADLINE_MS,
  OVL_FLAGS,
  OVL_INCARNATION,
  VNIC_FLAGS,
  VNIC_INCARNATION,
  W_COUNTERS,
  W_HELD,
  W_HELD_ARENAS,
  W_HELD_FILTER,
  W_HELD_KEYS,
} from '../layout';
import { fdbFind } from '../table/fdb';
import { hash64 } from '../table/hash';
import { overlayAt, vnicAt } from '../table/records';
import { vnetCopy } from '../wire/virtio';
import { drop, dropFrames, total } from './counters';
import { flood, floodsUnknown } from './flood';
import { forward } from './forward';
import { Frame, takeFrame } from './frame';
import { outHasRoom } from './output';
import { upcallAllowed, upcallMiss } from './upcall';
import { currentPass, nowMs, w } from './worker';

const NONE: u32 = u32.MAX_VALUE;
const HELD_SHARE: u32 = 3; // an overlay holds fewer keys than so many times what is free: 192 of 256 if it is alone

@inline
function headerOf(slot: u32): usize {
  return w() + W_HELD + <usize>slot * HK_SIZE;
}

@inline
function arenaOf(slot: u32): usize {
  return w() + W_HELD_ARENAS + <usize>slot * HELD_BYTES_PER_KEY_MAX;
}

@inline
function keyAt(slot: u32): usize {
  return w() + W_HELD_KEYS + ((<usize>slot) << 3);
}

@inline
function filterOf(key: u64): usize {
  return w() + W_HELD_FILTER + ((<usize>(hash64(key) & (HELD_FILTER_SLOTS - 1))) << 1);
}

@inline
export function heldFrames(): u64 {
  return load<u64>(w() + W_COUNTERS, C_HELD);
}

// Whether frames of this key wait. Nearly always no, and then it costs one load.
@inline
export function isHeld(key: u64): bool {
  return heldFrames() != 0 && load<u16>(filterOf(key)) != 0 && find(key) != NONE;
}

function find(key: u64): u32 {
  for (let slot: u32 = 0; slot < <u32>HELD_KEYS_MAX; slot++) {
    if (load<u64>(keyAt(slot)) == key) return slot;
  }
  return NONE;
}

// Keeps a copy of the frame until the key is known. Answers Drop.none, or why the frame cannot wait.
export function hold(frame: Frame, key: u64, overlay: u32, vnic: u32): Drop {
  const known = load<u16>(filterOf(key)) != 0 ? find(key) : NONE;
  if (load<u64>(w() + W_COUNTERS, C_HELD_BYTES) + frame.len > <u64>HELD_BYTES_MAX) return Drop.hold_full;
  if (known != NONE) return append(known, frame, vnic) ? Drop.none : Drop.hold_full;
  const slot = findFree(overlay);
  if (slot == NONE || !upcallAllowed(vnic)) return Drop.upcall_limited;
  if (!upcallMiss(key & 0xffff_ffff_ffff, frame, overlay, vnic)) return Drop.upcall_ring_full;
  open(slot, key);
  append(slot, frame, vnic);
  return Drop.none;
}

// A slot for a key of the overlay, if it may have one more: one whose plugin is slow, and that is scanned, must leave
// some to the others.
function findFree(overlay: u32): u32 {
  let found = NONE;
  let free: u32 = 0;
  let own: u32 = 0;
  for (let slot: u32 = 0; slot < <u32>HELD_KEYS_MAX; slot++) {
    const key = load<u64>(keyAt(slot));
    if (<u32>(key >> 48) == overlay) own++;
    if (key != 0) continue;
    free++;
    if (found == NONE && load<u32>(headerOf(slot), HK_FREED) != currentPass()) found = slot;
  }
  return own < free * HELD_SHARE ? found : NONE;
}

function open(slot: u32, key: u64): void {
  const header = headerOf(slot);
  store<u64>(keyAt(slot), key);
  store<f64>(header, nowMs(), HK_SINCE);
  store<u32>(header, 0, HK_USED);
  store<u32>(header, 0, HK_RELEASED);
  store<u32>(header, load<u32>(overlayAt(<u32>(key >> 48)), OVL_INCARNATION), HK_INCARNATION);
  const filter = filterOf(key);
  store<u16>(filter, load<u16>(filter) + 1);
}

function append(slot: u32, frame: Frame, vnic: u32): bool {
  const header = headerOf(slot);
  const len = frame.len;
  const used = load<u32>(header, HK_USED);
  const size: u32 = (HELD_FRAME + len + 7) & ~7;
  if (used + size > <u32>HELD_BYTES_PER_KEY_MAX) return false;
  const held = arenaOf(slot) + used;
  store<u32>(held, len, HELD_FRAME_LEN);
  store<u32>(held, vnic, HELD_FRAME_VNIC);
  store<u32>(held, load<u32>(vnicAt(vnic), VNIC_INCARNATION), HELD_FRAME_INCARNATION);
  store<u32>(held, frame.frames, HELD_FRAME_FRAMES);
  store<u32>(held, frame.bytes, HELD_FRAME_BYTES);
  vnetCopy(held + HELD_FRAME_VNET, frame.vnet);
  memory.copy(held + HELD_FRAME, frame.start, len);
  store<u32>(header, used + size, HK_USED);
  total(C_HELD, frame.frames);
  total(C_HELD_BYTES, len);
  return true;
}

// The overlay that a slot's frames are of; 0: it is gone, and its index may be another's by now.
function overlayOf(slot: u32, key: u64): u32 {
  const overlay = <u32>(key >> 48);
  const record = overlayAt(overlay);
  const isSame = load<u32>(record, OVL_INCARNATION) == load<u32>(headerOf(slot), HK_INCARNATION);
  return isSame && load<u32>(record, OVL_FLAGS) != 0 ? overlay : 0;
}

// The VNIC that sent a held frame may be gone likewise.
function isSenderThere(held: usize): bool {
  const vnic = load<u32>(held, HELD_FRAME_VNIC);
  if (vnic == 0) return true; // the underlay
  const record = vnicAt(vnic);
  const isSame = load<u32>(record, VNIC_INCARNATION) == load<u32>(held, HELD_FRAME_INCARNATION);
  return isSame && load<u32>(record, VNIC_FLAGS) != 0;
}

// Sends what waits on its way by `value` (0: nobody answered), or drops it if `overlay` is 0. False when the output
// list is full.
function release(slot: u32, key: u64, overlay: u32, value: u32): bool {
  const header = headerOf(slot);
  const arena = arenaOf(slot);
  let at = load<u32>(header, HK_RELEASED);
  const end = load<u32>(header, HK_USED);
  while (at < end) {
    if (!outHasRoom()) return false;
    const held = arena + at;
    const len = load<u32>(held, HELD_FRAME_LEN);
    at += (HELD_FRAME + len + 7) & ~7;
    store<u32>(header, at, HK_RELEASED); // first: after a trap, a frame that has met its fate is not dropped again
    const frame = takeHeld(held, len);
    total(C_HELD, -(<u64>frame.frames));
    total(C_HELD_BYTES, -(<u64>len));
    if (overlay == 0 || !isSenderThere(held)) drop(frame, Drop.overlay_gone, overlay, 0);
    else sendHeld(frame, overlay, load<u32>(held, HELD_FRAME_VNIC), value);
  }
  free(slot, key);
  return true;
}

@inline
function takeHeld(held: usize, len: u32): Frame {
  const frames = load<u32>(held, HELD_FRAME_FRAMES);
  return takeFrame(held + HELD_FRAME, len, held + HELD_FRAME_VNET, frames, load<u32>(held, HELD_FRAME_BYTES));
}

function free(slot: u32, key: u64): void {
  store<u64>(keyAt(slot), 0);
  store<u32>(headerOf(slot), currentPass(), HK_FREED);
  const filter = filterOf(key);
  store<u16>(filter, load<u16>(filter) - 1);
}

// One verdict for a frame whose key was looked up late: the same as if the entry had been there when it came.
function sendHeld(frame: Frame, overlay: u32, vnic: u32, value: u32): void {
  if (value == 0 && (vnic == 0 || !floodsUnknown(overlay))) return drop(frame, Drop.lookup_timeout, overlay, vnic);
  if (value == 0) flood(frame, overlay, vnic);
  else forward(frame, overlay, vnic, value);
}

// Releases every key the FDB now knows, and drops those whose deadline has passed or whose overlay is gone. False when
// the output list is full: call again after it was sent.
export function settleHeld(): bool {
  if (heldFrames() == 0) return true;
  for (let slot: u32 = 0; slot < <u32>HELD_KEYS_MAX; slot++) {
    const key = load<u64>(keyAt(slot));
    if (key == 0) continue;
    const value = fdbFind(key);
    const expired = nowMs() - load<f64>(headerOf(slot), HK_SINCE) >= LOOKUP_DEADLINE_MS;
    const overlay = overlayOf(slot, key);
    if (value == 0 && !expired && overlay != 0 && !floodsUnknown(overlay)) continue;
    if (!release(slot, key, overlay, value)) return false;
  }
  return true;
}

// A new instance takes over this worker's memory after a trap: what was held is lost, and counted.
export function abandonHeld(): void {
  for (let slot: u32 = 0; slot < <u32>HELD_KEYS_MAX; slot++) {
    const key = load<u64>(keyAt(slot));
    if (key == 0) continue;
    const header = headerOf(slot);
    for (let at = load<u32>(header, HK_RELEASED); at < load<u32>(header, HK_USED); ) {
      const held = arenaOf(slot) + at;
      const frames = load<u32>(held, HELD_FRAME_FRAMES);
      const vnic = isSenderThere(held) ? load<u32>(held, HELD_FRAME_VNIC) : 0;
      dropFrames(Drop.worker_restarted, overlayOf(slot, key), vnic, frames);
      at += (HELD_FRAME + load<u32>(held, HELD_FRAME_LEN) + 7) & ~7;
    }
    free(slot, key);
  }
  store<u64>(w() + W_COUNTERS, 0, C_HELD);
  store<u64>(w() + W_COUNTERS, 0, C_HELD_BYTES);
}
