// Internals of assembly/datapath for the tests, under the names they have there.

export { coalesceBegin, coalesceEnd } from '../../assembly/engine/output/gro-list';
export * from '../../assembly/offload/checksum-offload';
export { KIND_TCP, KIND_UDP } from '../../assembly/offload/flow-of';
export { workerAttach } from '../../assembly/datapath/worker';

import * as flow from '../../assembly/datapath/flow';
import * as list from '../../assembly/engine/output/gro-list';
import { outAt } from '../../assembly/datapath/output-list';
import { OUT_ENDPOINT } from '../../assembly/layout';
import * as gso from '../../assembly/offload/gso';
import { vlanDepth } from '../../assembly/wire/vlan';

// As plan.ts does it: entries for endpoints are none of the GRO list's.
export function coalesce(index: u32, kinds: u32): void {
  const out = outAt(index);
  if (load<u32>(out, OUT_ENDPOINT) == 0) list.coalesce(out, kinds);
}

export function flowHash(frame: usize, len: u32): u32 {
  return flow.flowHash(frame, len, vlanDepth(frame, len));
}

// Of one that may have tags as well.
export function flowHashUntagged(frame: usize, len: u32): u32 {
  return vlanDepth(frame, len) == 0 ? flow.flowHashUntagged(frame, len) : flowHash(frame, len);
}

// A record is an address to the tests.

@inline
function segmentation(at: usize): gso.Segmentation {
  return changetype<gso.Segmentation>(at);
}

export function segmentOpen(at: usize, frame: usize, len: u32, vnet: usize): bool {
  return gso.segmentOpen(segmentation(at), frame, len, vnet);
}

export function segmentWrite(at: usize, to: usize, index: u32): u32 {
  return gso.segmentWrite(segmentation(at), to, index);
}

export function segmentCount(at: usize): u32 {
  return segmentation(at).count;
}

export function segmentHeaders(at: usize): u32 {
  return segmentation(at).headers;
}
