// Decap: a datagram from the underlay (UDP -> TAP).
//
//  1. length     a VXLAN header and a whole Ethernet header, and not cut off by the kernel
//  2. header     as its kind wants it (tunnel-header.ts); the VNI picks an overlay of this socket; control messages
//                (O flag) that are no OAM for this VTEP itself end here
//  3. sender     one that the overlay knows, if it wants that (source-check.ts); else the frame is dropped, or waits
//  4. size       what is longer than the MTU allows may be a super-frame (offload/partial.ts)
//  5. frame      a unicast source that is no VNIC's here, at most two tags, the overlay's VLAN policy
//  6. learn      where its source MAC was heard from, if the overlay learns, unless the sender forbids it, and whatever
//                becomes of the frame
//  7. its way     a congestion mark of the outer header goes inside (RFC 6040); fragments as configured; then what it
//                says of its address (announce.ts), if the host answers for it
//  8. multicast  to every local VNIC of the overlay
//  9. unicast    to the VNIC that has the MAC; a VNIC that carries any MAC may have to be asked for, or gets what is
//                unknown where that is flooded; OAM for this VTEP itself goes to the host
//
// Nothing that came from the underlay goes back to it.

import {
  Drop, FdbKind, OVL_ANY_MAC_VNIC, OVL_FIRST_VNIC, OVL_FLAGS, OVL_FLAG_LOOKUP, OVL_FLAG_SNOOP, OVL_FRAME_MAX,
  OVL_SOCKET, OVL_VLAN, RECEIVED_AT, RECEIVED_FROM, RECEIVED_LEN, VNIC_NEXT, VXLAN_HLEN, VlanPolicy,
} from '../layout';
import { SuperFrame } from '../offload/gro';
import { fdbFind, fdbIndex, fdbKey, fdbKind } from '../table/fdb';
import { overlayAt, vnicAt } from '../table/records';
import { senderEndpoint } from '../table/senders';
import { overlayOfVni } from '../table/vnis';
import { ethCheck, ethDst, ethIsOamOfVtep, ethSrc, isMulticast } from '../wire/ethernet';
import { vnetIsClear, vnetShift } from '../wire/virtio';
import { tunnelVni } from '../wire/tunnel';
import { snoop } from './announce';
import { arrival, refusedArrival } from './arrival';
import { countDecapFrame, countDecapIn, drop, expectDatagrams, noteUnknownVni } from './counters';
import { captureReceived, captureVerdict, isCapturing } from './capture';
import { decapOrdinary } from './decap-ordinary';
import { decapIsControl, decapOverlay, takeOverlay } from './decap-overlay';
import { refusedTags, stripTags } from './encap';
import { floodsUnknown } from './flood';
import { forward } from './forward';
import { countSegments, Frame, takeComplete, takeFrame } from './frame';
import { hold, isHeld } from './hold';
import { learn, LEARNS } from './learn';
import { fits } from './whole';
import { outDeliver } from './output';
import { outHasRoom } from './output-list';
import { groVnet, groWireBytes } from './gro-message';
import { receivedAlone, receivedPut } from './received';
import { replicate } from './replicate';
import { senderOf } from './senders';
import { admit, isAdmitted, isFromVnic } from './source-check';
import { mayLearn, skipOptions } from './tunnel-header';
import { upcallOam } from './upcall';

// A datagram by itself. `from`: the struct sockaddr of its sender, of EP_SOCKADDR_MAX bytes. `isFirst`: nobody needs
// what stands before the datagram. False: there was no room in the output list; call again with the same datagram after
// it was sent.
export function decapDatagram(at: usize, len: u32, isCut: bool, socket: u32, from: usize, isFirst: bool): bool {
  if (!outHasRoom()) return false;
  const record = receivedAlone();
  const end = receivedPut(record, at, len, from);
  if (!isCut && arrival() == 0 && decapOrdinary(record, end, socket, isFirst) == end) return true;
  decapOther(record, isCut, socket);
  return true;
}

// One that is not ordinary (decap-ordinary.ts). There must be room in the output list.
export function decapOther(record: usize, isCut: bool, socket: u32): void {
  const len = load<u32>(record, RECEIVED_LEN);
  countDecapIn(1, 1, len);
  const at = <usize>load<u32>(record, RECEIVED_AT);
  const options = skipOptions(at, len, socket);
  const frame = takeComplete(at + options + VXLAN_HLEN, max(len - options, VXLAN_HLEN) - VXLAN_HLEN);
  decapTaken(frame, isCut, socket, load<u32>(record, RECEIVED_FROM));
}

// The same of the `received` datagrams that became a super-frame behind one VXLAN header. There must be room in the
// output list.
export function decapJoined(datagram: usize, joined: SuperFrame, received: u32, socket: u32, from: usize): void {
  const len = <u32>joined.headers + joined.bytes;
  const frame = takeFrame(datagram + VXLAN_HLEN, len, groVnet(), joined.frames, groWireBytes(joined));
  countDecapIn(received, frame.frames, frame.bytes + frame.frames * VXLAN_HLEN);
  decapTaken(frame, false, socket, from);
}

// The same of one whose frame has the virtio_net_hdr at `vnet`: a super-frame, or one whose checksum is to be made.
// There must be room in the output list.
export function decapOffloaded(datagram: usize, len: u32, vnet: usize, socket: u32, from: usize): bool {
  const size = max(len, VXLAN_HLEN) - VXLAN_HLEN;
  const frame = takeFrame(datagram + VXLAN_HLEN, size, vnet, 1, size);
  const isDescribed = countSegments(frame);
  expectDatagrams(frame.frames);
  countDecapIn(frame.frames, frame.frames, frame.bytes + frame.frames * VXLAN_HLEN);
  return isDescribed ? decapTaken(frame, false, socket, from) : dropped(frame, Drop.bad_offload, 0);
}

// Its VXLAN header stands before it.
function decapTaken(frame: Frame, truncated: bool, socket: u32, from: usize): bool {
  const captures = isCapturing();
  if (captures) captureReceived(frame, socket, from, arrival());
  decide(frame, truncated, socket, from);
  if (captures) captureVerdict(frame);
  return true;
}

function decide(frame: Frame, truncated: bool, socket: u32, from: usize): bool {
  if (!ethCheck(frame.len)) return dropped(frame, Drop.truncated, 0);
  if (truncated) return dropped(frame, Drop.oversized, 0);
  const reason = takeOverlay(frame.start - VXLAN_HLEN, socket);
  if (reason != Drop.none) return refused(frame, reason, socket, from);
  const overlay = decapOverlay();
  // Before its sender is looked at: what waits for that is not asked again what its header said.
  if (decapIsControl() && !ethIsOamOfVtep(frame.start)) return dropped(frame, Drop.oam_refused, overlay);
  if (!isAdmitted(from) && !admit(frame, overlay, from)) return true;
  return decapFrame(frame, overlay, from, senderOf(from));
}

// By step 2.
function refused(frame: Frame, reason: Drop, socket: u32, from: usize): bool {
  const vni = tunnelVni(frame.start - VXLAN_HLEN);
  if (reason == Drop.unknown_vni) noteUnknownVni(vni, from);
  const isItsOwn = reason == Drop.reserved_bits || reason == Drop.other_policy_group;
  return dropped(frame, reason, isItsOwn ? overlayOfVni(socket, vni) : 0);
}

// Of one that waited for its sender to be known. There must be room in the output list.
export function decapHeld(frame: Frame, overlay: u32, from: usize): void {
  decapFrame(frame, overlay, from, senderEndpoint(load<u32>(overlayAt(overlay), OVL_SOCKET), from));
}

function dropped(frame: Frame, reason: Drop, overlay: u32): bool {
  drop(frame, reason, overlay, 0);
  return true;
}

// `sender`: the endpoint at `from`, 0: it is none.
@inline
function decapFrame(frame: Frame, overlay: u32, from: usize, sender: u32): bool {
  const record = overlayAt(overlay);
  const flags = load<u32>(record, OVL_FLAGS);
  const depth = frame.depth;
  if (frame.len > load<u32>(record, OVL_FRAME_MAX) && !fits(frame, overlay)) {
    return dropped(frame, Drop.oversized, overlay);
  }
  const source = ethSrc(frame.start);
  if (isMulticast(source) || source == 0) return dropped(frame, Drop.bad_source, overlay);
  if (isFromVnic(record, overlay, source)) return dropped(frame, Drop.source_local, overlay);
  const policy = load<u32>(record, OVL_VLAN);
  const refused = refusedTags(depth, policy);
  if (refused != Drop.none) return dropped(frame, refused, overlay);
  let snoops = false;
  if (flags & (LEARNS | OVL_FLAG_SNOOP) && mayLearn(record, frame.start - VXLAN_HLEN)) {
    if (flags & LEARNS) learn(overlay, source, from);
    snoops = (flags & OVL_FLAG_SNOOP) != 0;
  }
  const unfit = arrival() == 0 ? Drop.none : refusedArrival(frame, depth, overlay, flags);
  if (unfit != Drop.none) return dropped(frame, unfit, overlay);
  if (depth > 0 && policy == VlanPolicy.strip) {
    const stripped = stripTags(frame);
    if (!vnetIsClear(frame.vnet)) vnetShift(frame.vnet, stripped);
  }
  if (snoops) snoop(frame, overlay); // in the VLAN where VNICs here ask for it
  return isMulticast(ethDst(frame.start)) ? multicast(frame, overlay, sender) : unicast(frame, overlay, from, sender);
}

function multicast(frame: Frame, overlay: u32, sender: u32): bool {
  const first = load<u32>(overlayAt(overlay), OVL_FIRST_VNIC);
  if (first == 0) return dropped(frame, Drop.no_local_port, overlay);
  countDecapFrame(frame, overlay, sender);
  outDeliver(frame, overlay, first, 0);
  if (load<u32>(vnicAt(first), VNIC_NEXT) != 0) replicate(frame, overlay, 0, first);
  return true;
}

@inline
function unicast(frame: Frame, overlay: u32, from: usize, sender: u32): bool {
  const key = fdbKey(overlay, ethDst(frame.start));
  countDecapFrame(frame, overlay, sender);
  const value = isHeld(key) ? 0 : fdbFind(key); // behind those that wait, even if the answer has just come
  if (fdbKind(value) != FdbKind.local) return elsewhere(frame, key, value, overlay, from);
  outDeliver(frame, overlay, fdbIndex(value), 0);
  return true;
}

// Its destination is no VNIC's.
function elsewhere(frame: Frame, key: u64, value: u32, overlay: u32, from: usize): bool {
  if (ethIsOamOfVtep(frame.start)) return oam(frame, overlay, from);
  if (value == 0) return miss(frame, key, overlay);
  forward(frame, overlay, 0, value);
  return true;
}

function oam(frame: Frame, overlay: u32, from: usize): bool {
  const reason = upcallOam(frame, overlay, from);
  return reason == Drop.none || dropped(frame, reason, overlay);
}

// Only behind a VNIC that carries any MAC may a MAC live here that the FDB does not name: the plugin is asked whether
// it maps to this host.
function miss(frame: Frame, key: u64, overlay: u32): bool {
  const record = overlayAt(overlay);
  const anyMac = load<u32>(record, OVL_ANY_MAC_VNIC);
  if (anyMac == 0) return dropped(frame, Drop.no_local_port, overlay);
  if (floodsUnknown(overlay)) {
    outDeliver(frame, overlay, anyMac, 0);
    return true;
  }
  if (!(load<u32>(record, OVL_FLAGS) & OVL_FLAG_LOOKUP)) return dropped(frame, Drop.no_local_port, overlay);
  const reason = hold(frame, key, overlay, 0);
  return reason == Drop.none || dropped(frame, reason, overlay);
}
