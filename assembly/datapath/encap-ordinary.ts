// Ordinary frames that a VNIC sent, a run at a time: what nearly every frame is like, looked at in one go. Such a one
// passes the steps of encap.ts, which are the rules, without being looked at again: complete, neither too short nor too
// long, without a tag, from the VNIC's own MAC, to a single one that lives behind a known endpoint whose path takes it,
// or is another VNIC's that has a TAP to itself, while no frame is held and nobody looks closer.

import {
  FRAME_MAX,
  FdbKind,
  LOOKUP_SIZE,
  LOOKUP_VALUE,
  MARK_TOS,
  OUT_SIZE,
  OVL_FLAGS,
  OVL_FLAG_LIVE,
  OVL_MARK_COPIED,
  READ_AT,
  READ_LEN,
  VNET_SIZE,
  VNIC_FLAGS,
  VNIC_FLAG_GUARDED,
  VNIC_FLAG_LIVE,
  VNIC_MAC,
} from '../layout';
import { fdbIndex, fdbKind } from '../table/fdb';
import { vnicHasTag } from '../table/records';
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, ethFrom, ethIs, ethSourceAndType, ethSrc, MULTICAST } from '../wire/ethernet';
import { IPV4_HLEN, ipv4Tos } from '../wire/ipv4';
import { ipv6Check, ipv6TrafficClass } from '../wire/ipv6';
import { vnetIsPlain, vnetMarks } from '../wire/virtio';
import { vlanHas } from '../wire/vlan';
import { isCapturing } from './capture';
import { countEncapIn } from './counters';
import { heldFrames } from './hold';
import { outBegin, outComplete, outDelivered, outOrdinary } from './output';
import { outNext, outNoteFlow, outRoom, outUpTo } from './output-list';
import { pathFrameMax } from './too-big';
import { hasFlowInHeader } from './tunnel-header';

const LIVE: u32 = OVL_FLAG_LIVE & VNIC_FLAG_LIVE; // the same bit
const SHORTEST: u32 = ETH_HLEN + IPV4_HLEN;
const SPAN: u32 = FRAME_MAX - SHORTEST;

/**
 * Whether frames of a VNIC may be ordinary: it and its overlay are there, nobody looks closer, and of what they say no
 * more is copied into outer headers than TOS or traffic class, nor is their flow. The arguments are the two records.
 */
export function mayBeOrdinary(sender: usize, overlay: usize): bool {
  const flags = load<u32>(sender, VNIC_FLAGS);
  if (!(flags & load<u32>(overlay, OVL_FLAGS) & LIVE) || isCapturing()) return false;
  if (hasFlowInHeader(overlay)) return false;
  return !(flags & VNIC_FLAG_GUARDED) && !(load<u32>(overlay, OVL_MARK_COPIED) & ~MARK_TOS);
}

/** Whether a read may be the first of a run of ordinary frames, by what its own headers say at first sight. */
@inline
export function mayBegin(read: usize): bool {
  const at = <usize>load<u32>(read, READ_AT);
  return vnetIsPlain(at) && !vlanHas(at + VNET_SIZE);
}

/**
 * Takes the reads of the VNIC from `first` on (reads.ts), of whose destinations the FDB has been asked. Answers the
 * first that is not ordinary, or for which there is no room in the output list: nothing has been done about it. There
 * must be room for one. `record` and `sender`: those of the overlay and the VNIC, whose frames may be ordinary.
 */
export function encapOrdinary(
  first: usize,
  end: usize,
  record: usize,
  sender: usize,
  overlay: u32,
  vnic: u32,
): usize {
  if (heldFrames() != 0) return first;
  const own = load<u64>(sender, VNIC_MAC);
  const ipv4From = ethFrom(own, ETH_P_IP);
  const copied = load<u32>(record, OVL_MARK_COPIED);
  outBegin(record, overlay, vnic);
  const before = outNext();
  const stop = min(end, first + ((outRoom() - before) / OUT_SIZE) * LOOKUP_SIZE);
  let bytes: u32 = 0;
  let out = before;
  let read = first;
  for (; read < stop; read += LOOKUP_SIZE) {
    const at = <usize>load<u32>(read, READ_AT);
    const size = load<u32>(read, READ_LEN) - VNET_SIZE;
    const frame = at + VNET_SIZE;
    if ((vnetMarks(at) | (load<u8>(frame) & <u32>MULTICAST)) != 0) break;
    if (size - SHORTEST > SPAN) break;
    const isIpv4 = ethSourceAndType(frame) == ipv4From;
    if (!isIpv4 && !isOtherFrom(frame, own)) break;
    const value = load<u32>(read, LOOKUP_VALUE);
    if (fdbKind(value) == FdbKind.remote) {
      const endpoint = fdbIndex(value);
      if (isIpv4 ? (ipv4Tos(frame + ETH_HLEN) & copied) != 0 : isOtherCopied(frame, size, copied)) break;
      if (size > pathFrameMax(endpoint)) break;
      outOrdinary(out, frame, size, endpoint);
    } else if (!deliver(out, frame, size, value, overlay, vnic)) break;
    bytes += size;
    out += OUT_SIZE;
  }
  outUpTo(out);
  const frames = <u32>(out - before) / OUT_SIZE;
  countEncapIn(frames, frames, bytes, vnic);
  return read;
}

// Of a frame that is not IPv4 from a MAC: whether it is from there, and has no tag.
function isOtherFrom(frame: usize, mac: u64): bool {
  return ethSrc(frame) == mac && !vlanHas(frame);
}

// Whether one that is not IPv4 says something that its outer header has to copy (`copied`: which bits of a packet's TOS
// or traffic class).
function isOtherCopied(frame: usize, len: u32, copied: u32): bool {
  if (!ethIs(frame, ETH_P_IPV6)) return false;
  const packet = frame + ETH_HLEN;
  return !ipv6Check(packet, len - ETH_HLEN) || (ipv6TrafficClass(packet) & copied) != 0;
}

// One that is ordinary but for its destination is listed at `out` if that is another VNIC of this host, else the answer
// is false.
function deliver(out: usize, frame: usize, len: u32, value: u32, overlay: u32, vnic: u32): bool {
  const receiver = fdbIndex(value);
  if (fdbKind(value) != FdbKind.local || receiver == vnic || vnicHasTag(receiver)) return false;
  outComplete(out, frame, len, outDelivered(overlay, true), (<u64>vnic << 32) | receiver);
  outNoteFlow();
  return true;
}
