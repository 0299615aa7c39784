// What becomes of held frames (hold.ts) when the FDB knows their key, when their deadline has passed, or when their
// overlay is gone: the same as if the entry had been there when they came.

import {
  C_HELD,
  C_HELD_BYTES,
  Drop,
  HELD_FRAME,
  HELD_FRAME_BYTES,
  HELD_FRAME_FRAMES,
  HELD_FRAME_FROM,
  HELD_FRAME_LEN,
  HELD_FRAME_VNET,
  HELD_FRAME_VNIC,
  HELD_KEYS_MAX,
  HK_RELEASED,
  HK_SINCE,
  HK_USED,
  LOOKUP_DEADLINE_MS,
} from '../layout';
import { fdbFind } from '../table/fdb';
import { arriveWith } from './arrival';
import { drop, total } from './counters';
import { decapHeld } from './decap';
import { flood, floodsUnknown } from './flood';
import { forward } from './forward';
import { Frame, takeFrame } from './frame';
import { arenaOf, freeSlot, headerOf, heldAfter, heldFrames, isSenderThere, keyAt, overlayOf } from './hold';
import { outHasRoom } from './output-list';
import { refusedHeld } from './source-check';
import { nowMs } from './worker';

// Sends what waits on its way by `value` (0: nobody answered), or drops it if `overlay` is 0. False when the output
// list is full.
function release(slot: u32, key: u64, overlay: u32, value: u32): bool {
  const header = headerOf(slot);
  const arena = arenaOf(slot);
  let at = load<u32>(header, HK_RELEASED);
  // One that waited for its source may wait for its destination from now on, and of the same key.
  while (at < load<u32>(header, HK_USED)) {
    if (!outHasRoom()) return false;
    const held = arena + at;
    const len = load<u32>(held, HELD_FRAME_LEN);
    at = heldAfter(slot, at);
    store<u32>(header, at, HK_RELEASED); // first: after a trap, a frame that has met its fate is not dropped again
    const frame = takeHeld(held, len);
    total(C_HELD, -(<u64>frame.frames));
    total(C_HELD_BYTES, -(<u64>len));
    if (overlay == 0 || !isSenderThere(held)) drop(frame, Drop.overlay_gone, overlay, 0);
    else if (load<u32>(held, HELD_FRAME_FROM) != 0) admitHeld(frame, overlay, held + HELD_FRAME_FROM, value);
    else sendHeld(frame, overlay, load<u32>(held, HELD_FRAME_VNIC), value);
  }
  freeSlot(slot, key);
  return true;
}

@inline
function takeHeld(held: usize, len: u32): Frame {
  const frames = load<u32>(held, HELD_FRAME_FRAMES);
  return takeFrame(held + HELD_FRAME, len, held + HELD_FRAME_VNET, frames, load<u32>(held, HELD_FRAME_BYTES));
}

function sendHeld(frame: Frame, overlay: u32, vnic: u32, value: u32): void {
  if (value == 0 && (vnic == 0 || !floodsUnknown(overlay))) return drop(frame, Drop.lookup_timeout, overlay, vnic);
  if (value == 0) flood(frame, overlay, vnic);
  else forward(frame, overlay, vnic, value);
}

// A frame from the underlay that waited to know whether its source MAC is at its sender.
function admitHeld(frame: Frame, overlay: u32, from: usize, value: u32): void {
  const reason = refusedHeld(frame, overlay, from, value);
  if (reason != Drop.none) return drop(frame, reason, overlay, 0);
  arriveWith(0); // what the outer header said of congestion is forgotten
  decapHeld(frame, overlay, from);
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
