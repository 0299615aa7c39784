// THE exports. A worker's instance uses start and the engine; the host's own instance, over the same memory, uses
// start, the tables and the rings. MAC addresses cross as two halves: 16 high bits and 32 low bits.

import { captureStart, wantedOf } from './datapath/capture';
import { wantedBy } from './datapath/capture-filter';
import { bookLost } from './datapath/counters';
import { abandonHeld, heldFrames } from './datapath/hold';
import { replicationStart } from './datapath/replicate';
import { sendersStart } from './datapath/senders';
import { beginPass, w, workerAttach } from './datapath/worker';
import { intakeStart } from './engine/intake';
import { receiveStart } from './engine/mmsg/receive';
import { outputStart } from './engine/output/plan';
import { abandonCompletions } from './engine/uring/uring';
import {
  CAPTURE_CAPACITY,
  Drop,
  FdbKind,
  HDR_CAPTURE_FRAME,
  HDR_SOCKADDR,
  HDR_STAMP,
  LAYOUT_STAMP,
  OVERLAYS_MAX,
  REGION,
  W_INJECT_RING,
  W_UPCALL_RING,
} from './layout';
import { ringSharesStart } from './ring/shares';
import { ringAbort, ringReadIn, ringRelease } from './ring/spsc';
import { fdbAttach, fdbClock, fdbKey } from './table/fdb';
import * as table from './table/fdb-write';
import * as routes from './table/routes';
import { VTEP_FLAGS, vtepHash, vtepIndex, vtepKey } from './table/vteps';

export { isReplicating } from './datapath/replicate';
export { delivered, messageRun, sendFailed, sent } from './engine/output/accounting';
export { turn } from './engine/turn';
export { armRefused as uringRetry } from './engine/uring/multishot';
export { uringStart, uringToSubmit, uringTurn } from './engine/uring/uring';
export { pollSet, pollSetChanged } from './engine/mmsg/poll-set';
export { prepare } from './engine/mmsg/send';
export { decapBatch, receiveWanted } from './engine/mmsg/receive';
export { encapBatch, tapBegin, tapCount, tapTook } from './engine/mmsg/tap';
export { ringReserveFor } from './ring/shares';
export { ringPublish, ringRead, ringRelease } from './ring/spsc';
export { routeRemove } from './table/routes';
export { senderPut, senderRemove } from './table/senders';
export { overlayStamp, vniPut, vniRemove } from './table/vnis';

// What the module was compiled with; the host compares it with its own.
export function layoutStamp(): u32 {
  return LAYOUT_STAMP;
}

// Binds this instance to a worker's area and makes it ready for the engine. A second start over the same area (after a
// trap) drops, and counts, whatever the first one had under way.
export function startWorker(index: u32): void {
  assert(__heap_base <= <usize>REGION);
  assert(load<u32>(HDR_STAMP) == LAYOUT_STAMP);
  workerAttach(index);
  beginPass();
  // A trap may have come between reserving and publishing: that record never was. Or between reading and giving back:
  // those records are not read again, as one of them may be what trapped.
  ringAbort(w() + W_UPCALL_RING);
  ringSharesStart(w() + W_UPCALL_RING);
  ringRelease(w() + W_INJECT_RING);
  captureStart();
  abandonHeld();
  sendersStart();
  replicationStart();
  abandonCompletions();
  bookLost();
  outputStart();
  intakeStart();
  receiveStart();
}

// Whether frames wait for an answer, so that deadlines have to be looked at.
export function isHolding(): bool {
  return heldFrames() != 0;
}

// Binds the host's instance to the tables.
export function startHost(): void {
  fdbAttach();
}

@inline
function key(overlay: u32, macHigh: u32, macLow: u32): u64 {
  assert(overlay > 0 && overlay < <u32>OVERLAYS_MAX);
  return fdbKey(overlay, ((<u64>macHigh) << 32) | macLow);
}

export function fdbPut(
  overlay: u32,
  macHigh: u32,
  macLow: u32,
  kind: u32,
  flags: u32,
  target: u32,
  nowMs: f64,
): bool {
  fdbClock(nowMs);
  return table.fdbPut(key(overlay, macHigh, macLow), <FdbKind>kind, flags, target);
}

// The host has written EP_SOURCE. The MAC is that of the underlay TAP.
export function routePut(endpoint: u32, ifindex: u32, macHigh: u32, macLow: u32, mtu: u32): void {
  routes.routePut(endpoint, ifindex, ((<u64>macHigh) << 32) | macLow, mtu);
}

export function fdbRemove(overlay: u32, macHigh: u32, macLow: u32): bool {
  return table.fdbRemove(key(overlay, macHigh, macLow));
}

// The slot index of an entry, 0xffffffff when there is none.
export function fdbLocate(overlay: u32, macHigh: u32, macLow: u32): u32 {
  return table.fdbLocate(key(overlay, macHigh, macLow));
}

// The first slot from `from` on with an entry of the overlay whose MAC is at least the first one given and below the
// second, in the order of their text; 0xffffffff when there is none.
export function fdbWalk(overlay: u32, high: u32, low: u32, belowHigh: u32, belowLow: u32, from: u32): u32 {
  return table.fdbWalk(overlay, ((<u64>high) << 32) | low, ((<u64>belowHigh) << 32) | belowLow, from);
}

// Removes, from the slots from `from` up to `to`, the entries of an overlay; only those that lead to `vnic`, if not 0.
export function fdbPurge(overlay: u32, vnic: u32, from: u32, to: u32): void {
  table.fdbPurge(overlay, vnic, from, to);
}

// How many more VTEPs overlays may know.
export function vtepRoom(): u32 {
  return table.fdbVtepRoom();
}

// The overlay knows the VTEP whose address the host has written to HDR_SOCKADDR. False: there is no room.
export function vtepPut(overlay: u32, nowMs: f64): bool {
  const hash = vtepHash(HDR_SOCKADDR);
  fdbClock(nowMs);
  return table.fdbPut(vtepKey(overlay, hash), FdbKind.vtep, VTEP_FLAGS, vtepIndex(hash));
}

// It no longer does. False: it did not.
export function vtepRemove(overlay: u32): bool {
  return table.fdbRemove(vtepKey(overlay, vtepHash(HDR_SOCKADDR)));
}

// How often an entry went to another slot: one that is looked for slot by slot, with pauses, may have been missed then.
export function fdbMoves(): u32 {
  return table.fdbMoves();
}

// Tenths of a second of the monotonic clock when a frame last used the slot's entry, 0: never.
export function fdbLastUse(slot: u32): u32 {
  return table.fdbLastUse(slot);
}

// The same, when a frame last came from where the slot's entry leads, 0: not since it was written.
export function fdbLastHeard(slot: u32): u32 {
  return table.fdbLastHeard(slot);
}

// The next record of a capture ring, 0 when there is none.
export function captureRead(ring: usize): usize {
  return ringReadIn(ring, CAPTURE_CAPACITY);
}

// Which captures of `on` want a frame of `len` bytes, which the host has written to HDR_CAPTURE_FRAME and dropped.
export function captureWanted(on: u32, len: u32, overlay: u32, vnic: u32, reason: u32): u32 {
  return wantedOf(wantedBy(on, HDR_CAPTURE_FRAME, len, overlay), vnic, 0, 0, <Drop>reason);
}
