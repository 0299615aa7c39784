// Encap: frames that a VNIC sent (TAP -> UDP), a batch at a time.
//
//  1. lookup     of all frames first: what the FDB says of each destination, so that the processor waits for its cache
//                misses together
//
// then one frame after the other:
//
//  2. size       a virtio_net_hdr that tells the truth, a whole Ethernet header, and no more than FRAME_MAX per segment
//  3. source     a unicast address, the VNIC's own unless it carries any MAC; then that may have moved here (learn.ts)
//  4. tags       at most two; the overlay's VLAN policy
//  5. protection what a protected VNIC's frames may say (protect.ts)
//  6. limits     what its VNIC may send (rate-limit.ts)
//  7. multicast  its checksum made good; a router advertisement goes to the host, which may change it for everybody;
//                copies to every other local VNIC (replicate.ts), then the overlay's rules once: point, proxy, or the
//                flood list
//  8. unicast    as the FDB says: remote, local or drop; nothing there: the point, the flood list, or hold and ask
//
// A frame ends in exactly one of: output list, drop counter, hold, upcall ring.

import {
  Drop,
  FRAME_MAX,
  FdbKind,
  LOOKUP_KEY,
  LOOKUP_SIZE,
  LOOKUP_VALUE,
  OVL_ANY_MAC_VNIC,
  OVL_FLAGS,
  OVL_FLAG_ANNOUNCED,
  OVL_FLAG_LIVE,
  OVL_FLAG_LOOKUP,
  OVL_FLAG_POINT,
  OVL_FLAG_ROUTERS,
  OVL_POINT,
  OVL_VLAN,
  READ_AT,
  READ_LEN,
  Upcall,
  VNET_SIZE,
  VNIC_FLAGS,
  VNIC_FLAG_ANY_MAC,
  VNIC_FLAG_GUARDED,
  VNIC_FLAG_LIMITED,
  VNIC_FLAG_LIVE,
  VNIC_FLAG_PROTECTED,
  VNIC_MAC,
  VNIC_OVERLAY,
  VlanPolicy,
} from '../layout';
import { fdbAsk, fdbFindBatch, fdbIndex, fdbKey, fdbKind } from '../table/fdb';
import { overlayAt, vnicAt } from '../table/records';
import { ethCheck, ethDst, ethSrc, isMulticast } from '../wire/ethernet';
import { stripTag, VLAN_HLEN, VLAN_TOWER, VLAN_TRUNCATED } from '../wire/vlan';
import { vnetShift } from '../wire/virtio';
import { isAnnouncement } from './announce';
import { captureSent, captureVerdict, isCapturing } from './capture';
import { Class, classify } from './classify';
import { countCopy, countEncapIn, drop } from './counters';
import { flood, floodsUnknown, hasFloodList } from './flood';
import { forward } from './forward';
import { completeFrame, countSegments, Frame, isSuperFrame, takeFrame, takeUntagged } from './frame';
import { heldFrames, hold, isHeld } from './hold';
import { learnHere } from './learn';
import { isOrdinaryRead, ordinarySource } from './ordinary';
import { outDeliver, outEncap, outHasRoom, outOrdinary, outTemplate } from './output';
import { protect } from './protect';
import { limit } from './rate-limit';
import { readAt } from './reads';
import { replicate } from './replicate';
import { isRouterAdvertisement } from './router';
import { upcallFrame } from './upcall';
import { w } from './worker';

// What reads `from` to `count` of a VNIC's TAP answered (reads.ts): a struct virtio_net_hdr each, over which the VXLAN
// header will be written, and a frame. Answers the first not taken: there was no room in the output list; call again
// with the same when it was sent.
export function encapReads(vnic: u32, from: u32, count: u32): u32 {
  const sender = vnicAt(vnic);
  const overlay = load<u32>(sender, VNIC_OVERLAY);
  const policy = load<u32>(overlayAt(overlay), OVL_VLAN);
  const captures = isCapturing();
  const own = ordinarySource(sender, overlay, captures);
  const template = outTemplate(overlay);
  const record = overlayAt(overlay);
  lookUp(overlay, from, count);
  const first = readAt(from);
  const end = readAt(count);
  let frames: u32 = 0;
  let bytes: u32 = 0;
  let read = first;
  for (; read < end && outHasRoom(); read += LOOKUP_SIZE) {
    const at = <usize>load<u32>(read, READ_AT);
    const len = load<u32>(read, READ_LEN);
    const key = load<u64>(read, LOOKUP_KEY);
    const value = load<u32>(read, LOOKUP_VALUE);
    if (isOrdinaryRead(at, len, key, own)) {
      const start = at + VNET_SIZE;
      const size = len - VNET_SIZE;
      frames++;
      bytes += size;
      if ((fdbKind(value) == FdbKind.remote) & (template != 0) & (heldFrames() == 0)) {
        if (outOrdinary(start, size, template, record, fdbIndex(value), vnic)) continue;
      }
      unicast(takeUntagged(start, size, at), key, value, overlay, vnic);
    } else {
      const frame = frameOf(at, len);
      if (captures) captureSent(frame, overlay, vnic);
      encapFrame(frame, key, value, sender, policy, overlay, vnic);
      if (captures) captureVerdict(frame);
      frames += frame.frames;
      bytes += frame.bytes;
    }
  }
  const taken = <u32>(read - first) / LOOKUP_SIZE;
  countEncapIn(taken, frames, bytes, vnic);
  return from + taken;
}

// Step 1, of frames that nobody has looked at yet: what is too short for an address asks for something.
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
function frameOf(at: usize, len: u32): Frame {
  const size = max(len, VNET_SIZE) - VNET_SIZE;
  return takeFrame(at + VNET_SIZE, size, at, 1, size);
}

// `key` is that of its destination, `value` what the FDB says of it; `sender` is its VNIC's record, `policy` its
// overlay's for tags.
@inline
function encapFrame(frame: Frame, key: u64, value: u32, sender: usize, policy: u32, overlay: u32, vnic: u32): void {
  const source = ethSrc(frame.start);
  const isOwn = source == load<u64>(sender, VNIC_MAC);
  const refused = refusal(frame, source, isOwn, policy, sender, vnic);
  if (refused != Drop.none) return drop(frame, refused, overlay, vnic);
  if (!isOwn) learnHere(overlay, source, vnic);
  if (policy == VlanPolicy.strip && frame.depth > 0) vnetShift(frame.vnet, stripTags(frame));
  route(frame, key, value, overlay, vnic);
}

// Steps 2 to 6: why a frame goes nowhere.
@inline
function refusal(frame: Frame, source: u64, isOwn: bool, policy: u32, sender: usize, vnic: u32): Drop {
  const flags = load<u32>(sender, VNIC_FLAGS);
  const isDescribed = countSegments(frame);
  if (!(flags & VNIC_FLAG_LIVE)) return Drop.overlay_gone;
  if (!ethCheck(frame.len)) return Drop.truncated;
  if (!isDescribed) return Drop.bad_offload;
  if (frame.len > <u32>FRAME_MAX && !isSuperFrame(frame)) return Drop.oversized;
  if (!isOwn) {
    if (isMulticast(source) || source == 0) return Drop.bad_source;
    if (!(flags & VNIC_FLAG_ANY_MAC)) return Drop.spoofed_source;
  }
  if (frame.depth != 0) {
    const refused = refusedTagged(frame.depth, policy);
    if (refused != Drop.none) return refused;
  }
  return flags & VNIC_FLAG_GUARDED ? guard(frame, sender, flags, vnic) : Drop.none;
}

// Steps 5 and 6. What is refused for what it says is not counted against a limit.
function guard(frame: Frame, sender: usize, flags: u32, vnic: u32): Drop {
  const refused = flags & VNIC_FLAG_PROTECTED ? protect(frame, sender) : Drop.none;
  if (refused != Drop.none || !(flags & VNIC_FLAG_LIMITED)) return refused;
  return limit(frame, vnic);
}

// Steps 7 and 8: where a frame goes whose header has been checked. The DHCP proxy's frames enter here as well.
@inline
export function route(frame: Frame, key: u64, value: u32, overlay: u32, vnic: u32): void {
  const isLive = (load<u32>(overlayAt(overlay), OVL_FLAGS) & OVL_FLAG_LIVE) != 0;
  if (!isLive) drop(frame, Drop.overlay_gone, overlay, vnic);
  else if (isMulticast(key)) multicast(frame, overlay, vnic);
  else unicast(frame, key, value, overlay, vnic);
}

@inline
export function refusedTags(depth: i32, policy: u32): Drop {
  return depth == 0 ? Drop.none : refusedTagged(depth, policy);
}

function refusedTagged(depth: i32, policy: u32): Drop {
  if (depth == VLAN_TRUNCATED) return Drop.truncated;
  if (depth == VLAN_TOWER) return Drop.bad_vlan;
  return policy == VlanPolicy.discard ? Drop.vlan_discarded : Drop.none;
}

// Takes off all tags: what is before them moves up. Answers their bytes.
export function stripTags(frame: Frame): u32 {
  const len = frame.len;
  for (; frame.depth > 0; frame.depth--) {
    frame.start = stripTag(frame.start, frame.len);
    frame.len -= VLAN_HLEN;
  }
  return len - frame.len;
}

function multicast(frame: Frame, overlay: u32, vnic: u32): void {
  if (!completeFrame(frame)) return drop(frame, Drop.bad_offload, overlay, vnic); // one frame, several readers
  const flags = load<u32>(overlayAt(overlay), OVL_FLAGS);
  if (flags & OVL_FLAG_ROUTERS && isRouterAdvertisement(frame.start, frame.len)) {
    return toHost(Upcall.router_advertisement, frame, overlay, vnic);
  }
  replicate(frame, overlay, vnic, vnic);
  if (flags & OVL_FLAG_POINT) return toPoint(frame, overlay, vnic);
  const kind = isSuperFrame(frame) ? Class.Plain : classify(frame.start, frame.len, flags);
  if (flags & OVL_FLAG_ANNOUNCED && !hasFloodList(overlay) && isAnnouncement(frame.start, frame.len)) {
    return toHost(Upcall.announcement, frame, overlay, vnic);
  }
  if (isFlooded(kind, overlay)) return flood(frame, overlay, vnic);
  const upcall = upcallOf(kind);
  if (upcall == Upcall.pad) drop(frame, dropOf(kind), overlay, vnic);
  else toHost(upcall, frame, overlay, vnic);
}

function toHost(upcall: Upcall, frame: Frame, overlay: u32, vnic: u32): void {
  const reason = upcallFrame(upcall, frame, overlay, vnic);
  if (reason != Drop.none) drop(frame, reason, overlay, vnic);
}

// Not what is a proxy's, malformed or not. Of the announcements no proxy makes use, but whoever is far away may.
function isFlooded(kind: Class, overlay: u32): bool {
  return kind == Class.Plain || (kind == Class.ArpGratuitous && hasFloodList(overlay));
}

function upcallOf(kind: Class): Upcall {
  if (kind == Class.Arp) return Upcall.arp;
  if (kind == Class.Ndp) return Upcall.ndp;
  if (kind == Class.DhcpRequest) return Upcall.dhcp_request;
  if (kind == Class.DhcpReply) return Upcall.dhcp_reply;
  return Upcall.pad;
}

function dropOf(kind: Class): Drop {
  if (kind == Class.ArpGratuitous) return Drop.arp_gratuitous;
  if (kind == Class.ArpBad) return Drop.bad_arp;
  if (kind == Class.NdpBad) return Drop.bad_ndp;
  assert(kind == Class.DhcpBad);
  return Drop.bad_dhcp;
}

export function toPoint(frame: Frame, overlay: u32, vnic: u32): void {
  const endpoint = load<u32>(overlayAt(overlay), OVL_POINT);
  if (endpoint == 0) drop(frame, Drop.drop_entry, overlay, vnic);
  else outEncap(frame, overlay, endpoint, vnic);
}

@inline
function unicast(frame: Frame, key: u64, value: u32, overlay: u32, vnic: u32): void {
  if ((value != 0) & (heldFrames() == 0)) forward(frame, overlay, vnic, value);
  else unicastBehind(frame, key, value, overlay, vnic);
}

// The same where frames wait, or nothing is known: behind those that wait, even if the answer has just come.
function unicastBehind(frame: Frame, key: u64, value: u32, overlay: u32, vnic: u32): void {
  if (value == 0 || isHeld(key)) miss(frame, key, overlay, vnic);
  else forward(frame, overlay, vnic, value);
}

function miss(frame: Frame, key: u64, overlay: u32, vnic: u32): void {
  const flags = load<u32>(overlayAt(overlay), OVL_FLAGS);
  if (flags & OVL_FLAG_POINT) return toPoint(frame, overlay, vnic);
  if (floodsUnknown(overlay)) return unknown(frame, overlay, vnic);
  if (!(flags & OVL_FLAG_LOOKUP)) return drop(frame, Drop.lookup_failed, overlay, vnic);
  const reason = hold(frame, key, overlay, vnic);
  if (reason != Drop.none) drop(frame, reason, overlay, vnic);
}

// The MAC may be anywhere: also here, behind a VNIC that carries any.
function unknown(frame: Frame, overlay: u32, vnic: u32): void {
  const anyMac = load<u32>(overlayAt(overlay), OVL_ANY_MAC_VNIC);
  if (anyMac != 0 && anyMac != vnic) {
    if (!completeFrame(frame)) return drop(frame, Drop.bad_offload, overlay, vnic); // one frame, several readers
    outDeliver(frame, overlay, anyMac, vnic);
    countCopy(frame);
  }
  flood(frame, overlay, vnic);
}
