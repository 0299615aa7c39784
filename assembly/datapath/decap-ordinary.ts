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
  VNIC_TAG,
  VXLAN_HLEN,
} from '../layout';
import { EMPTY, fdbFind, fdbIndex, fdbKey, fdbKind, fdbTouch } from '../table/fdb';
import { overlayAt, vnicAt } from '../table/records';
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
  return load<u32>(vnicAt(load<u32>(overlayAt(overlay), OVL_ANY_MAC_VNIC)), VNIC_TAG) != 0;
}

// What the FDB said of a MAC; 0: it is a VNIC's that shares its TAP. While one joins or leaves, the FDB knows its MAC
// though the overlay does not name it (hasTag).
@inline
function withoutTag(value: u32): u32 {
  const isTagged = fdbKind(value) == FdbKind.local && load<u32>(vnicAt(fdbIndex(value)), VNIC_TAG) != 0;
  return isTagged ? 0 : value;
}

// Of the overlay in hand.
function run(first: usize, end: usize, hasRoom: bool): usize {
  const overlay = decapOverlay();
  const record = overlayAt(overlay);
  const header = decapHeader();
  const longest = load<u32>(record, OVL_FRAME_MAX);
  const span = max(longest + 1, ETH_HLEN) - ETH_HLEN;
  const common = outDelivered(overlay, hasRoom);
  const nowhere = fdbKey(overlay, 0); // a key without a MAC
  if (found != decapFound() || start != lastSenderStart()) forget();
  let itsMac = mac;
  let itsStart = start;
  let itsKey = key;
  let itsValue = value;
  let sender: usize = 0; // the address of the last one in this run
  let bytes: u32 = 0;
  const before = outNext();
  let counted = before; // entries before this one are counted as their senders', ...
  let bytesCounted: u32 = 0; // ... and these bytes
  const stop = min(end, first + ((outRoom() - before) / OUT_SIZE) * RECEIVED_SIZE);
  let out = before;
  let at = first;
  for (; at < stop; at += RECEIVED_SIZE) {
    const datagram = <usize>load<u32>(at, RECEIVED_AT);
    const frame = datagram + VXLAN_HLEN;
    const size = load<u32>(at, RECEIVED_LEN) - VXLAN_HLEN;
    const to = nowhere | ethDst(frame);
    if ((tunnelHeader(datagram) != header) | (size - ETH_HLEN >= span) | isMulticast(to)) break;
    const from = <usize>load<u32>(at, RECEIVED_FROM);
    const nextMac = ethSourceAndType(frame);
    const nextStart = sockaddrStart(from);
    if ((nextMac != itsMac) | (nextStart != itsStart)) {
      const isSame = nextStart == itsStart || (sender != 0 && sockaddrIsSameHost(from, sender));
      if (!isSame) {
        receiveOrdinary(<u32>(out - counted) / OUT_SIZE, bytes - bytesCounted);
        counted = out;
        bytesCounted = bytes;
      }
      if ((nextMac != itsMac || !isSame) && !takeSender(frame, record, overlay, from)) break;
      itsMac = nextMac;
      itsStart = lastSenderStart();
      sender = from;
    }
    if (to != itsKey) {
      itsKey = to;
      itsValue = withoutTag(fdbFind(to));
    }
    if (fdbKind(itsValue) != FdbKind.local) break;
    outComplete(out, frame, size, common, fdbIndex(itsValue));
    bytes += size;
    out += OUT_SIZE;
  }
  mac = itsMac;
  start = itsStart;
  key = itsKey;
  value = itsValue;
  receiveOrdinary(<u32>(out - counted) / OUT_SIZE, bytes - bytesCounted);
  if (out != before) list(out, <u32>(out - before) / OUT_SIZE, bytes, overlay);
  return at;
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

// Steps 3, 5 and 6 of a frame with another sender than the one before. False: it is not an ordinary one.
function takeSender(frame: usize, record: usize, overlay: u32, from: usize): bool {
  const source = ethSrc(frame);
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
