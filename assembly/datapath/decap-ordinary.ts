// Ordinary datagrams, a run at a time: what nearly every datagram is like, looked at in one go. Such a one passes the
// steps of decap.ts, which are the rules, without being looked at again: in the overlay of the one before, neither too
// short nor too long, without a tag, from a sender that is admitted, of a MAC that is no VNIC's, to that of a VNIC,
// that has a TAP to itself, while no frame is held and no capture looks.
//
// Runs are of one sender, too: a MAC and an address that were those of the datagram before are not looked at again.

import {
  Drop,
  FdbKind,
  OUT_SIZE,
  OVL_ANY_MAC_VNIC,
  OVL_FLAGS,
  OVL_FLAG_SNOOP,
  OVL_FRAME_MAX,
  RECEIVED_AT,
  RECEIVED_FROM,
  RECEIVED_LEN,
  RECEIVED_SIZE,
  VXLAN_HLEN,
} from '../layout';
import { EMPTY, fdbFind, fdbIndex, fdbKey, fdbKind, fdbTouch } from '../table/fdb';
import { overlayAt, vnicHasTag } from '../table/records';
import { ETH_HLEN, ETH_P_IP, ethDst, ethIs, ethSourceAndType, ethSrc, isMulticast } from '../wire/ethernet';
import { sockaddrIsSameHost, sockaddrStart } from '../wire/sockaddr';
import { tunnelHeader } from '../wire/tunnel';
import { vlanHas } from '../wire/vlan';
import { isCapturing } from './capture';
import { countDecap, countDecapIn, pairOf } from './counters';
import { decapFound, decapHeader, decapIsControl, decapOverlay, takeOverlay } from './decap-overlay';
import { heldFrames } from './hold';
import { learn, LEARNS } from './learn';
import { outComplete, outDelivered } from './output';
import { outDelivers, outHasRoom, outNext, outRoom, outUpTo } from './output-list';
import { lastSenderStart, receiveOrdinary } from './senders';
import { isAdmitted, isFromVnic } from './source-check';
import { mayLearn } from './tunnel-header';

const NEVER: u64 = u64.MAX_VALUE; // no address starts like that
const SHORTEST: u32 = VXLAN_HLEN + ETH_HLEN;

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
let sender: usize = 0; // the address of the last one, 0: there was none
let counted: usize = 0; // entries before this one are counted as their senders', ...
let bytesCounted: u32 = 0; // ... and these bytes

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
  const before = outNext();
  const stop = min(end, first + ((outRoom() - before) / OUT_SIZE) * RECEIVED_SIZE);
  counted = before;
  bytesCounted = 0;
  let bytes: u32 = 0;
  let out = before;
  let at = first;
  for (; at < stop; at += RECEIVED_SIZE) {
    const datagram = <usize>load<u32>(at, RECEIVED_AT);
    const frame = datagram + VXLAN_HLEN;
    const size = load<u32>(at, RECEIVED_LEN) - VXLAN_HLEN;
    if (tunnelHeader(datagram) != decapHeader() || size - ETH_HLEN >= span) break;
    const to = nowhere | ethDst(frame);
    if (isMulticast(to)) break;
    const from = <usize>load<u32>(at, RECEIVED_FROM);
    if (ethSourceAndType(frame) != mac || sockaddrStart(from) != start) {
      if (!takeSender(frame, from, out, bytes)) break;
    }
    if (to != key) {
      value = withoutTag(fdbFind(to));
      key = to;
    }
    if (fdbKind(value) != FdbKind.local) break;
    outComplete(out, frame, size, common, fdbIndex(value));
    bytes += size;
    out += OUT_SIZE;
  }
  countSender(out, bytes);
  if (out != before) list(out, <u32>(out - before) / OUT_SIZE, bytes, decapOverlay());
  return at;
}

function begin(overlay: u32, hasRoom: bool): void {
  nowhere = fdbKey(overlay, 0);
  span = max(load<u32>(overlayAt(overlay), OVL_FRAME_MAX) + 1, ETH_HLEN) - ETH_HLEN;
  common = outDelivered(overlay, hasRoom);
  sender = 0;
  if (found != decapFound() || start != lastSenderStart()) forget();
}

// The entries before `out`, of `bytes` in all, that are not counted yet are the last sender's.
function countSender(out: usize, bytes: u32): void {
  receiveOrdinary(<u32>(out - counted) / OUT_SIZE, bytes - bytesCounted);
  counted = out;
  bytesCounted = bytes;
}

function forget(): void {
  found = decapFound();
  start = NEVER;
  key = EMPTY;
}

// The entries before `out`, of which `frames` are new, are listed and counted.
function list(out: usize, frames: u32, bytes: u32, overlay: u32): void {
  outUpTo(out);
  outDelivers();
  countDecapIn(frames, frames, bytes + frames * VXLAN_HLEN);
  countDecap(overlay, pairOf(frames, bytes));
}

// A frame from another MAC or address than the one before; the entries before `out` have `bytes` in all. False: it is
// not an ordinary one.
function takeSender(frame: usize, from: usize, out: usize, bytes: u32): bool {
  const nextMac = ethSourceAndType(frame);
  const isSame = sockaddrStart(from) == start || (sender != 0 && sockaddrIsSameHost(from, sender));
  if (!isSame) countSender(out, bytes);
  if ((nextMac != mac || !isSame) && !isOrdinarySender(frame, from)) return false;
  mac = nextMac;
  start = lastSenderStart();
  sender = from;
  return true;
}

// Steps 3, 5 and 6.
function isOrdinarySender(frame: usize, from: usize): bool {
  const source = ethSrc(frame);
  const overlay = decapOverlay();
  const record = overlayAt(overlay);
  if (source == 0 || isMulticast(source) || vlanHas(frame)) return false;
  if (!isAdmitted(from) || isFromVnic(record, overlay, source)) return false;
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
