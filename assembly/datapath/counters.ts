// Counters of this worker. The books: in + copies + injected = out + delivered + drops + held + upcalled.

import {
  C_COPIES,
  Drop,
  EC_BYTES,
  EC_FRAMES,
  EC_SIZE,
  OC_DROPS,
  OC_SIZE,
  VC_DROPS,
  VC_SIZE,
  W_COUNTERS,
  W_ENDPOINT_COUNTERS,
  W_OVERLAY_COUNTERS,
  W_VNIC_COUNTERS,
} from '../layout';
import { w } from './worker';

@inline
export function bump(address: usize, offset: usize, by: u64): void {
  store<u64>(address + offset, load<u64>(address + offset) + by);
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

// The fate of a frame that goes nowhere. `vnic` is its sender, 0 when it came from the underlay.
export function drop(reason: Drop, overlay: u32, vnic: u32): void {
  assert(reason != Drop.none);
  bump(overlayCounters(overlay), <usize>OC_DROPS + (<usize>reason << 3), 1);
  bump(vnicCounters(vnic), VC_DROPS, 1);
}

@inline
export function countCopy(): void {
  total(C_COPIES, 1);
}

@inline
export function countEndpoint(endpoint: u32, bytes: u32): void {
  const counters = w() + W_ENDPOINT_COUNTERS + <usize>endpoint * EC_SIZE;
  bump(counters, EC_FRAMES, 1);
  bump(counters, EC_BYTES, bytes);
}
