// What the datapath cannot decide goes to the host through the upcall ring: a miss as a question without its frame
// (hold.ts keeps that), a frame for a proxy as a whole.

import {
  C_UPCALLED,
  C_UPCALLS,
  Drop,
  REC_ETHERTYPE,
  REC_FRAME,
  REC_FRAME_LEN,
  REC_MAC,
  REC_OVERLAY,
  REC_SOURCE_MAC,
  REC_VLAN,
  REC_VNIC,
  RING_HEAD,
  Upcall,
  UPCALLS_PER_SECOND_MAX,
  VC_REFILLED,
  VC_TOKENS,
  W_UPCALL_RING,
} from '../layout';
import { ringPublish, ringReserve } from '../ring/spsc';
import { ethDst, ethSrc } from '../wire/ethernet';
import { innerEtherType, VLAN_TOWER, vlanDepth, vlanId } from '../wire/vlan';
import { total, vnicCounters } from './counters';
import { nowMs, w } from './worker';

const TOKEN: u32 = 1000; // one upcall, so that a millisecond refills UPCALLS_PER_SECOND_MAX of these parts
const BUCKET: u32 = UPCALLS_PER_SECOND_MAX * TOKEN; // a second's worth may come at once

// Whether the VNIC may cause one more upcall now (token bucket); takes the token. VNIC 0 is the underlay.
export function upcallAllowed(vnic: u32): bool {
  const counters = vnicCounters(vnic);
  const millisecond = <u32>(<u64>nowMs()) | 1; // never 0, which marks a bucket that was never filled
  const refilled = load<u32>(counters, VC_REFILLED);
  const elapsed = min(millisecond - refilled, 1000);
  const refill = load<u32>(counters, VC_TOKENS) + elapsed * UPCALLS_PER_SECOND_MAX;
  const tokens = refilled == 0 ? BUCKET : min(refill, BUCKET);
  store<u32>(counters, millisecond, VC_REFILLED);
  const allowed = tokens >= TOKEN;
  store<u32>(counters, allowed ? tokens - TOKEN : tokens, VC_TOKENS);
  return allowed;
}

// Asks the host where `mac` is. False when the ring is full.
export function upcallMiss(mac: u64, frame: usize, len: u32, overlay: u32, vnic: u32): bool {
  const record = describe(Upcall.miss, mac, frame, len, overlay, vnic, 0);
  if (record == 0) return false;
  ringPublish(w() + W_UPCALL_RING);
  total(C_UPCALLS, 1);
  return true;
}

// Hands a whole frame to a proxy. Answers Drop.none, or why it could not.
export function upcallFrame(type: Upcall, frame: usize, len: u32, overlay: u32, vnic: u32): Drop {
  if (!upcallAllowed(vnic)) return Drop.upcall_limited;
  const record = describe(type, ethDst(frame), frame, len, overlay, vnic, len);
  if (record == 0) return Drop.upcall_ring_full;
  memory.copy(record + REC_FRAME, frame, len);
  ringPublish(w() + W_UPCALL_RING);
  total(C_UPCALLED, 1);
  return Drop.none;
}

function describe(type: Upcall, mac: u64, frame: usize, len: u32, overlay: u32, vnic: u32, room: u32): usize {
  const record = ringReserve(w() + W_UPCALL_RING, type, REC_FRAME + room);
  if (record == 0) return 0;
  const depth = vlanDepth(frame, len);
  assert(depth >= 0 && depth < VLAN_TOWER);
  store<u32>(record, overlay, REC_OVERLAY);
  store<u32>(record, vnic, REC_VNIC);
  store<u64>(record, mac, REC_MAC);
  store<u64>(record, ethSrc(frame), REC_SOURCE_MAC);
  store<u32>(record, innerEtherType(frame, depth), REC_ETHERTYPE);
  store<u32>(record, vlanId(frame), REC_VLAN);
  store<u32>(record, room, REC_FRAME_LEN);
  return record;
}

let notified: u32 = 0; // RING_HEAD when the host was last woken

// Wakes a host that waits for the ring to move, if it has moved: for nothing, that would cost the host several system
// calls a batch.
export function upcallNotify(): void {
  const head = load<u32>(w() + W_UPCALL_RING, RING_HEAD);
  if (head == notified) return;
  notified = head;
  atomic.notify(w() + W_UPCALL_RING + RING_HEAD, 1);
}
