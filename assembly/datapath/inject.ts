// Frames from the host: answers of the proxies for a VNIC, frames that a VNIC sent and a proxy redirected, or could
// not answer, and the VTEP's own to another one (oam.ts).

import {
  C_INJECTED,
  Drop,
  Inject,
  OVL_FLAGS,
  OVL_FLAG_LIVE,
  OVL_FLAG_POINT,
  OVL_INCARNATION,
  REC_ENDPOINT,
  REC_FRAME,
  REC_FRAME_LEN,
  REC_INCARNATION,
  REC_OVERLAY,
  REC_TYPE,
  REC_VNIC,
  VNIC_FLAGS,
  VNIC_INCARNATION,
  W_INJECT_RING,
} from '../layout';
import { ringRead, ringRelease } from '../ring/spsc';
import { fdbFind, fdbKey } from '../table/fdb';
import { overlayAt, vnicAt } from '../table/records';
import { ethDst } from '../wire/ethernet';
import { drop, total } from './counters';
import { route, toPoint } from './encap';
import { flood } from './flood';
import { Frame, takeComplete } from './frame';
import { outDeliver, outEncap } from './output';
import { outHasRoom } from './output-list';
import { w } from './worker';

// Records read in the last pass have been sent by now: their bytes may be overwritten.
export function injectRelease(): void {
  ringRelease(w() + W_INJECT_RING);
}

// Takes what the host injected. False when the output list is full: call again after it was sent.
export function injectAll(): bool {
  while (outHasRoom()) {
    const record = ringRead(w() + W_INJECT_RING);
    if (record == 0) return true;
    injectOne(record);
  }
  return false;
}

function injectOne(record: usize): void {
  const frame = takeComplete(record + REC_FRAME, load<u32>(record, REC_FRAME_LEN));
  const vnic = load<u32>(record, REC_VNIC);
  const overlay = load<u32>(record, REC_OVERLAY);
  const port = vnicAt(vnic);
  total(C_INJECTED, 1);
  const type = load<u32>(record, REC_TYPE);
  if (type == Inject.tunnel) return tunnelInjected(frame, overlay, record);
  if (load<u32>(port, VNIC_FLAGS) == 0 || load<u32>(port, VNIC_INCARNATION) != load<u32>(record, REC_INCARNATION)) {
    return drop(frame, Drop.overlay_gone, 0, 0); // the overlay's index may be another's as well
  }
  if (type == Inject.deliver) outDeliver(frame, overlay, vnic, 0);
  else if (type == Inject.flood) floodInjected(frame, overlay, vnic);
  else routeInjected(frame, overlay, vnic);
}

// Of no VNIC: whoever a MAC belongs to, it goes to that endpoint.
function tunnelInjected(frame: Frame, overlay: u32, record: usize): void {
  const at = overlayAt(overlay);
  const isSame = load<u32>(at, OVL_INCARNATION) == load<u32>(record, REC_INCARNATION);
  if (!isSame || !(load<u32>(at, OVL_FLAGS) & OVL_FLAG_LIVE)) drop(frame, Drop.overlay_gone, 0, 0);
  else outEncap(frame, overlay, load<u32>(record, REC_ENDPOINT), 0);
}

function routeInjected(frame: Frame, overlay: u32, vnic: u32): void {
  const key = fdbKey(overlay, ethDst(frame.start));
  route(frame, key, fdbFind(key), overlay, vnic);
}

function floodInjected(frame: Frame, overlay: u32, vnic: u32): void {
  const flags = load<u32>(overlayAt(overlay), OVL_FLAGS);
  if (!(flags & OVL_FLAG_LIVE)) drop(frame, Drop.overlay_gone, overlay, vnic);
  else if (flags & OVL_FLAG_POINT) toPoint(frame, overlay, vnic);
  else flood(frame, overlay, vnic);
}
