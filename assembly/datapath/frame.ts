// The frame that is on its way through the datapath: where it stands, what its virtio_net_hdr says, and what it is on
// the wire. A super-frame stands for several frames, and every book counts those.
//
// A worker takes one frame at a time, so one record in its area is enough. Whoever takes a frame (from a TAP, the
// underlay, a held queue, the inject ring) fills it and hands it on; it holds until the next frame is taken. What lives
// longer, an entry of the output list or a held frame, has a copy of what it needs.

import { W_FRAME, W_GSO, W_NO_VNET } from '../layout';
import {
  VNET_GSO_NONE,
  VNET_NEEDS_CSUM,
  vnetClear,
  vnetCsumOffset,
  vnetCsumStart,
  vnetFlags,
  vnetGsoType,
  vnetIsPlain,
} from '../wire/virtio';
import { completeChecksum } from '../offload/checksum-offload';
import { Segmentation, segmentOpen } from '../offload/gso';
import { ETH_HLEN } from '../wire/ethernet';
import { VLAN_HLEN, vlanDepth } from '../wire/vlan';
import { w } from './worker';

/** A record in a worker's area: nobody makes one with `new`. */
@unmanaged
export class Frame {
  /** Where its Ethernet header starts. */
  start: usize;
  /** Bytes of it. */
  len: u32;
  /** Its struct virtio_net_hdr. */
  vnet: usize;
  /** Frames it is on the wire. */
  frames: u32;
  /** Bytes of those as they came, headers of every segment included. */
  bytes: u32;
  /** Its tags, as `vlanDepth` of wire/vlan.ts says. */
  depth: i32;
}

/** A frame that is `frames` frames of `bytes` on the wire, and leaves to its receiver what `vnet` says. */
@inline
export function takeFrame(start: usize, len: u32, vnet: usize, frames: u32, bytes: u32): Frame {
  const frame = changetype<Frame>(w() + W_FRAME);
  frame.start = start;
  frame.len = len;
  frame.vnet = vnet;
  frame.frames = frames;
  frame.bytes = bytes;
  frame.depth = vlanDepth(start, len);
  return frame;
}

/** A frame that is complete as it stands. */
@inline
export function takeComplete(start: usize, len: u32): Frame {
  return takeFrame(start, len, w() + W_NO_VNET, 1, len);
}

@inline
export function isSuperFrame(frame: Frame): bool {
  return vnetGsoType(frame.vnet) != VNET_GSO_NONE;
}

/** The record of the super-frame that is cut, or only looked at: whoever opens it is done with it before the next. */
@inline
export function segmentation(): Segmentation {
  return changetype<Segmentation>(w() + W_GSO);
}

/**
 * Counts the frames that a super-frame is. False: its header does not describe it, and it counts as one frame; or it
 * has a checksum made before layer 3, which would rewrite addresses that have been looked at.
 */
@inline
export function countSegments(frame: Frame): bool {
  return vnetIsPlain(frame.vnet) || (isSuperFrame(frame) ? countOpened(frame) : isBehindL2(frame));
}

function isBehindL2(frame: Frame): bool {
  if (!(vnetFlags(frame.vnet) & VNET_NEEDS_CSUM)) return true;
  return vnetCsumStart(frame.vnet) >= ETH_HLEN + <u32>max(frame.depth, 0) * VLAN_HLEN;
}

function countOpened(frame: Frame): bool {
  const gso = segmentation();
  if (!segmentOpen(gso, frame.start, frame.len, frame.vnet)) return false;
  frame.frames = gso.count;
  frame.bytes = frame.len + (gso.count - 1) * gso.headers;
  return true;
}

/** Makes good the checksum that the kernel left undone. A super-frame's are made when it is cut. */
@inline
export function completeFrame(frame: Frame): bool {
  return vnetIsPlain(frame.vnet) || completeUnfinished(frame);
}

function completeUnfinished(frame: Frame): bool {
  const vnet = frame.vnet;
  if (!(vnetFlags(vnet) & VNET_NEEDS_CSUM) || isSuperFrame(frame)) return true;
  const isComplete = completeChecksum(frame.start, frame.len, vnetCsumStart(vnet), vnetCsumOffset(vnet));
  vnetClear(vnet);
  return isComplete;
}
