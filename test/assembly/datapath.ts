// Internals of assembly/datapath for the tests, under the names they have there.

export * from '../../assembly/engine/output/gro-list';
export * from '../../assembly/offload/checksum-offload';
export * from '../../assembly/datapath/flow';
export { KIND_TCP, KIND_UDP } from '../../assembly/offload/flow-of';
export { workerAttach } from '../../assembly/datapath/worker';

import * as gso from '../../assembly/offload/gso';

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
