// What the datapath cannot decide goes to the host through the upcall ring: a miss as a question without its frame
// (hold.ts keeps that), a frame for a proxy or the VTEP itself as a whole, where a MAC was heard from as an address
// (learn.ts), an endpoint whose path takes less than was known.

import {
  C_LEARNS,
  C_UPCALLED,
  C_UPCALLS,
  Drop,
  EP_SOCKADDR_MAX,
  LOOPBACKS_PER_SECOND_MAX,
  OC_LOOPBACK_TOKENS,
  OC_TOKENS,
  OVL_INCARNATION,
  REC_ENDPOINT,
  REC_ETHERTYPE,
  REC_FRAME,
  REC_FRAMES,
  REC_FRAME_LEN,
  REC_LEARN_SIZE,
  REC_INCARNATION,
  REC_MAC,
  REC_SENDER,
  REC_SOCKADDR,
  REC_SOURCE_MAC,
  REC_TOO_LONG_SIZE,
  REC_VLAN,
  REC_VNIC,
  RING_CAPACITY,
  RING_HEAD,
  Upcall,
  UPCALLS_PER_SECOND_MAX,
  VC_TOKENS,
  W_TOO_LONG_TOKENS,
  W_UPCALL_RING,
} from '../layout';
import { ringReserveFor } from '../ring/shares';
import { ringPublish } from '../ring/spsc';
import { overlayAt } from '../table/records';
import { ethDst, ethSrc } from '../wire/ethernet';
import { innerEtherType, VLAN_TOWER, vlanDepth, vlanId } from '../wire/vlan';
import { takeToken } from './bucket';
import { overlayCounters, total, vnicCounters } from './counters';
import { Frame } from './frame';
import { w } from './worker';

// Whether the VNIC may cause one more upcall now (token bucket); takes the token. VNIC 0 is the underlay, which has a
// bucket in each overlay: who sends to one takes nothing from the others.
export function upcallAllowed(overlay: u32, vnic: u32): bool {
  const bucket = vnic == 0 ? overlayCounters(overlay) + OC_TOKENS : vnicCounters(vnic) + VC_TOKENS;
  return takeToken(bucket, UPCALLS_PER_SECOND_MAX);
}

// Asks the host where `mac` is. False when the ring is full.
export function upcallMiss(mac: u64, frame: Frame, overlay: u32, vnic: u32): bool {
  const record = describe(Upcall.miss, mac, frame, overlay, vnic, 0, RING_CAPACITY);
  if (record == 0) return false;
  ringPublish(w() + W_UPCALL_RING);
  total(C_UPCALLS, 1);
  return true;
}

// Hands a whole frame to a proxy. Answers Drop.none, or why it could not.
export function upcallFrame(type: Upcall, frame: Frame, overlay: u32, vnic: u32): Drop {
  return upcallAllowed(overlay, vnic) ? handUp(type, frame, overlay, vnic, 0) : Drop.upcall_limited;
}

// Hands up a copy of a frame from the underlay that goes its way: it is in no book. Nothing where there is no room for
// it in half of the ring, or it would be one too many.
export function upcallCopy(type: Upcall, frame: Frame, overlay: u32): void {
  if (!upcallAllowed(overlay, 0)) return;
  const record = describe(type, ethDst(frame.start), frame, overlay, 0, frame.len, RING_CAPACITY >> 1);
  if (record == 0) return;
  memory.copy(record + REC_FRAME, frame.start, frame.len);
  ringPublish(w() + W_UPCALL_RING);
  total(C_LEARNS, 1);
}

// Hands up a frame for this VTEP itself, from the struct sockaddr at `from`. Answers likewise.
export function upcallOam(frame: Frame, overlay: u32, from: usize): Drop {
  const isAllowed = takeToken(overlayCounters(overlay) + OC_LOOPBACK_TOKENS, LOOPBACKS_PER_SECOND_MAX);
  return isAllowed ? handUp(Upcall.loopback, frame, overlay, 0, from) : Drop.oam_limited;
}

// `from`: its sender's struct sockaddr, 0: a VNIC.
function handUp(type: Upcall, frame: Frame, overlay: u32, vnic: u32, from: usize): Drop {
  const record = describe(type, ethDst(frame.start), frame, overlay, vnic, frame.len, RING_CAPACITY);
  if (record == 0) return Drop.upcall_ring_full;
  if (from != 0) memory.copy(record + REC_SENDER, from, EP_SOCKADDR_MAX);
  memory.copy(record + REC_FRAME, frame.start, frame.len);
  ringPublish(w() + W_UPCALL_RING);
  total(C_UPCALLED, 1);
  return Drop.none;
}

// Tells the host that a frame of `mac` came from the VNIC or, if that is 0, from the address in `sockaddr`. False when
// the ring is half full: the other half is for frames, which wait for an answer.
export function upcallLearn(overlay: u32, mac: u64, vnic: u32, sockaddr: usize): bool {
  const ring = w() + W_UPCALL_RING;
  const record = heard(Upcall.learn, overlay, mac);
  if (record == 0) return false;
  store<u32>(record, vnic, REC_VNIC);
  if (vnic == 0) memory.copy(record + REC_SOCKADDR, sockaddr, EP_SOCKADDR_MAX);
  ringPublish(ring);
  total(C_LEARNS, 1);
  return true;
}

// Tells the host that `frames` frames of `mac`, and perhaps of others, were refused for their sender, whose address is
// in `sockaddr`. False likewise.
export function upcallStranger(overlay: u32, mac: u64, frames: u32, sockaddr: usize): bool {
  const record = heard(Upcall.stranger, overlay, mac);
  if (record == 0) return false;
  store<u32>(record, frames, REC_FRAMES);
  memory.copy(record + REC_SOCKADDR, sockaddr, EP_SOCKADDR_MAX);
  ringPublish(w() + W_UPCALL_RING);
  return true;
}

// A record about who sent a frame of `mac`; 0: there is no room for it.
function heard(type: Upcall, overlay: u32, mac: u64): usize {
  const ring = w() + W_UPCALL_RING;
  const record = ringReserveFor(ring, type, REC_LEARN_SIZE, overlay, RING_CAPACITY >> 1);
  if (record == 0) return 0;
  store<u32>(record, load<u32>(overlayAt(overlay), OVL_INCARNATION), REC_INCARNATION);
  store<u64>(record, mac, REC_MAC);
  return record;
}

// Tells the host that the kernel did not take a datagram to the endpoint for its length, at most
// TOO_LONG_PER_SECOND_MAX times a second. It is woken at once, for whoever sent it tries again.
export function upcallTooLong(endpoint: u32): void {
  const ring = w() + W_UPCALL_RING;
  if (!takeToken(w() + W_TOO_LONG_TOKENS, TOO_LONG_PER_SECOND_MAX)) return;
  const record = ringReserveFor(ring, Upcall.too_long, REC_TOO_LONG_SIZE, 0, RING_CAPACITY);
  if (record == 0) return;
  store<u32>(record, 0, REC_VNIC);
  store<u32>(record, 0, REC_INCARNATION);
  store<u32>(record, endpoint, REC_ENDPOINT);
  ringPublish(ring);
  upcallNotify();
}

// `room`: bytes of the frame that go along; `most`: bytes of the ring that may be taken.
function describe(type: Upcall, mac: u64, frame: Frame, overlay: u32, vnic: u32, room: u32, most: u32): usize {
  const record = ringReserveFor(w() + W_UPCALL_RING, type, REC_FRAME + room, overlay, most);
  if (record == 0) return 0;
  const start = frame.start;
  const depth = vlanDepth(start, frame.len);
  assert(depth >= 0 && depth < VLAN_TOWER);
  store<u32>(record, vnic, REC_VNIC);
  store<u32>(record, load<u32>(overlayAt(overlay), OVL_INCARNATION), REC_INCARNATION);
  store<u64>(record, mac, REC_MAC);
  store<u64>(record, ethSrc(start), REC_SOURCE_MAC);
  store<u32>(record, innerEtherType(start, depth), REC_ETHERTYPE);
  store<u32>(record, vlanId(start), REC_VLAN);
  store<u32>(record, room, REC_FRAME_LEN);
  return record;
}

const TOO_LONG_PER_SECOND_MAX: u32 = 100;

let notified: u32 = 0; // RING_HEAD when the host was last woken

// Wakes a host that waits for the ring to move, if it has moved: for nothing, that would cost the host several system
// calls a batch.
export function upcallNotify(): void {
  const head = load<u32>(w() + W_UPCALL_RING, RING_HEAD);
  if (head == notified) return;
  notified = head;
  atomic.notify(w() + W_UPCALL_RING + RING_HEAD, 1);
}
