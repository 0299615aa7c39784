// Frames that a VNIC sent, a batch at a time: what the FDB says of all destinations first, so that the processor waits
// for its cache misses together; then one after the other. Ordinary ones (ordinary.ts) to another VNIC, or to a known
// endpoint from the only source port, are listed here; all others take the steps of encap.ts.

import {
  FdbKind,
  LOOKUP_KEY,
  LOOKUP_SIZE,
  LOOKUP_VALUE,
  OUT_SIZE,
  OVL_HEADER,
  OVL_MARK,
  OVL_MARK_COPIED,
  OVL_SOCKET,
  READ_AT,
  READ_LEN,
  VNET_SIZE,
  VNIC_MAC,
  VNIC_OVERLAY,
  VNIC_TAG,
} from '../layout';
import { fdbAsk, fdbFindBatch, fdbIndex, fdbKey, fdbKind } from '../table/fdb';
import { overlayAt, vnicAt } from '../table/records';
import { ethDst } from '../wire/ethernet';
import { captureSent, captureVerdict, isCapturing } from './capture';
import { countEncapIn } from './counters';
import { encapFrame } from './encap';
import { Frame, takeFrame } from './frame';
import { heldFrames } from './hold';
import { isOrdinaryRead, mayBeOrdinary } from './ordinary';
import { outBy, outCommon, outComplete, outDelivered, outOrdinary } from './output';
import { outDelivers, outHasRoom, outNext, outRoom, outShares, outUpTo } from './output-list';
import { readAt } from './reads';
import { pathFrameMax } from './too-big';

// What reads `from` to `count` of a VNIC's TAP answered (reads.ts): a struct virtio_net_hdr each, over which the VXLAN
// header will be written, and a frame. Answers the first not taken: there was no room in the output list; call again
// with the same when it was sent.
export function encapReads(vnic: u32, from: u32, count: u32): u32 {
  const sender = vnicAt(vnic);
  const overlay = load<u32>(sender, VNIC_OVERLAY);
  const record = overlayAt(overlay);
  const captures = isCapturing();
  const by = outBy(overlay);
  const isUsual = mayBeOrdinary(sender, record, captures);
  const own = load<u64>(sender, VNIC_MAC);
  const copied = load<u32>(record, OVL_MARK_COPIED);
  const header = load<u64>(record, OVL_HEADER);
  const common = outCommon(load<u32>(record, OVL_MARK), vnic);
  const shares = outShares(record, load<u32>(record, OVL_SOCKET));
  lookUp(overlay, from, count);
  const first = readAt(from);
  const end = readAt(count);
  let frames: u32 = 0;
  let bytes: u32 = 0;
  let read = first;
  while (read < end && outHasRoom()) {
    if (isUsual && (by != 0 || isLocal(read)) && heldFrames() == 0) {
      const before = outNext();
      const room = outRoom();
      let out = before;
      for (; (read < end) & (out < room); read += LOOKUP_SIZE) {
        const at = <usize>load<u32>(read, READ_AT);
        const len = load<u32>(read, READ_LEN);
        const value = load<u32>(read, LOOKUP_VALUE);
        const size = len - VNET_SIZE;
        const endpoint = fdbIndex(value);
        if (by != 0 && isOrdinaryRead(at, len, value, own, copied) & (size <= pathFrameMax(endpoint))) {
          outOrdinary(out, at + VNET_SIZE, size, by | endpoint, common, header, shares);
        } else if (!deliver(out, at, len, value, own, overlay, vnic)) break;
        bytes += size;
        out += OUT_SIZE;
      }
      outUpTo(out);
      frames += <u32>(out - before) / OUT_SIZE;
      if ((read == end) | (out >= room)) break;
    }
    const frame = frameOf(load<u32>(read, READ_AT), load<u32>(read, READ_LEN));
    if (captures) captureSent(frame, overlay, vnic);
    encapFrame(frame, load<u64>(read, LOOKUP_KEY), load<u32>(read, LOOKUP_VALUE), sender, overlay, vnic);
    if (captures) captureVerdict(frame);
    frames += frame.frames;
    bytes += frame.bytes;
    read += LOOKUP_SIZE;
  }
  const taken = <u32>(read - first) / LOOKUP_SIZE;
  countEncapIn(taken, frames, bytes, vnic);
  return from + taken;
}

// Whether what was read goes to another VNIC of this host, whose run does not depend on source ports.
@inline
function isLocal(read: usize): bool {
  return fdbKind(load<u32>(read, LOOKUP_VALUE)) == FdbKind.local;
}

// An ordinary frame from a VNIC with the MAC `own` to another one of this host is listed at `out`. False: it is not.
function deliver(out: usize, at: usize, len: u32, value: u32, own: u64, overlay: u32, vnic: u32): bool {
  const receiver = fdbIndex(value);
  if (fdbKind(value) != FdbKind.local || receiver == vnic) return false;
  if (load<u32>(vnicAt(receiver), VNIC_TAG) != 0) return false;
  if (!isOrdinaryRead(at, len, FdbKind.remote, own, 0)) return false; // no outer header copies anything
  outComplete(out, at + VNET_SIZE, len - VNET_SIZE, outDelivered(overlay, true), (<u64>vnic << 32) | receiver);
  outDelivers();
  return true;
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
