// Ordinary datagrams, a run at a time: what nearly every datagram is like, looked at in one go. Such a one passes the
// steps of decap.ts, which are the rules, without being looked at again: in the overlay of the one before, neither too
// short nor too long, without a tag, from a sender that is admitted, of a MAC that is no VNIC's, to that of a VNIC,
// that has a TAP to itself, while no frame is held and no capture looks.
//
// Runs are of one sender, too: a MAC and an address that were those of the datagram before are not looked at again. The
// loop that takes them (`listKnown`) calls nothing, because V8 spills what is live across a call, however rare that is:
// it ends where something has to be found out, and begins again behind that.

import {
  Drop,
  FdbKind,
  OUT_SIZE,
  OVL_ANY_MAC_VNIC,
  OVL_FLAGS,
  OVL_FLAG_SNOOP,
  OVL_FRAME_MAX,
  OVL_VNIC_FILTER,
  RECEIVED_AT,
  RECEIVED_FROM,
  RECEIVED_LEN,
  RECEIVED_SIZE,
  VXLAN_HLEN,
  W_FDB_NOTES,
} from '../layout';
import { FLOW_PROTOCOLS } from '../offload/flow-of';
import { EMPTY, fdbFindAgain, fdbFindNoted, fdbIndex, fdbKey, fdbKind, fdbTouch } from '../table/fdb';
import { overlayAt, vnicHasTag } from '../table/records';
import {
  ETH_HLEN,
  ETH_P_IP,
  ethDst,
  ethIs,
  ethSourceAndType,
  ethSrc,
  ethTypeIs,
  isMulticast,
} from '../wire/ethernet';
import { IPV4_HLEN, ipv4Protocol } from '../wire/ipv4';
import { sockaddrIsIpv4, sockaddrIsSameHost, sockaddrStart } from '../wire/sockaddr';
import { tunnelHeader } from '../wire/tunnel';
import { vlanHas } from '../wire/vlan';
import { isCapturing } from './capture';
import { countDecap, countDecapIn, pairOf } from './counters';
import { decapFound, decapHeader, decapIsControl, decapOverlay, takeOverlay } from './decap-overlay';
import { heldFrames } from './hold';
import { learn, LEARNS } from './learn';
import { outComplete, outDelivered } from './output';
import { outHasRoom, outNext, outNoteFlow, outRoom, outUpTo } from './output-list';
import { lastSenderStart, receiveOrdinary } from './senders';
import { isAdmitted, isFromVnic, mayBeVnics } from './source-check';
import { mayLearn } from './tunnel-header';
import { w } from './worker';

const NEVER: u64 = u64.MAX_VALUE; // no address starts like that
const SHORTEST_FRAME: u32 = ETH_HLEN + IPV4_HLEN; // or the protocol that is read of each would be that of another
const SHORTEST: u32 = VXLAN_HLEN + SHORTEST_FRAME;
const LOOKS: u32 = LEARNS | OVL_FLAG_SNOOP;
const ALL: u32 = u32.MAX_VALUE;

// What has to be found out of a datagram before it may be an ordinary one; nothing: it is none, or there is no more.
enum Unknown {
  nothing,
  sender,
  receiver,
}

// Of the last ordinary one, if the overlay in hand is still the one that was found then:
let found: u32 = 0;
let mac: u64 = 0; // the MAC that sent it, and the EtherType
let start: u64 = NEVER; // how the address starts that sent it (lastSenderStart)
let key: u64 = EMPTY; // what the FDB was asked for
let value: u32 = 0; // and its answer (withoutTag)

// Of the run in hand. In variables of the module, because V8 computes anew for every datagram what is only a local one.
let nowhere: u64 = 0; // a key without a MAC
let span: u32 = 0; // how much longer than the shortest frames may be, and one more
let common: u64 = 0; // outDelivered
let sender: usize = 0; // the address of the last one if it is of IPv6, else 0
let out: usize = 0; // where the next entry goes
let bytes: u32 = 0; // of the frames in the entries before it
let protocols: u32 = 0; // which IP protocols they are of, as in FLOW_PROTOCOLS; all of these if one is not of IPv4
let counted: usize = 0; // entries before this one are counted as their senders', ...
let bytesCounted: u32 = 0; // ... and these bytes

let filter: u32 = 0; // OVL_VNIC_FILTER; ALL: each other MAC has to be looked at, as one learns from it
let unknown: Unknown = Unknown.nothing; // why `listKnown` ended

let touched: u32 = 0; // no compiler may leave out what is added here

// Takes the datagrams of a socket from record `at` on (received.ts), none of which was cut off, came in fragments or
// with a congestion mark. `hasRoom`: nobody needs what stands before them. Answers the first that is not ordinary, or
// for which there is no room in the output list: nothing has been done about it.
export function decapOrdinary(at: usize, end: usize, socket: u32, hasRoom: bool): usize {
  while (at < end) {
    if (!outHasRoom() || isCapturing() || heldFrames() != 0 || load<u32>(at, RECEIVED_LEN) < SHORTEST) break;
    if (takeOverlay(load<u32>(at, RECEIVED_AT), socket) != Drop.none) break;
    if (decapIsControl() || hasTag(decapOverlay())) break;
    const next = run(at, end, hasRoom);
    if (next == at) break;
    at = next;
  }
  return at;
}

// Whether its VNIC shares a TAP, where frames need a tag: then it is the one that carries any MAC.
@inline
function hasTag(overlay: u32): bool {
  return vnicHasTag(load<u32>(overlayAt(overlay), OVL_ANY_MAC_VNIC));
}

// What the FDB said of a MAC; 0: it is a VNIC's that shares its TAP. While one joins or leaves, the FDB knows its MAC
// though the overlay does not name it (hasTag).
@inline
function withoutTag(value: u32): u32 {
  return fdbKind(value) == FdbKind.local && vnicHasTag(fdbIndex(value)) ? 0 : value;
}

// Of the overlay in hand.
function run(first: usize, end: usize, hasRoom: bool): usize {
  begin(decapOverlay(), hasRoom);
  const before = out;
  const stop = min(end, first + ((outRoom() - before) / OUT_SIZE) * RECEIVED_SIZE);
  let at = listKnown(first, stop);
  while (findOut(at)) at = listKnown(at, stop);
  countSender();
  if (out != before) list(<u32>(out - before) / OUT_SIZE, decapOverlay());
  return at;
}

function begin(overlay: u32, hasRoom: bool): void {
  nowhere = fdbKey(overlay, 0);
  span = max(load<u32>(overlayAt(overlay), OVL_FRAME_MAX) + 1, SHORTEST_FRAME) - SHORTEST_FRAME;
  common = outDelivered(overlay, hasRoom);
  filter = load<u32>(overlayAt(overlay), OVL_FLAGS) & LOOKS ? ALL : load<u32>(overlayAt(overlay), OVL_VNIC_FILTER);
  sender = 0;
  if (found != decapFound() || start != lastSenderStart()) forget();
  out = outNext();
  bytes = 0;
  protocols = otherThanIpv4();
  counted = out;
  bytesCounted = 0;
}

function forget(): void {
  found = decapFound();
  start = NEVER;
  key = EMPTY;
}

// Lists datagrams from `first` on while all is known of them. Answers the first that is not ordinary, or of which
// something has to be found out.
function listKnown(first: usize, stop: usize): usize {
  let next = out;
  let sum = bytes;
  let carried = protocols;
  let asked = key;
  let answer = value;
  let missing = Unknown.nothing;
  let at = first;
  for (; at != stop; at += RECEIVED_SIZE) {
    const datagram = <usize>load<u32>(at, RECEIVED_AT);
    const frame = datagram + VXLAN_HLEN;
    const size = load<u32>(at, RECEIVED_LEN) - VXLAN_HLEN;
    if (isOther(datagram, size) != 0) break;
    missing = Unknown.sender;
    const from = <usize>load<u32>(at, RECEIVED_FROM);
    if (sockaddrStart(from) != start && !isOfSender(from)) break;
    if (ethSourceAndType(frame) != mac) {
      const source = ethSrc(frame);
      if (!isOrdinarySource(frame, source) || mayBeVnics(filter, source)) break;
      mac = ethSourceAndType(frame);
      carried |= otherThanIpv4();
    }
    missing = Unknown.receiver;
    const to = nowhere | ethDst(frame);
    if (to != asked) {
      answer = withoutTag(fdbFindNoted(w() + W_FDB_NOTES, to));
      asked = to;
    }
    if (fdbKind(answer) != FdbKind.local) break;
    outComplete(next, frame, size, common, fdbIndex(answer));
    carried |= 1 << ipv4Protocol(frame + ETH_HLEN);
    sum += size;
    next += OUT_SIZE;
    missing = Unknown.nothing;
  }
  out = next;
  bytes = sum;
  protocols = carried;
  key = asked;
  value = answer;
  unknown = missing;
  return at;
}

// 0: a datagram with a frame of `size` bytes is of the overlay of the run, and neither too short nor too long.
@inline
function isOther(datagram: usize, size: u32): u64 {
  return (tunnelHeader(datagram) ^ decapHeader()) | u64(size - SHORTEST_FRAME >= span);
}

// Whether a frame has no tag, and is from a MAC that may be somebody's own.
@inline
function isOrdinarySource(frame: usize, source: u64): bool {
  return source != 0 && !isMulticast(source) && !vlanHas(frame);
}

// Whether the last ordinary one came from the same IPv6 address.
@inline
function isOfSender(from: usize): bool {
  return sender != 0 && sockaddrIsSameHost(from, sender);
}

// Of a datagram that `listKnown` has stopped at, what was unknown: whether it may be an ordinary one.
function findOut(at: usize): bool {
  if (unknown == Unknown.nothing) return false;
  const frame = <usize>load<u32>(at, RECEIVED_AT) + VXLAN_HLEN;
  if (unknown == Unknown.sender) return takeSender(frame, load<u32>(at, RECEIVED_FROM));
  key = nowhere | ethDst(frame);
  value = isMulticast(key) ? 0 : withoutTag(fdbFindAgain(key));
  return fdbKind(value) == FdbKind.local;
}

// The entries that are not counted yet are the last sender's.
function countSender(): void {
  receiveOrdinary(<u32>(out - counted) / OUT_SIZE, bytes - bytesCounted);
  counted = out;
  bytesCounted = bytes;
}

// The entries of the run, which are so many, are listed and counted.
function list(frames: u32, overlay: u32): void {
  outUpTo(out);
  if (protocols & FLOW_PROTOCOLS) outNoteFlow();
  countDecapIn(frames, frames, bytes + frames * VXLAN_HLEN);
  countDecap(overlay, pairOf(frames, bytes));
}

// False: the sender is not an ordinary one.
function takeSender(frame: usize, from: usize): bool {
  const nextMac = ethSourceAndType(frame);
  const isSame = sockaddrStart(from) == start || isOfSender(from);
  if (!isSame) countSender();
  if ((nextMac != mac || !isSame) && !isOrdinarySender(frame, from)) return false;
  mac = nextMac;
  start = lastSenderStart();
  sender = sockaddrIsIpv4(from) ? 0 : from;
  protocols |= otherThanIpv4();
  return true;
}

// What `protocols` is of frames from `mac`, if they are not of IPv4.
@inline
function otherThanIpv4(): u32 {
  return ethTypeIs(mac, ETH_P_IP) ? 0 : FLOW_PROTOCOLS;
}

// Steps 3, 5 and 6.
function isOrdinarySender(frame: usize, from: usize): bool {
  const source = ethSrc(frame);
  const overlay = decapOverlay();
  const record = overlayAt(overlay);
  if (!isOrdinarySource(frame, source) || !isAdmitted(from) || isFromVnic(record, overlay, source)) return false;
  const flags = load<u32>(record, OVL_FLAGS);
  if (flags & OVL_FLAG_SNOOP && !ethIs(frame, ETH_P_IP)) return false; // it may say something of an address
  if (flags & LEARNS && mayLearn(record, frame - VXLAN_HLEN)) learn(overlay, source, from);
  return true;
}

// Before a batch is taken: where the overlay in hand learns, what `learn` will ask the FDB for is read ahead, of the
// datagrams that are like the last one.
export function decapAhead(first: usize, end: usize): void {
  const overlay = decapOverlay();
  if (!(load<u32>(overlayAt(overlay), OVL_FLAGS) & LEARNS)) return;
  const header = decapHeader();
  for (let at = first; at < end; at += RECEIVED_SIZE) {
    const datagram = <usize>load<u32>(at, RECEIVED_AT);
    if (tunnelHeader(datagram) == header) touched += fdbTouch(fdbKey(overlay, ethSrc(datagram + VXLAN_HLEN)));
  }
}
