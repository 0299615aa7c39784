// The frame in hand: what its virtio_net_hdr says, and what it is on the wire. A super-frame stands for several frames,
// and every book counts those. Set when a frame is taken from a TAP, the underlay, a held queue or the inject ring.

import { W_NO_VNET } from '../layout';
import {
  VNET_GSO_NONE,
  VNET_NEEDS_CSUM,
  vnetClear,
  vnetCsumOffset,
  vnetCsumStart,
  vnetFlags,
  vnetGsoType,
} from '../wire/virtio';
import { completeChecksum } from '../offload/checksum-offload';
import { segmentCount, segmentOpen } from '../offload/gso';
import { w } from './worker';

let vnet: usize = 0;
let frames: u32 = 1;
let bytes: u32 = 0;

// Its struct virtio_net_hdr.
@inline
export function frameVnet(): usize {
  return vnet;
}

// Frames it is on the wire.
@inline
export function frameCount(): u32 {
  return frames;
}

// Bytes of those, headers of every segment included.
@inline
export function frameBytes(): u32 {
  return bytes;
}

@inline
export function isSuperFrame(): bool {
  return vnetGsoType(vnet) != VNET_GSO_NONE;
}

// A frame that is complete as it stands.
@inline
export function takeComplete(len: u32): void {
  vnet = w() + W_NO_VNET;
  frames = 1;
  bytes = len;
}

// A frame whose header at `header` was read before: from a held queue.
@inline
export function takeAgain(header: usize, count: u32, size: u32): void {
  vnet = header;
  frames = count;
  bytes = size;
}

// A frame just read from a TAP. False: its header does not describe it, and it counts as one frame.
export function takeOffloaded(frame: usize, len: u32, header: usize): bool {
  takeAgain(header, 1, len);
  if (!isSuperFrame()) return true;
  const headers = segmentOpen(frame, len, header);
  if (headers == 0) return false;
  frames = segmentCount();
  bytes = len + (frames - 1) * headers;
  return true;
}

// Makes good the checksum that the kernel left undone. A super-frame's are made when it is segmented.
@inline
export function completeInHand(frame: usize, len: u32): bool {
  if (!(vnetFlags(vnet) & VNET_NEEDS_CSUM) || isSuperFrame()) return true;
  const isComplete = completeChecksum(frame, len, vnetCsumStart(vnet), vnetCsumOffset(vnet));
  vnetClear(vnet);
  return isComplete;
}
