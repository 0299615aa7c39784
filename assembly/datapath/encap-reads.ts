// Frames that a VNIC sent, a batch at a time: what the FDB says of all destinations first, so that the processor waits
// for its cache misses together; then one after the other, ordinary ones in runs (encap-ordinary.ts), all others by the
// steps of encap.ts.

import { LOOKUP_KEY, LOOKUP_SIZE, LOOKUP_VALUE, READ_AT, READ_LEN, VNET_SIZE, VNIC_OVERLAY } from '../layout';
import { fdbAsk, fdbFindBatch, fdbKey } from '../table/fdb';
import { overlayAt, vnicAt } from '../table/records';
import { ethDst } from '../wire/ethernet';
import { captureSent, captureVerdict, isCapturing } from './capture';
import { countEncapIn } from './counters';
import { encapFrame } from './encap';
import { encapOrdinary, mayBegin, mayBeOrdinary } from './encap-ordinary';
import { Frame, takeFrame } from './frame';
import { outHasRoom } from './output-list';
import { readAt } from './reads';

// What reads `from` to `count` of a VNIC's TAP answered (reads.ts): a struct virtio_net_hdr each, over which the VXLAN
// header will be written, and a frame. Answers the first not taken: there was no room in the output list; call again
// with the same when it was sent.
export function encapReads(vnic: u32, from: u32, count: u32): u32 {
  const sender = vnicAt(vnic);
  const overlay = load<u32>(sender, VNIC_OVERLAY);
  const record = overlayAt(overlay);
  const isUsual = mayBeOrdinary(sender, record);
  lookUp(overlay, from, count);
  const first = readAt(from);
  const end = readAt(count);
  let read = first;
  while (read < end && outHasRoom()) {
    const next = isUsual ? encapOrdinary(read, end, record, sender, overlay, vnic) : read;
    read = next == read ? encapOthers(read, isUsual ? othersEnd(read, end) : end, sender, overlay, vnic) : next;
  }
  return from + <u32>(read - first) / LOOKUP_SIZE;
}

// Where the run of frames ends that begins with the one at `first`, which is not ordinary: behind the last one that
// wants an offload or has a tag.
function othersEnd(first: usize, end: usize): usize {
  let read = first + LOOKUP_SIZE;
  while (read < end && !mayBegin(read)) read += LOOKUP_SIZE;
  return read;
}

// Frames that are not ordinary. There must be room for one; answers the first not taken.
function encapOthers(first: usize, end: usize, sender: usize, overlay: u32, vnic: u32): usize {
  const captures = isCapturing();
  let frames: u32 = 0;
  let bytes: u32 = 0;
  let read = first;
  do {
    const frame = frameOf(load<u32>(read, READ_AT), load<u32>(read, READ_LEN));
    if (captures) captureSent(frame, overlay, vnic);
    encapFrame(frame, load<u64>(read, LOOKUP_KEY), load<u32>(read, LOOKUP_VALUE), sender, overlay, vnic);
    if (captures) captureVerdict(frame);
    frames += frame.frames;
    bytes += frame.bytes;
    read += LOOKUP_SIZE;
  } while (read < end && outHasRoom());
  countEncapIn(<u32>(read - first) / LOOKUP_SIZE, frames, bytes, vnic);
  return read;
}

// Of frames that nobody has looked at yet: what is too short for an address asks for something.
@inline
function lookUp(overlay: u32, from: u32, count: u32): void {
  const end = readAt(count);
  for (let read = readAt(from); read < end; read += LOOKUP_SIZE) {
    fdbAsk(read, fdbKey(overlay, ethDst(load<u32>(read, READ_AT) + VNET_SIZE)));
  }
  fdbFindBatch(readAt(from), count - from);
}

// What a read of `len` bytes answered: less than a virtio_net_hdr is no frame.
@inline
export function frameOf(at: usize, len: u32): Frame {
  const size = max(len, VNET_SIZE) - VNET_SIZE;
  return takeFrame(at + VNET_SIZE, size, at, 1, size);
}
