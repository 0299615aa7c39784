// Decap: a datagram from the underlay (UDP -> TAP).
//
//  1. length     a VXLAN header and a whole Ethernet header, and not cut off by the kernel
//  2. header     the I flag; the VNI picks an overlay that listens on this socket; reserved bits as configured
//  3. sender     one that the overlay knows, if it wants that (source-check.ts); else the frame is dropped, or waits
//  4. size       what is longer than the MTU allows may be a super-frame (offload/partial.ts)
//  5. frame      a unicast source that is no VNIC's here, at most two tags, the overlay's VLAN policy
//  6. learn      where its source MAC was heard from, if the overlay learns; whatever becomes of the frame
//  7. its way     a congestion mark of the outer header goes inside (RFC 6040); fragments as configured
//  8. multicast  to every local VNIC of the overlay
//  9. unicast    to the VNIC that has the MAC; a VNIC that carries any MAC may have to be asked for, or gets what is
//                unknown where that is flooded; OAM for this VTEP itself goes to the host
//
// Nothing that came from the underlay goes back to it.

import {
  Drop, FdbKind, OVL_ANY_MAC_VNIC, OVL_FIRST_VNIC, OVL_FLAGS, OVL_FLAG_LEARN, OVL_FLAG_LIVE,
  OVL_FLAG_LOOKUP, OVL_FLAG_RETURNS, OVL_FLAG_STRICT_HEADER, OVL_FRAME_MAX, OVL_SOCKET, OVL_VLAN, VNIC_NEXT,
  VNIC_TAG, VXLAN_HLEN, VlanPolicy,
} from '../layout';
import { SuperFrame } from '../offload/gro';
import { EMPTY, fdbFind, fdbIndex, fdbKey, fdbKind, fdbTouch } from '../table/fdb';
import { overlayAt, vnicAt } from '../table/records';
import { senderEndpoint } from '../table/senders';
import { overlayOfVni } from '../table/vnis';
import { ETH_HLEN, ethCheck, ethDst, ethIsOamOfVtep, ethSrc, isMulticast } from '../wire/ethernet';
import { vnetIsClear, vnetShift } from '../wire/virtio';
import { vxlanHasVni, vxlanHeader, vxlanReservedBits, vxlanVni } from '../wire/vxlan';
import { arrival, refusedArrival } from './arrival';
import {
  countDecap, countDecapFrame, countDecapIn, countDecapOrdinary, drop, expectDatagrams, noteUnknownVni, pairBytes,
  pairFrames,
} from './counters';
import { captureReceived, captureVerdict, isCapturing } from './capture';
import { refusedTags, stripTags } from './encap';
import { floodsUnknown } from './flood';
import { forward } from './forward';
import { countSegments, Frame, takeComplete, takeFrame } from './frame';
import { heldFrames, hold, isHeld } from './hold';
import { learn } from './learn';
import { fits } from './whole';
import { isOrdinaryReceived } from './ordinary';
import { outDeliver, outDeliverComplete } from './output';
import { outHasRoom } from './output-list';
import { groVnet, groWireBytes } from './gro-message';
import { replicate } from './replicate';
import { receiveOrdinary, senderOf, takeReceived } from './senders';
import { admit, checkSources, isAdmitted, isFromVnic } from './source-check';
import { upcallOam } from './upcall';
import { currentPass } from './worker';

const LEARNS: u32 = OVL_FLAG_LEARN | OVL_FLAG_RETURNS; // an overlay with one of these asks where senders are

// The overlay of the last datagram that passed step 2, and what it was found by: datagrams come in runs of one overlay.
let overlay: u32 = 0; // 0: there is none
let header: u64 = 0;
let owner: u32 = 0; // its socket
let pass: u32 = 0;
let span: u32 = 0; // lengths that an ordinary frame may have, from ETH_HLEN on; 0: none is ordinary
let lastKey: u64 = EMPTY; // what the FDB was last asked for in this pass, and its answer: frames of a flow come in runs
let lastValue: u32 = 0;
let touched: u32 = 0; // no compiler may leave out what is added here

// Before datagrams of a socket, which is the one whose overlays listen there, are taken.
export function decapBegin(socket: u32): void {
  span = (socket == owner) & (pass == currentPass()) ? ordinarySpan() : 0;
}

// In the overlay of the last datagram: none while a capture wants to see it, a frame is held, or its VNIC has a tag.
@inline
function ordinarySpan(): u32 {
  const longest = load<u32>(overlayAt(overlay), OVL_FRAME_MAX);
  const anyMac = load<u32>(overlayAt(overlay), OVL_ANY_MAC_VNIC); // no other has a tag
  const isSlow = isCapturing() || heldFrames() != 0 || load<u32>(vnicAt(anyMac), VNIC_TAG) != 0;
  return isSlow ? 0 : max(longest + 1, ETH_HLEN) - ETH_HLEN;
}

// After they were taken, and before the books say how many are left: ordinary ones are counted together.
export function decapSettle(): void {
  const received = takeReceived();
  const frames = <u32>pairFrames(received);
  if (frames == 0) return;
  countDecapOrdinary(frames, <u32>pairBytes(received) + frames * VXLAN_HLEN);
  countDecap(overlay, received);
}

// `from`: the struct sockaddr of its sender, of EP_SOCKADDR_MAX bytes. `isFirst`: nobody needs what stands before the
// datagram. False: there was no room in the output list; call again with the same datagram after it was sent.
@inline
export function decapDatagram(datagram: usize, len: u32, isCut: bool, socket: u32, from: usize, isFirst: bool): bool {
  if (!outHasRoom()) return false;
  return deliverOrdinary(datagram, len, isCut, from, isFirst) || decapOther(datagram, len, isCut, socket, from);
}

function decapOther(datagram: usize, len: u32, isCut: bool, socket: u32, from: usize): bool {
  countDecapIn(1, 1, len);
  return decapTaken(takeComplete(datagram + VXLAN_HLEN, max(len, VXLAN_HLEN) - VXLAN_HLEN), isCut, socket, from);
}

// All steps of most frames, in the overlay of the last: one that is neither too short nor too long, without a tag, as
// it was sent, from a sender that is admitted, of a MAC that is no VNIC's, to that of a VNIC, while no frame is held.
// False: the steps have to be taken one by one, and nothing has been done. There must be room in the output list.
@inline
export function deliverOrdinary(datagram: usize, len: u32, isCut: bool, from: usize, isFirst: bool): bool {
  const frame = datagram + VXLAN_HLEN;
  const size = len - VXLAN_HLEN;
  if ((vxlanHeader(datagram) != header) | (size - ETH_HLEN >= span) | isCut | (arrival() != 0)) return false;
  const source = ethSrc(frame);
  const key = fdbKey(overlay, ethDst(frame));
  if (!isOrdinaryReceived(frame, key, source) || !isAdmitted(from)) return false;
  const record = overlayAt(overlay);
  if (isFromVnic(record, overlay, source)) return false;
  const value = lookUp(key);
  if (fdbKind(value) != FdbKind.local) return false;
  if (load<u32>(record, OVL_FLAGS) & LEARNS) learn(overlay, source, from);
  receiveOrdinary(size);
  outDeliverComplete(frame, size, overlay, fdbIndex(value), isFirst);
  return true;
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
  if (heldFrames() != 0) span = 0;
  if (captures) captureVerdict(frame);
  return true;
}

function decide(frame: Frame, truncated: bool, socket: u32, from: usize): bool {
  if (!ethCheck(frame.len)) return dropped(frame, Drop.truncated, 0);
  if (truncated) return dropped(frame, Drop.oversized, 0);
  const datagram = frame.start - VXLAN_HLEN;
  if (!isOfLast(datagram, socket) && !findOverlay(frame, datagram, socket, from)) return true;
  if (!isAdmitted(from) && !admit(frame, overlay, from)) return true;
  return decapFrame(frame, overlay, from, senderOf(from));
}

// Of one that waited for its sender to be known. There must be room in the output list.
export function decapHeld(frame: Frame, overlay: u32, from: usize): void {
  decapFrame(frame, overlay, from, senderEndpoint(load<u32>(overlayAt(overlay), OVL_SOCKET), from));
}

// Whether it is of use to read ahead for the datagrams that will be taken soon: the last one's overlay learns.
@inline
export function decapLooksAhead(): bool {
  return (load<u32>(overlayAt(overlay), OVL_FLAGS) & LEARNS) != 0;
}

// A datagram that will be taken soon, whatever its length: what `learn` will ask the FDB for is read ahead, if the
// datagram is like the last one.
@inline
export function decapAhead(datagram: usize): void {
  if (vxlanHeader(datagram) != header) return;
  touched += fdbTouch(fdbKey(overlay, ethSrc(datagram + VXLAN_HLEN)));
}

// Step 2, of a datagram whose header is the last one's, byte by byte.
@inline
function isOfLast(datagram: usize, socket: u32): bool {
  return (vxlanHeader(datagram) == header) & (socket == owner) & (pass == currentPass());
}

// Step 2. False: the frame was dropped.
function findOverlay(frame: Frame, datagram: usize, socket: u32, from: usize): bool {
  decapSettle();
  overlay = 0;
  pass = 0; // of no call
  span = 0;
  if (!vxlanHasVni(datagram)) return !dropped(frame, Drop.bad_vxlan_header, 0);
  const found = overlayOfVni(vxlanVni(datagram));
  const record = overlayAt(found);
  const flags = load<u32>(record, OVL_FLAGS);
  if (found == 0 || !(flags & OVL_FLAG_LIVE) || load<u32>(record, OVL_SOCKET) != socket) {
    noteUnknownVni(vxlanVni(datagram), from);
    return !dropped(frame, Drop.unknown_vni, 0);
  }
  if (flags & OVL_FLAG_STRICT_HEADER && vxlanReservedBits(datagram)) return !dropped(frame, Drop.reserved_bits, found);
  overlay = found;
  header = vxlanHeader(datagram);
  owner = socket;
  span = ordinarySpan();
  lastKey = EMPTY;
  pass = currentPass();
  checkSources(flags, socket);
  return true;
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
  if (flags & LEARNS) learn(overlay, source, from);
  const unfit = arrival() == 0 ? Drop.none : refusedArrival(frame, depth, overlay, flags);
  if (unfit != Drop.none) return dropped(frame, unfit, overlay);
  if (depth > 0 && policy == VlanPolicy.strip) {
    const stripped = stripTags(frame);
    if (!vnetIsClear(frame.vnet)) vnetShift(frame.vnet, stripped);
  }
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
  const value = isHeld(key) ? 0 : lookUp(key); // behind those that wait, even if the answer has just come
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

@inline
function lookUp(key: u64): u32 {
  if (key != lastKey) {
    lastValue = fdbFind(key);
    lastKey = key;
  }
  return lastValue;
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
