// Decap: a datagram from the underlay (UDP -> TAP).
//
//  1. length     a VXLAN header and a whole Ethernet header, and not cut off by the kernel
//  2. header     the I flag; the VNI picks an overlay that listens on this socket; reserved bits as configured
//  3. size       what is longer than the MTU allows may be a super-frame (offload/partial.ts)
//  4. frame      a unicast source, at most two tags, the overlay's VLAN policy
//  5. learn      where its source MAC was heard from, if the overlay learns; whatever becomes of the frame
//  6. multicast  to every local VNIC of the overlay
//  7. unicast    to the VNIC that has the MAC; a VNIC that carries any MAC may have to be asked for, or gets what is
//                unknown where that is flooded
//
// Nothing that came from the underlay goes back to it.

import {
  Drop,
  FRAME_MAX,
  OC_DECAP_BYTES,
  OC_DECAP_FRAMES,
  OVL_ANY_MAC_VNIC,
  OVL_FIRST_VNIC,
  OVL_FLAGS,
  OVL_FLAG_ACCEPT_PARTIAL,
  OVL_FLAG_LEARN,
  OVL_FLAG_LIVE,
  OVL_FLAG_LOOKUP,
  OVL_FLAG_STRICT_HEADER,
  OVL_FRAME_MAX,
  OVL_SOCKET,
  OVL_VLAN,
  VNIC_NEXT,
  VXLAN_HLEN,
  VlanPolicy,
} from '../layout';
import { SuperFrame } from '../offload/gro';
import { segmentCount } from '../offload/gso';
import { describeSuperFrame, superFrameHeaders } from '../offload/partial';
import { fdbFind, fdbKey } from '../table/fdb';
import { overlayAt, vnicAt } from '../table/records';
import { overlayOfVni } from '../table/vnis';
import { ETH_HLEN, ethDst, ethSrc, isMulticast } from '../wire/ethernet';
import { vnetIsClear, vnetShift } from '../wire/virtio';
import { VLAN_HLEN, vlanDepth } from '../wire/vlan';
import { vxlanHasVni, vxlanReservedBits, vxlanVni } from '../wire/vxlan';
import { bump, countCopy, countDecapIn, countDecapMore, drop, expectDatagrams, overlayCounters } from './counters';
import { refusedTags, stripTags } from './encap';
import { floodsUnknown } from './flood';
import { forward } from './forward';
import { frameBytes, frameCount, frameVnet, isSuperFrame, takeAgain, takeComplete, takeOffloaded } from './frame';
import { hold, isHeld } from './hold';
import { learn } from './learn';
import { outDeliver, outHasRoom } from './output';
import { groVnet, groWireBytes } from './gro-message';

// `socket` is the one whose overlays listen where the datagram came in. False: there was no room in the output list;
// call again with the same datagram after it was sent.
export function decapDatagram(datagram: usize, len: u32, truncated: bool, socket: u32): bool {
  if (!outHasRoom()) return false;
  takeComplete(len - VXLAN_HLEN);
  countDecapIn(1, len);
  return decapTaken(datagram, len, truncated, socket);
}

// The same of the `received` datagrams that became a super-frame behind one VXLAN header. There must be room in the
// output list.
export function decapJoined(datagram: usize, joined: SuperFrame, received: u32, socket: u32): void {
  takeAgain(groVnet(), joined.frames, groWireBytes(joined));
  countDecapIn(received, groWireBytes(joined) + joined.frames * VXLAN_HLEN);
  decapTaken(datagram, VXLAN_HLEN + joined.headers + joined.bytes, false, socket);
}

// The same of one whose frame has the virtio_net_hdr at `vnet`: a super-frame, or one whose checksum is to be made.
// There must be room in the output list.
export function decapOffloaded(datagram: usize, len: u32, vnet: usize, socket: u32): bool {
  const isTruthful = len > <u32>VXLAN_HLEN && takeOffloaded(datagram + VXLAN_HLEN, len - VXLAN_HLEN, vnet);
  if (!isTruthful) takeComplete(len);
  expectDatagrams(frameCount());
  countDecapIn(frameCount(), frameBytes() + frameCount() * VXLAN_HLEN);
  return isTruthful ? decapTaken(datagram, len, false, socket) : dropped(Drop.bad_offload, 0);
}

function decapTaken(datagram: usize, len: u32, truncated: bool, socket: u32): bool {
  if (len < <u32>VXLAN_HLEN + ETH_HLEN) return dropped(Drop.truncated, 0);
  if (truncated) return dropped(Drop.oversized, 0);
  if (!vxlanHasVni(datagram)) return dropped(Drop.bad_vxlan_header, 0);
  const overlay = overlayOfVni(vxlanVni(datagram));
  const record = overlayAt(overlay);
  const flags = load<u32>(record, OVL_FLAGS);
  if (overlay == 0 || !(flags & OVL_FLAG_LIVE) || load<u32>(record, OVL_SOCKET) != socket) {
    return dropped(Drop.unknown_vni, 0);
  }
  if (flags & OVL_FLAG_STRICT_HEADER && vxlanReservedBits(datagram)) return dropped(Drop.reserved_bits, overlay);
  return decapFrame(datagram + VXLAN_HLEN, len - VXLAN_HLEN, overlay, flags);
}

function dropped(reason: Drop, overlay: u32): bool {
  drop(reason, overlay, 0);
  return true;
}

function decapFrame(frame: usize, len: u32, overlay: u32, flags: u32): bool {
  const depth = vlanDepth(frame, len);
  if (len > load<u32>(overlayAt(overlay), OVL_FRAME_MAX) + <u32>max(depth, 0) * VLAN_HLEN && !isSuperFrame()) {
    const whole = flags & OVL_FLAG_ACCEPT_PARTIAL ? takeWhole(frame, len, overlay) : 0;
    if (whole == 0 && len > <u32>FRAME_MAX) return dropped(Drop.oversized, overlay);
    if (whole != 0) len = whole;
  }
  const source = ethSrc(frame);
  if (isMulticast(source) || source == 0) return dropped(Drop.bad_source, overlay);
  const policy = load<u32>(overlayAt(overlay), OVL_VLAN);
  const refused = refusedTags(depth, policy);
  if (refused != Drop.none) return dropped(refused, overlay);
  if (flags & OVL_FLAG_LEARN) learn(overlay, source);
  let start = frame;
  if (depth > 0 && policy == VlanPolicy.strip) {
    start = stripTags(frame, len, depth);
    if (!vnetIsClear(frameVnet())) vnetShift(frameVnet(), <u32>(start - frame));
  }
  const size = len - <u32>(start - frame);
  if (isMulticast(ethDst(start))) return multicast(start, size, overlay);
  return unicast(start, size, overlay);
}

// A frame longer than the MTU allows: if it is a super-frame that came in one datagram, it is taken as that, and counts
// as the frames it stands for. Answers its bytes; else 0.
function takeWhole(frame: usize, len: u32, overlay: u32): u32 {
  const mtu = load<u32>(overlayAt(overlay), OVL_FRAME_MAX) - ETH_HLEN;
  const size = describeSuperFrame(frame, len, mtu, 0, groVnet());
  if (size == 0) return 0;
  const frames = segmentCount();
  const more = (frames - 1) * superFrameHeaders();
  takeAgain(groVnet(), frames, size + more);
  countDecapMore(frames - 1, size - len + more + (frames - 1) * VXLAN_HLEN);
  return size;
}

function multicast(frame: usize, len: u32, overlay: u32): bool {
  let vnic = load<u32>(overlayAt(overlay), OVL_FIRST_VNIC);
  if (vnic == 0) return dropped(Drop.no_local_port, overlay);
  count(overlay);
  outDeliver(frame, len, overlay, vnic, 0);
  for (vnic = load<u32>(vnicAt(vnic), VNIC_NEXT); vnic != 0; vnic = load<u32>(vnicAt(vnic), VNIC_NEXT)) {
    outDeliver(frame, len, overlay, vnic, 0);
    countCopy();
  }
  return true;
}

function unicast(frame: usize, len: u32, overlay: u32): bool {
  const key = fdbKey(overlay, ethDst(frame));
  count(overlay);
  const value = isHeld(key) ? 0 : fdbFind(key); // behind those that wait, even if the answer has just come
  if (value == 0) return miss(frame, len, key, overlay);
  forward(frame, len, overlay, 0, value);
  return true;
}

// Only behind a VNIC that carries any MAC may a MAC live here that the FDB does not name: the plugin is asked whether
// it maps to this host.
function miss(frame: usize, len: u32, key: u64, overlay: u32): bool {
  const record = overlayAt(overlay);
  const anyMac = load<u32>(record, OVL_ANY_MAC_VNIC);
  if (anyMac == 0) return dropped(Drop.no_local_port, overlay);
  if (floodsUnknown(overlay)) {
    outDeliver(frame, len, overlay, anyMac, 0);
    return true;
  }
  if (!(load<u32>(record, OVL_FLAGS) & OVL_FLAG_LOOKUP)) return dropped(Drop.no_local_port, overlay);
  const reason = hold(key, frame, len, overlay, 0);
  return reason == Drop.none || dropped(reason, overlay);
}

// As they came: a super-frame counts its datagrams.
function count(overlay: u32): void {
  bump(overlayCounters(overlay), OC_DECAP_FRAMES, frameCount());
  bump(overlayCounters(overlay), OC_DECAP_BYTES, frameBytes());
}
