// Frames that wait for the FDB to say where their MAC is.
//
//  1. hold      a miss keeps the frame and asks the host once per (overlay, MAC); later frames of the key queue behind
//  2. release   at the start of a turn, if the FDB has an answer, the queue goes out in order (settle.ts); a frame that
//               comes before that queues behind, so none overtakes
//  3. expire    after LOOKUP_DEADLINE_MS the queue drops as lookup_timeout
//
// If the overlay floods unknown unicast by now, what waits is flooded at once. A frame from the underlay may wait to
// know of its source MAC instead, whether that is at the VTEP that sent it (source-check.ts).
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
  EP_SOCKADDR_MAX,
  HELD_BYTES_MAX,
  HELD_BYTES_PER_KEY_MAX,
  HELD_FILTER_SLOTS,
  HELD_FRAME,
  HELD_FRAME_BYTES,
  HELD_FRAME_FRAMES,
  HELD_FRAME_FROM,
  HELD_FRAME_INCARNATION,
  HELD_FRAME_LEN,
  HELD_FRAME_VNET,
  HELD_FRAME_VNIC,
  HELD_KEYS_MAX,
  HELD_STRANGERS_BYTES_MAX,
  HELD_STRANGERS_MAX,
  HK_BY_SOURCE,
  HK_FREED,
  HK_INCARNATION,
  HK_RELEASED,
  HK_SINCE,
  HK_SIZE,
  HK_USED,
  OVL_FLAGS,
  OVL_INCARNATION,
  VNIC_FLAGS,
  VNIC_INCARNATION,
  W_COUNTERS,
  VXLAN_HLEN,
  W_HELD,
  W_HELD_ARENAS,
  W_HELD_FILTER,
  W_HELD_KEYS,
  SHARE,
} from '../layout';
import { hash64 } from '../table/hash';
import { overlayAt, vnicAt } from '../table/records';
import { sockaddrIsSameHost } from '../wire/sockaddr';
import { vnetCopy } from '../wire/virtio';
import { dropFrames, total } from './counters';
import { Frame } from './frame';
import { upcallAllowed, upcallMiss } from './upcall';
import { currentPass, nowMs, w } from './worker';

const NONE: u32 = u32.MAX_VALUE;
// An overlay holds fewer keys, and no more bytes, than SHARE times what is free: 192 of 256 keys if it is alone. One
// whose plugin is slow, and that is scanned or flooded, must leave some to the others.

@inline
export function headerOf(slot: u32): usize {
  return w() + W_HELD + <usize>slot * HK_SIZE;
}

@inline
export function arenaOf(slot: u32): usize {
  return w() + W_HELD_ARENAS + <usize>slot * HELD_BYTES_PER_KEY_MAX;
}

@inline
export function keyAt(slot: u32): usize {
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

// Whether frames of this MAC wait that came from this struct sockaddr, whatever its port: to know whether it is there.
export function isHeldFrom(key: u64, from: usize): bool {
  if (!isHeld(key)) return false;
  const slot = find(key);
  const header = headerOf(slot);
  if (load<u32>(header, HK_BY_SOURCE) == 0) return false;
  for (let at = load<u32>(header, HK_RELEASED); at < load<u32>(header, HK_USED); at = heldAfter(slot, at)) {
    if (sockaddrIsSameHost(arenaOf(slot) + at + HELD_FRAME_FROM, from)) return true;
  }
  return false;
}

// Where in a slot's arena the frame after the one at `at` begins.
@inline
export function heldAfter(slot: u32, at: u32): u32 {
  return at + heldSize(load<u32>(arenaOf(slot) + at, HELD_FRAME_LEN));
}

// Bytes that a frame of `len` takes.
@inline
function heldSize(len: u32): u32 {
  return (HELD_FRAME + len + 7) & ~7;
}

function find(key: u64): u32 {
  for (let slot: u32 = 0; slot < <u32>HELD_KEYS_MAX; slot++) {
    if (load<u64>(keyAt(slot)) == key) return slot;
  }
  return NONE;
}

// Keeps a copy of the frame until the key is known. Answers Drop.none, or why the frame cannot wait.
export function hold(frame: Frame, key: u64, overlay: u32, vnic: u32): Drop {
  return holdOf(frame, key, overlay, vnic, 0);
}

// The same of a frame that came from the struct sockaddr at `from`: until it is known where its source MAC is, whose
// key that is.
export function holdSource(frame: Frame, key: u64, overlay: u32, from: usize): Drop {
  return holdOf(frame, key, overlay, 0, from);
}

function holdOf(frame: Frame, key: u64, overlay: u32, vnic: u32, from: usize): Drop {
  const known = load<u16>(filterOf(key)) != 0 ? find(key) : NONE;
  if (!hasBytes(overlay, frame.len)) return Drop.hold_full;
  if (known != NONE) return append(known, frame, vnic, from) ? Drop.none : Drop.hold_full;
  const slot = findFree(overlay, from != 0);
  if (slot == NONE || !upcallAllowed(overlay, vnic)) return Drop.upcall_limited;
  if (!upcallMiss(key & 0xffff_ffff_ffff, frame, overlay, vnic)) return Drop.upcall_ring_full;
  open(slot, key);
  append(slot, frame, vnic, from);
  return Drop.none;
}

// Whether the overlay may hold `len` bytes more. What it holds is looked for only where that may matter.
function hasBytes(overlay: u32, len: u32): bool {
  const all = <u32>load<u64>(w() + W_COUNTERS, C_HELD_BYTES) + len;
  if (all > <u32>HELD_BYTES_MAX) return false;
  const most = (<u32>HELD_BYTES_MAX - all) * <u32>SHARE;
  return all <= most || bytesOf(overlay) + len <= most;
}

// Of what the overlay holds, what describes the frames included.
function bytesOf(overlay: u32): u32 {
  let sum: u32 = 0;
  for (let slot: u32 = 0; slot < <u32>HELD_KEYS_MAX; slot++) {
    if (<u32>(load<u64>(keyAt(slot)) >> 48) != overlay) continue;
    const header = headerOf(slot);
    sum += load<u32>(header, HK_USED) - load<u32>(header, HK_RELEASED);
  }
  return sum;
}

// A slot for a key of the overlay, if it may have one more. Strangers send what they like: they take few, and those of
// one overlay leave some of these to others.
function findFree(overlay: u32, isBySource: bool): u32 {
  let found = NONE;
  let free: u32 = 0;
  let own: u32 = 0;
  let bySource: u32 = 0;
  let ownBySource: u32 = 0;
  for (let slot: u32 = 0; slot < <u32>HELD_KEYS_MAX; slot++) {
    const key = load<u64>(keyAt(slot));
    if (key != 0) {
      const waits = load<u32>(headerOf(slot), HK_BY_SOURCE);
      bySource += waits;
      if (<u32>(key >> 48) != overlay) continue;
      own++;
      ownBySource += waits;
      continue;
    }
    free++;
    if (found == NONE && load<u32>(headerOf(slot), HK_FREED) != currentPass()) found = slot;
  }
  if (isBySource && !isShared(ownBySource, bySource, HELD_STRANGERS_MAX)) return NONE;
  return own < free * <u32>SHARE ? found : NONE;
}

// Whether an overlay that has `own` of the `all` that are taken may take one more.
@inline
function isShared(own: u32, all: u32, most: u32): bool {
  return all < most && own < (most - all) * <u32>SHARE;
}

function open(slot: u32, key: u64): void {
  const header = headerOf(slot);
  store<u64>(keyAt(slot), key);
  store<f64>(header, nowMs(), HK_SINCE);
  store<u32>(header, 0, HK_USED);
  store<u32>(header, 0, HK_RELEASED);
  store<u32>(header, 0, HK_BY_SOURCE);
  store<u32>(header, load<u32>(overlayAt(<u32>(key >> 48)), OVL_INCARNATION), HK_INCARNATION);
  const filter = filterOf(key);
  store<u16>(filter, load<u16>(filter) + 1);
}

function append(slot: u32, frame: Frame, vnic: u32, from: usize): bool {
  const header = headerOf(slot);
  const len = frame.len;
  const used = load<u32>(header, HK_USED);
  const size = heldSize(len);
  if (used + size > <u32>(from == 0 ? HELD_BYTES_PER_KEY_MAX : HELD_STRANGERS_BYTES_MAX)) return false;
  const held = arenaOf(slot) + used;
  store<u32>(held, len, HELD_FRAME_LEN);
  store<u32>(held, vnic, HELD_FRAME_VNIC);
  store<u32>(held, load<u32>(vnicAt(vnic), VNIC_INCARNATION), HELD_FRAME_INCARNATION);
  store<u32>(held, frame.frames, HELD_FRAME_FRAMES);
  store<u32>(held, frame.bytes, HELD_FRAME_BYTES);
  vnetCopy(held + HELD_FRAME_VNET, frame.vnet);
  if (from == 0) store<u32>(held, 0, HELD_FRAME_FROM);
  else {
    memory.copy(held + HELD_FRAME_FROM, from, EP_SOCKADDR_MAX);
    store<u32>(header, 1, HK_BY_SOURCE);
  }
  memory.copy(held + HELD_FRAME - VXLAN_HLEN, frame.start - VXLAN_HLEN, VXLAN_HLEN + len);
  store<u32>(header, used + size, HK_USED);
  total(C_HELD, frame.frames);
  total(C_HELD_BYTES, len);
  return true;
}

// The overlay that a slot's frames are of; 0: it is gone, and its index may be another's by now.
export function overlayOf(slot: u32, key: u64): u32 {
  const overlay = <u32>(key >> 48);
  const record = overlayAt(overlay);
  const isSame = load<u32>(record, OVL_INCARNATION) == load<u32>(headerOf(slot), HK_INCARNATION);
  return isSame && load<u32>(record, OVL_FLAGS) != 0 ? overlay : 0;
}

// The VNIC that sent a held frame may be gone likewise.
export function isSenderThere(held: usize): bool {
  const vnic = load<u32>(held, HELD_FRAME_VNIC);
  if (vnic == 0) return true; // the underlay
  const record = vnicAt(vnic);
  const isSame = load<u32>(record, VNIC_INCARNATION) == load<u32>(held, HELD_FRAME_INCARNATION);
  return isSame && load<u32>(record, VNIC_FLAGS) != 0;
}

export function freeSlot(slot: u32, key: u64): void {
  store<u64>(keyAt(slot), 0);
  store<u32>(headerOf(slot), currentPass(), HK_FREED);
  const filter = filterOf(key);
  store<u16>(filter, load<u16>(filter) - 1);
}

// A new instance takes over this worker's memory after a trap: what was held is lost, and counted.
export function abandonHeld(): void {
  for (let slot: u32 = 0; slot < <u32>HELD_KEYS_MAX; slot++) {
    const key = load<u64>(keyAt(slot));
    if (key == 0) continue;
    const header = headerOf(slot);
    for (let at = load<u32>(header, HK_RELEASED); at < load<u32>(header, HK_USED); at = heldAfter(slot, at)) {
      const held = arenaOf(slot) + at;
      const frames = load<u32>(held, HELD_FRAME_FRAMES);
      const vnic = isSenderThere(held) ? load<u32>(held, HELD_FRAME_VNIC) : 0;
      dropFrames(Drop.worker_restarted, overlayOf(slot, key), vnic, frames);
    }
    freeSlot(slot, key);
  }
  store<u64>(w() + W_COUNTERS, 0, C_HELD);
  store<u64>(w() + W_COUNTERS, 0, C_HELD_BYTES);
}
