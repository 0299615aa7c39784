// Counters of this worker. The books: in + copies + injected + answers = out + delivered + drops + held + upcalled.

import {
  C_COPIES,
  C_DECAP_IN,
  C_DECAP_IN_BYTES,
  C_DELIVERED,
  C_ENCAP_IN,
  C_ENCAP_IN_BYTES,
  C_ENCAP_OUT,
  C_HELD,
  C_INJECTED,
  C_TOO_BIG_ANSWERS,
  C_UNKNOWN_FROM,
  C_UNKNOWN_VNI,
  C_UPCALLED,
  DROPS_EXPECTED,
  DROP_REASONS_MAX,
  Drop,
  EC_FRAMES,
  EC_SIZE,
  EP_SOCKADDR_MAX,
  OC_DECAP_FRAMES,
  OC_DROPS,
  OC_SIZE,
  OVERLAYS_MAX,
  SC_FRAMES,
  SC_LOST,
  SC_SIZE,
  VC_DROPS,
  VC_DROPS_EXPECTED,
  VC_SIZE,
  VC_TX_FRAMES,
  W_COUNTERS,
  W_DATAGRAMS_LEFT,
  W_ENDPOINT_COUNTERS,
  W_FRAMES_LEFT,
  W_OVERLAY_COUNTERS,
  W_SENDER_COUNTERS,
  W_VNIC_COUNTERS,
} from '../layout';
import { captureDropped, isCapturing } from './capture';
import { Frame } from './frame';
import { w } from './worker';

@inline
export function bump(address: usize, offset: usize, by: u64): void {
  store<u64>(address + offset, load<u64>(address + offset) + by);
}

// Frames and bytes of them, which are counted together.
@inline
export function pairOf(frames: u64, bytes: u64): v128 {
  return i64x2.replace_lane(i64x2.splat(frames), 1, bytes);
}

// Two u32 as such a pair.
@inline
export function pairAt(at: usize): v128 {
  return v128.load_ext<u32>(at);
}

@inline
export function pairFrames(pair: v128): u64 {
  return i64x2.extract_lane(pair, 0);
}

@inline
export function pairBytes(pair: v128): u64 {
  return i64x2.extract_lane(pair, 1);
}

// Bumps the counter at `offset`, and that of bytes behind it. Whoever reads meanwhile sees each as it was or is.
@inline
export function bumpPair(address: usize, offset: usize, by: v128): void {
  v128.store(address + offset, i64x2.add(v128.load(address + offset), by));
}

@inline
export function total(offset: usize, by: u64): void {
  bump(w() + W_COUNTERS, offset, by);
}

@inline
export function overlayCounters(overlay: u32): usize {
  return w() + W_OVERLAY_COUNTERS + <usize>overlay * OC_SIZE;
}

@inline
export function vnicCounters(vnic: u32): usize {
  return w() + W_VNIC_COUNTERS + <usize>vnic * VC_SIZE;
}

@inline
function isExpected(reason: Drop): bool {
  return reason < 32 && (DROPS_EXPECTED & (1 << reason)) != 0;
}

// The fate of a frame that goes nowhere. `vnic` is its sender, 0 when it came from the underlay.
export function drop(frame: Frame, reason: Drop, overlay: u32, vnic: u32): void {
  if (isCapturing()) captureDropped(frame, reason, overlay, vnic);
  dropFrames(reason, overlay, vnic, frame.frames);
}

export function dropFrames(reason: Drop, overlay: u32, vnic: u32, frames: u32): void {
  assert(reason != Drop.none);
  bump(overlayCounters(overlay), <usize>OC_DROPS + (<usize>reason << 3), frames);
  bump(vnicCounters(vnic), VC_DROPS, frames);
  if (isExpected(reason)) bump(vnicCounters(vnic), VC_DROPS_EXPECTED, frames);
}

// A datagram for a VNI that nobody has, from the struct sockaddr at `from`: the host tells of the last one.
export function noteUnknownVni(vni: u32, from: usize): void {
  const note = w() + W_COUNTERS + C_UNKNOWN_VNI;
  store<u32>(note, vni + 1);
  memory.copy(note + (C_UNKNOWN_FROM - C_UNKNOWN_VNI), from, EP_SOCKADDR_MAX);
}

@inline
export function countCopy(frame: Frame): void {
  total(C_COPIES, frame.frames);
}

// `reads` of a VNIC's TAP were taken: `frames` frames of `bytes` on the wire.
@inline
export function countEncapIn(reads: u32, frames: u32, bytes: u32, vnic: u32): void {
  store<u32>(w(), load<u32>(w(), W_FRAMES_LEFT) - reads, W_FRAMES_LEFT);
  total(C_ENCAP_IN, frames);
  total(C_ENCAP_IN_BYTES, bytes);
  bumpPair(vnicCounters(vnic), VC_TX_FRAMES, pairOf(frames, bytes)); // and VC_TX_BYTES
}

// So many frames have been read and will be counted as they are taken: for the books, should one of them trap.
@inline
export function expectFrames(count: u32): void {
  store<u32>(w(), count, W_FRAMES_LEFT);
}

// What came in `received` datagrams is so many frames, which are `bytes` with the headers of every one.
@inline
export function countDecapIn(received: u32, frames: u32, bytes: u32): void {
  store<u32>(w(), load<u32>(w(), W_DATAGRAMS_LEFT) - received, W_DATAGRAMS_LEFT);
  total(C_DECAP_IN, frames);
  total(C_DECAP_IN_BYTES, bytes);
}

// So many datagrams have been received and will be counted as they are taken: for the books, should that trap.
@inline
export function expectDatagrams(count: u32): void {
  store<u32>(w(), count, W_DATAGRAMS_LEFT);
}

// A datagram that was counted as one stands for `frames` more, and `bytes` more.
export function countDecapMore(frames: u32, bytes: i32): void {
  total(C_DECAP_IN, frames);
  total(C_DECAP_IN_BYTES, <u64>(<i64>bytes));
}

@inline
export function countEndpoint(endpoint: u32, by: v128): void {
  bumpPair(w() + W_ENDPOINT_COUNTERS + <usize>endpoint * EC_SIZE, EC_FRAMES, by); // and EC_BYTES
}

@inline
function senderCounters(endpoint: u32): usize {
  return w() + W_SENDER_COUNTERS + <usize>endpoint * SC_SIZE;
}

// Received for an overlay.
@inline
export function countDecap(overlay: u32, by: v128): void {
  bumpPair(overlayCounters(overlay), OC_DECAP_FRAMES, by); // and OC_DECAP_BYTES
}

// The same of a frame as it came, a super-frame as its datagrams; and from its sender, see countReceived.
@inline
export function countDecapFrame(frame: Frame, overlay: u32, sender: u32): void {
  const by = pairOf(frame.frames, frame.bytes);
  countReceived(sender, by);
  countDecap(overlay, by);
}

// Received from an endpoint; 0: from senders that are none.
@inline
export function countReceived(endpoint: u32, by: v128): void {
  bumpPair(senderCounters(endpoint), SC_FRAMES, by); // and SC_BYTES
}

// So many frames for an endpoint are dropped, which is counted elsewhere too.
export function countLost(endpoint: u32, frames: u32): void {
  bump(senderCounters(endpoint), SC_LOST, frames);
}

// After a trap: what was read, or taken and has no fate yet, is lost, and the books say so. It is not known whose it
// was.
export function bookLost(): void {
  total(C_ENCAP_IN, load<u32>(w(), W_FRAMES_LEFT));
  total(C_DECAP_IN, load<u32>(w(), W_DATAGRAMS_LEFT));
  store<u32>(w(), 0, W_FRAMES_LEFT);
  store<u32>(w(), 0, W_DATAGRAMS_LEFT);
  const totals = w() + W_COUNTERS;
  const taken =
    load<u64>(totals, C_ENCAP_IN) +
    load<u64>(totals, C_DECAP_IN) +
    load<u64>(totals, C_INJECTED) +
    load<u64>(totals, C_COPIES) +
    load<u64>(totals, C_TOO_BIG_ANSWERS);
  const settled =
    load<u64>(totals, C_ENCAP_OUT) +
    load<u64>(totals, C_DELIVERED) +
    load<u64>(totals, C_HELD) +
    load<u64>(totals, C_UPCALLED) +
    allDrops();
  if (taken > settled) bump(overlayCounters(0), <usize>OC_DROPS + (<usize>Drop.worker_restarted << 3), taken - settled);
}

function allDrops(): u64 {
  let sum: u64 = 0;
  for (let overlay: u32 = 0; overlay < <u32>OVERLAYS_MAX; overlay++) {
    const drops = overlayCounters(overlay) + OC_DROPS;
    for (let reason: usize = 0; reason < <usize>DROP_REASONS_MAX; reason++) sum += load<u64>(drops + (reason << 3));
  }
  return sum;
}
