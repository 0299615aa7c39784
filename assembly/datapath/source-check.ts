// Who may send to an overlay from the underlay. Whoever can reach its port can forge every address inside.
//
//  1. a VNIC's own MAC never comes from there, whatever the overlay says: it is a loop or a lie
//  2. OVL_FLAG_CHECK_VTEP  the outer source address is a VTEP that the overlay knows (table/vteps.ts), or the source
//                          MAC was told to be there, which the host notes a moment later. Who passed is
//                          remembered, so that senders whose datagrams come together cost a search each
//  3. OVL_FLAG_CHECK_FDB   and the source MAC lives there: the FDB says so, or nothing of it where nobody can be asked
//
// Where a plugin can be asked of a MAC that nothing is known of, the frame waits for the answer (hold.ts): that is how
// a VTEP makes itself known that sends first. It is admitted if the plugin has the MAC there.
//
// The host is told of those that are refused: of each MAC and address every LEARN_REPEAT_MS, and how many frames.

import {
  Drop,
  EP_SOCKADDR,
  FDB_FLAG_LEARNED,
  FdbKind,
  LEARN_REPEAT_MS,
  OVL_FLAGS,
  OVL_FLAG_CHECK_FDB,
  OVL_FLAG_CHECK_VTEP,
  OVL_FLAG_LOOKUP,
  OVL_VNIC_FILTER,
  STRANGERS_PER_SECOND_MAX,
  STRANGER_SIZE,
  STRANGER_SLOTS,
  VNIC_FILTER_SHIFT,
  VNIC_MAC,
  W_STRANGERS,
  W_STRANGER_TOKENS,
} from '../layout';
import { fdbFlags, fdbIndex, fdbKey, fdbKind, fdbPeek } from '../table/fdb';
import { hash64 } from '../table/hash';
import { endpointAt, overlayAt, vnicAt } from '../table/records';
import { vtepHash, vtepIsKnown } from '../table/vteps';
import { ethIsOamOfVtep, ethSrc, isMulticast } from '../wire/ethernet';
import {
  sockaddrCheck,
  sockaddrHigh,
  sockaddrLow,
} from '../wire/sockaddr';
import { VLAN_TOWER } from '../wire/vlan';
import { takeToken } from './bucket';
import { drop } from './counters';
import { floodsUnknown } from './flood';
import { Frame } from './frame';
import { holdSource, isHeldFrom } from './hold';
import { isLastIpv4, isRecentSender, noteSender, sendersBegin } from './senders';
import { upcallStranger } from './upcall';
import { currentPass, nowMs, w } from './worker';

const CHECKS: u32 = OVL_FLAG_CHECK_VTEP | OVL_FLAG_CHECK_FDB;

// A record of what the host was told, where its hash says, whatever was there before.
const KEY: usize = 0; // u64 FDB key of the MAC
const HIGH: usize = KEY + 8; // u64 the address, see wire/sockaddr.ts
const LOW: usize = HIGH + 8; // u64
const AT: usize = LOW + 8; // u32 low bits of the millisecond when the host was told
const FRAMES: usize = AT + 4; // u32 it has not been told of

let checks: u32 = 0; // of the overlay in hand
let other: u64 = 0; // the FDB key that step 1 looked up last, of no VNIC, and in which pass: frames come in runs
let pass: u32 = 0;

// The next datagrams are of an overlay with these flags, on its socket. To be called once a pass at least: the host may
// have changed what it knows.
@inline
export function checkSources(flags: u32, socket: u32): void {
  checks = flags & CHECKS;
  sendersBegin(socket);
}

// Nearly always true: the sender is the last one, or was admitted just before, or nobody looks. Then it is the last.
@inline
export function isAdmitted(from: usize): bool {
  return isLastIpv4(from) || isAdmittedAnew(from);
}

function isAdmittedAnew(from: usize): bool {
  if (checks & OVL_FLAG_CHECK_FDB) return false; // that depends on the frame
  if (isRecentSender(from)) return true;
  if (checks == 0) noteSender(from);
  return checks == 0;
}

// Steps 2 and 3, of a frame that has an Ethernet header. False: it was dropped, or waits.
export function admit(frame: Frame, overlay: u32, from: usize): bool {
  const source = ethSrc(frame.start);
  if (isMulticast(source) || source == 0) return true; // it is refused for that, whoever sent it
  const key = fdbKey(overlay, source);
  if (isHeldFrom(key, from)) return !waits(frame, key, overlay, from);
  const value = <u32>fdbPeek(key);
  const reason = sockaddrCheck(from) ? refusal(overlay, from, value) : Drop.source_unknown;
  if (reason == Drop.none) {
    if (!(checks & OVL_FLAG_CHECK_FDB)) noteSender(from);
    return true;
  }
  const isOfVtep = ethIsOamOfVtep(frame.start); // no entry says where its MAC is, so that VTEP alone counts
  if (isOfVtep && sockaddrCheck(from) && vtepIsKnown(overlay, vtepHash(from))) return true;
  if (value == 0 && !isOfVtep && mayWait(frame, overlay, from)) return !waits(frame, key, overlay, from);
  refuse(frame, key, overlay, from);
  drop(frame, reason, overlay, 0);
  return false;
}

// Why a frame is not admitted, whose source MAC has this value in the FDB.
function refusal(overlay: u32, from: usize, value: u32): Drop {
  const hash = vtepHash(from);
  const isKnown = vtepIsKnown(overlay, hash);
  const looksForMac = (checks & OVL_FLAG_CHECK_FDB) != 0;
  if (isKnown && !looksForMac) return Drop.none;
  if (livesAt(value, hash)) return isKnown || isTold(value) ? Drop.none : Drop.source_unknown;
  if (!looksForMac || fdbKind(value) == FdbKind.drop) return Drop.source_unknown;
  if (value == 0) return isKnown && !asks(overlay) ? Drop.none : Drop.source_unknown;
  return Drop.source_elsewhere;
}

@inline
function livesAt(value: u32, hash: u64): bool {
  return fdbKind(value) == FdbKind.remote && vtepHash(endpointAt(fdbIndex(value)) + EP_SOCKADDR) == hash;
}

// By the plugin or the operator. What was learned makes nobody known, or whoever was let in once would stay.
@inline
function isTold(value: u32): bool {
  return (fdbFlags(value) & FDB_FLAG_LEARNED) == 0;
}

// Whether somebody can be asked where a MAC is.
@inline
function asks(overlay: u32): bool {
  return (load<u32>(overlayAt(overlay), OVL_FLAGS) & OVL_FLAG_LOOKUP) != 0 && !floodsUnknown(overlay);
}

function mayWait(frame: Frame, overlay: u32, from: usize): bool {
  return frame.depth >= 0 && frame.depth < VLAN_TOWER && sockaddrCheck(from) && asks(overlay);
}

// Always true: it waits, or was dropped for want of room.
function waits(frame: Frame, key: u64, overlay: u32, from: usize): bool {
  const reason = holdSource(frame, key, overlay, from);
  if (reason != Drop.none) drop(frame, reason, overlay, 0);
  return true;
}

// Why a frame that waited is not admitted, now that its source MAC has this value (0: nobody answered).
export function refusedHeld(frame: Frame, overlay: u32, from: usize, value: u32): Drop {
  const before = checks;
  checks = load<u32>(overlayAt(overlay), OVL_FLAGS) & CHECKS;
  const reason = checks == 0 ? Drop.none : refusal(overlay, from, value);
  checks = before;
  if (reason == Drop.none) return Drop.none;
  refuse(frame, fdbKey(overlay, ethSrc(frame.start)), overlay, from);
  return value == 0 ? Drop.lookup_timeout : reason;
}

// Tells the host, now or later.
function refuse(frame: Frame, key: u64, overlay: u32, from: usize): void {
  const itsHigh = sockaddrHigh(from);
  const itsLow = sockaddrLow(from);
  const slot = <usize>(hash64(key ^ hash64(itsLow ^ hash64(itsHigh))) & (STRANGER_SLOTS - 1));
  const record = w() + W_STRANGERS + slot * STRANGER_SIZE;
  const isSame =
    load<u64>(record, KEY) == key && load<u64>(record, HIGH) == itsHigh && load<u64>(record, LOW) == itsLow;
  const millisecond = <u32>(<u64>nowMs());
  const frames = isSame ? load<u32>(record, FRAMES) + frame.frames : frame.frames;
  const isTold = isSame && millisecond - load<u32>(record, AT) < <u32>LEARN_REPEAT_MS;
  const tells = !isTold && takeToken(w() + W_STRANGER_TOKENS, STRANGERS_PER_SECOND_MAX);
  const isTaken = tells && upcallStranger(overlay, ethSrc(frame.start), frames, from);
  store<u64>(record, key, KEY);
  store<u64>(record, itsHigh, HIGH);
  store<u64>(record, itsLow, LOW);
  store<u32>(record, isTaken ? 0 : frames, FRAMES);
  if (isTaken) store<u32>(record, millisecond, AT);
}

// Step 1: whether it may be, by the bits that the MACs of its VNICs have in the overlay's filter; then whether it is.
@inline
export function isFromVnic(record: usize, overlay: u32, source: u64): bool {
  if (!mayBeVnics(load<u32>(record, OVL_VNIC_FILTER), source)) return false;
  return !isOfOther(fdbKey(overlay, source)) && isVnics(overlay, source);
}

// Whether an overlay with this OVL_VNIC_FILTER may have a VNIC of that MAC.
@inline
export function mayBeVnics(filter: u32, source: u64): bool {
  return ((filter >> <u32>(source >> VNIC_FILTER_SHIFT)) & 1) != 0; // modulo 32
}

@inline
function isOfOther(key: u64): bool {
  return key == other && pass == currentPass();
}

function isVnics(overlay: u32, source: u64): bool {
  const key = fdbKey(overlay, source);
  const value = <u32>fdbPeek(key);
  if (fdbKind(value) == FdbKind.local && load<u64>(vnicAt(fdbIndex(value)), VNIC_MAC) == source) return true;
  other = key;
  pass = currentPass();
  return false;
}
