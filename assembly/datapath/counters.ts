// Counters of this worker. The books: in + copies + injected = out + delivered + drops + held + upcalled.

import {
  C_COPIES,
  C_DECAP_IN,
  C_DELIVERED,
  C_ENCAP_IN,
  C_ENCAP_OUT,
  C_HELD,
  C_INJECTED,
  C_UPCALLED,
  DROP_REASONS_MAX,
  Drop,
  EC_BYTES,
  EC_FRAMES,
  EC_SIZE,
  OC_DROPS,
  OC_SIZE,
  OVERLAYS_MAX,
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

// After a trap: what was taken and has no fate yet is lost, and the books say so. It is not known whose it was.
export function bookLost(): void {
  const totals = w() + W_COUNTERS;
  const taken =
    load<u64>(totals, C_ENCAP_IN) +
    load<u64>(totals, C_DECAP_IN) +
    load<u64>(totals, C_INJECTED) +
    load<u64>(totals, C_COPIES);
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
