// Encap: a frame that a VNIC sent (TAP -> UDP).
//
//  1. size       a virtio_net_hdr that tells the truth, a whole Ethernet header, and no more than FRAME_MAX per segment
//  2. source     a unicast address, the VNIC's own unless it carries any MAC; then that may have moved here (learn.ts)
//  3. tags       at most two; the overlay's VLAN policy
//  4. multicast  its checksum made good; copies to every other local VNIC, then the overlay's rules once: point, proxy,
//                or the flood list
//  5. unicast    FDB: remote, local or drop; nothing there: the point, the flood list, or hold and ask
//
// A frame ends in exactly one of: output list, drop counter, hold, upcall ring. False from encapFrame: there was no
// room in the output list; call again with the same frame after it was sent.

import {
  Drop,
  FRAME_MAX,
  OVL_ANY_MAC_VNIC,
  OVL_FIRST_VNIC,
  OVL_FLAGS,
  OVL_FLAG_LIVE,
  OVL_FLAG_LOOKUP,
  OVL_FLAG_POINT,
  OVL_POINT,
  OVL_VLAN,
  Upcall,
  VNIC_FLAGS,
  VNIC_FLAG_ANY_MAC,
  VNIC_FLAG_LIVE,
  VNIC_MAC,
  VNIC_NEXT,
  VNIC_OVERLAY,
  VlanPolicy,
} from '../layout';
import { fdbFind, fdbKey } from '../table/fdb';
import { overlayAt, vnicAt } from '../table/records';
import { ethCheck, ethDst, ethSrc, isMulticast } from '../wire/ethernet';
import { stripTag, VLAN_HLEN, VLAN_TOWER, VLAN_TRUNCATED, vlanDepth } from '../wire/vlan';
import { vnetShift } from '../wire/virtio';
import { Class, classify } from './classify';
import { countCopy, countEncapIn, drop } from './counters';
import { flood, floodsUnknown, hasFloodList } from './flood';
import { forward } from './forward';
import { completeFrame, countSegments, Frame, isSuperFrame, takeFrame } from './frame';
import { hold, isHeld } from './hold';
import { learnHere } from './learn';
import { outDeliver, outEncap, outHasRoom } from './output';
import { upcallFrame } from './upcall';

// `vnet` is the frame's struct virtio_net_hdr. The VXLAN_HLEN bytes before the frame are free, or belong to that.
export function encapFrame(start: usize, len: u32, vnet: usize, vnic: u32): bool {
  if (!outHasRoom()) return false;
  const frame = takeFrame(start, len, vnet, 1, len);
  const isDescribed = countSegments(frame);
  countEncapIn(frame, vnic);
  const record = vnicAt(vnic);
  const overlay = load<u32>(record, VNIC_OVERLAY);
  if (!(load<u32>(record, VNIC_FLAGS) & VNIC_FLAG_LIVE)) return dropped(frame, Drop.overlay_gone, overlay, vnic);
  if (!ethCheck(len)) return dropped(frame, Drop.truncated, overlay, vnic);
  if (!isDescribed) return dropped(frame, Drop.bad_offload, overlay, vnic);
  if (len > <u32>FRAME_MAX && !isSuperFrame(frame)) return dropped(frame, Drop.oversized, overlay, vnic);
  const source = ethSrc(start);
  if (isMulticast(source) || source == 0) return dropped(frame, Drop.bad_source, overlay, vnic);
  if (source != load<u64>(record, VNIC_MAC)) {
    if (!(load<u32>(record, VNIC_FLAGS) & VNIC_FLAG_ANY_MAC)) return dropped(frame, Drop.spoofed_source, overlay, vnic);
    learnHere(overlay, source, vnic);
  }
  const depth = vlanDepth(start, len);
  const refused = refusedTags(depth, load<u32>(overlayAt(overlay), OVL_VLAN));
  if (refused != Drop.none) return dropped(frame, refused, overlay, vnic);
  if (depth > 0 && load<u32>(overlayAt(overlay), OVL_VLAN) == VlanPolicy.strip) {
    stripTags(frame, depth);
    vnetShift(vnet, <u32>depth * VLAN_HLEN);
  }
  return route(frame, overlay, vnic);
}

// Steps 4 and 5: where a frame goes whose header has been checked. The DHCP proxy's frames enter here as well.
@inline
export function route(frame: Frame, overlay: u32, vnic: u32): bool {
  if (!outHasRoom()) return false;
  const isLive = (load<u32>(overlayAt(overlay), OVL_FLAGS) & OVL_FLAG_LIVE) != 0;
  if (!isLive) return dropped(frame, Drop.overlay_gone, overlay, vnic);
  const destination = ethDst(frame.start);
  if (isMulticast(destination)) return multicast(frame, overlay, vnic);
  return unicast(frame, fdbKey(overlay, destination), overlay, vnic);
}

function dropped(frame: Frame, reason: Drop, overlay: u32, vnic: u32): bool {
  drop(frame, reason, overlay, vnic);
  return true;
}

export function refusedTags(depth: i32, policy: u32): Drop {
  if (depth == 0) return Drop.none;
  if (depth == VLAN_TRUNCATED) return Drop.truncated;
  if (depth == VLAN_TOWER) return Drop.bad_vlan;
  return policy == VlanPolicy.discard ? Drop.vlan_discarded : Drop.none;
}

// Takes off `depth` tags: what is before them moves up.
export function stripTags(frame: Frame, depth: i32): void {
  for (let tag = 0; tag < depth; tag++) {
    frame.start = stripTag(frame.start, frame.len);
    frame.len -= VLAN_HLEN;
  }
}

// Every VNIC of the overlay but the sender gets the frame; each is a copy beyond the frame's own fate.
function copyToVnics(frame: Frame, overlay: u32, sender: u32): void {
  let vnic = load<u32>(overlayAt(overlay), OVL_FIRST_VNIC);
  while (vnic != 0) {
    if (vnic != sender) {
      outDeliver(frame, overlay, vnic, sender);
      countCopy(frame);
    }
    vnic = load<u32>(vnicAt(vnic), VNIC_NEXT);
  }
}

function multicast(frame: Frame, overlay: u32, vnic: u32): bool {
  if (!completeFrame(frame)) return dropped(frame, Drop.bad_offload, overlay, vnic); // one frame, several readers
  copyToVnics(frame, overlay, vnic);
  const flags = load<u32>(overlayAt(overlay), OVL_FLAGS);
  if (flags & OVL_FLAG_POINT) return toPoint(frame, overlay, vnic);
  const kind = isSuperFrame(frame) ? Class.Plain : classify(frame.start, frame.len, flags);
  if (isFlooded(kind, overlay)) return flooded(frame, overlay, vnic);
  const upcall = upcallOf(kind);
  const reason = upcall == Upcall.pad ? dropOf(kind) : upcallFrame(upcall, frame, overlay, vnic);
  if (reason != Drop.none) drop(frame, reason, overlay, vnic);
  return true;
}

// Not what is a proxy's, malformed or not. Of the announcements no proxy makes use, but whoever is far away may.
function isFlooded(kind: Class, overlay: u32): bool {
  return kind == Class.Plain || (kind == Class.ArpGratuitous && hasFloodList(overlay));
}

function flooded(frame: Frame, overlay: u32, vnic: u32): bool {
  flood(frame, overlay, vnic);
  return true;
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

function toPoint(frame: Frame, overlay: u32, vnic: u32): bool {
  const endpoint = load<u32>(overlayAt(overlay), OVL_POINT);
  if (endpoint == 0) return dropped(frame, Drop.drop_entry, overlay, vnic);
  outEncap(frame, overlay, endpoint, vnic);
  return true;
}

@inline
function unicast(frame: Frame, key: u64, overlay: u32, vnic: u32): bool {
  const value = isHeld(key) ? 0 : fdbFind(key); // behind those that wait, even if the answer has just come
  if (value == 0) return miss(frame, key, overlay, vnic);
  forward(frame, overlay, vnic, value);
  return true;
}

function miss(frame: Frame, key: u64, overlay: u32, vnic: u32): bool {
  const flags = load<u32>(overlayAt(overlay), OVL_FLAGS);
  if (flags & OVL_FLAG_POINT) return toPoint(frame, overlay, vnic);
  if (floodsUnknown(overlay)) return unknown(frame, overlay, vnic);
  if (!(flags & OVL_FLAG_LOOKUP)) return dropped(frame, Drop.lookup_failed, overlay, vnic);
  const reason = hold(frame, key, overlay, vnic);
  if (reason != Drop.none) drop(frame, reason, overlay, vnic);
  return true;
}

// The MAC may be anywhere: also here, behind a VNIC that carries any.
function unknown(frame: Frame, overlay: u32, vnic: u32): bool {
  const anyMac = load<u32>(overlayAt(overlay), OVL_ANY_MAC_VNIC);
  if (anyMac != 0 && anyMac != vnic) {
    if (!completeFrame(frame)) return dropped(frame, Drop.bad_offload, overlay, vnic); // one frame, several readers
    outDeliver(frame, overlay, anyMac, vnic);
    countCopy(frame);
  }
  return flooded(frame, overlay, vnic);
}
