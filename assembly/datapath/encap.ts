// Encap: a frame that a VNIC sent (TAP -> UDP).
//
//  1. lookup     what the FDB says of its destination, of all frames of a batch first (encap-reads.ts)
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
  OVL_ANY_MAC_VNIC,
  OVL_FLAGS,
  OVL_FLAG_ANNOUNCED,
  OVL_FLAG_LIVE,
  OVL_FLAG_LOOKUP,
  OVL_FLAG_POINT,
  OVL_FLAG_ROUTERS,
  OVL_POINT,
  OVL_VLAN,
  Upcall,
  VNIC_FLAGS,
  VNIC_FLAG_ANY_MAC,
  VNIC_FLAG_GUARDED,
  VNIC_FLAG_LIMITED,
  VNIC_FLAG_LIVE,
  VNIC_FLAG_PROTECTED,
  VNIC_MAC,
  VlanPolicy,
} from '../layout';
import { overlayAt } from '../table/records';
import { ethCheck, ethSrc, isMulticast } from '../wire/ethernet';
import { stripTag, VLAN_HLEN, VLAN_TOWER, VLAN_TRUNCATED } from '../wire/vlan';
import { vnetShift } from '../wire/virtio';
import { isAnnouncement } from './announce';
import { Class, classify } from './classify';
import { countCopy, drop } from './counters';
import { flood, floodsUnknown, hasFloodList } from './flood';
import { forward } from './forward';
import { completeFrame, countSegments, Frame, isSuperFrame } from './frame';
import { heldFrames, hold, isHeld } from './hold';
import { learnHere } from './learn';
import { outDeliver, outEncap } from './output';
import { protect } from './protect';
import { limit } from './rate-limit';
import { replicate } from './replicate';
import { isRouterAdvertisement } from './router';
import { upcallFrame } from './upcall';

// `key` is that of its destination, `value` what the FDB says of it; `sender` is its VNIC's record.
@inline
export function encapFrame(frame: Frame, key: u64, value: u32, sender: usize, overlay: u32, vnic: u32): void {
  const policy = load<u32>(overlayAt(overlay), OVL_VLAN);
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
  if (flags & OVL_FLAG_ANNOUNCED && isAnnouncement(frame.start, frame.len)) return announced(frame, overlay, vnic);
  if (isFlooded(kind, overlay)) return flood(frame, overlay, vnic);
  const upcall = upcallOf(kind);
  if (upcall == Upcall.pad) drop(frame, dropOf(kind), overlay, vnic);
  else toHost(upcall, frame, overlay, vnic);
}

// The host floods it. What it is not told of for lack of room is flooded all the same.
function announced(frame: Frame, overlay: u32, vnic: u32): void {
  const reason = upcallFrame(Upcall.announcement, frame, overlay, vnic);
  if (reason == Drop.none) return;
  if (hasFloodList(overlay)) flood(frame, overlay, vnic);
  else drop(frame, reason, overlay, vnic);
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
