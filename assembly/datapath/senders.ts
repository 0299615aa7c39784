// Who sends what comes from the underlay, and what was received from each. Datagrams of a sender come in runs: the last
// one is known by a comparison, those of late by their slot, and ordinary frames of a run are counted together.
//
// Counted is by endpoint (table/senders.ts). Senders that are none count together, as endpoint 0: whoever forges
// addresses makes no rows.

import { RECENT_BITS, RECENT_SIZE, RECENT_SLOTS, W_RECENT_SENDERS } from '../layout';
import { senderEndpoint, sendersVersion } from '../table/senders';
import { sockaddrHigh, sockaddrIsIpv4, sockaddrLow, sockaddrStart } from '../wire/sockaddr';
import { countReceived, pairOf } from './counters';
import { w } from './worker';

// A record of a sender, where its address says, whatever was there before.
const HIGH: usize = 0; // u64 the address, see wire/sockaddr.ts
const LOW: usize = HIGH + 8; // u64
const CALL: usize = LOW + 8; // u32 `call` at that time
const ENDPOINT: usize = CALL + 4; // u32
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15; // 2^64 over the golden ratio: neighbours are far apart
const UNKNOWN: u32 = u32.MAX_VALUE; // a version that there has not been yet
const NOBODY: u64 = 0xffff_0000; // no sockaddrStart has these bits

let socket: u32 = 0; // of the overlay in hand
let call: u32 = 0; // how often sendersBegin was called: who was noted before that has to be looked up again
let start: u64 = NOBODY; // the last sender: its family and IPv4 address; NOBODY: it has none
let high: u64 = 0; // its address, whatever the family, ...
let low: u64 = 0;
let lastCall: u32 = 0; // ... and its `call`
let endpoint: u32 = 0; // which it is, 0: none; ...
let version: u32 = UNKNOWN; // ... when the lists had this version

// A new instance takes over this worker's memory, and counts its calls anew: those that are noted are not its own.
export function sendersStart(): void {
  memory.fill(w() + W_RECENT_SENDERS, 0, RECENT_SLOTS * RECENT_SIZE);
}

// The next datagrams are of another overlay, on this socket, or of another pass.
export function sendersBegin(ofSocket: u32): void {
  if (ofSocket != socket) version = UNKNOWN;
  socket = ofSocket;
  start = NOBODY;
  call++;
}

@inline
export function isLastSender(from: usize): bool {
  return isLastIpv4(from) || isLastOfAny(from);
}

@inline
export function isLastIpv4(from: usize): bool {
  return sockaddrStart(from) == start;
}

function isLastOfAny(from: usize): bool {
  return lastCall == call && sockaddrLow(from) == low && sockaddrHigh(from) == high;
}

// Whether it was noted; then it is the last one.
export function isRecentSender(from: usize): bool {
  if (start == NOBODY && isLastOfAny(from)) return true;
  const itsHigh = sockaddrHigh(from);
  const itsLow = sockaddrLow(from);
  const record = recentAt(itsLow);
  if (load<u32>(record, CALL) != call) return false;
  if (load<u64>(record, HIGH) != itsHigh || load<u64>(record, LOW) != itsLow) return false;
  become(from, itsHigh, itsLow, load<u32>(record, ENDPOINT));
  version = UNKNOWN; // it was looked up earlier
  return true;
}

// It is the last one from now on, and known again.
export function noteSender(from: usize): void {
  const itsHigh = sockaddrHigh(from);
  const itsLow = sockaddrLow(from);
  const current = sendersVersion();
  const isSame = (itsLow == low) & (itsHigh == high) & (current == version);
  version = current;
  become(from, itsHigh, itsLow, isSame ? endpoint : senderEndpoint(socket, from));
  const record = recentAt(low);
  store<u64>(record, high, HIGH);
  store<u64>(record, low, LOW);
  store<u32>(record, call, CALL);
  store<u32>(record, endpoint, ENDPOINT);
}

@inline
function recentAt(itsLow: u64): usize {
  return w() + W_RECENT_SENDERS + <usize>((itsLow * MULTIPLIER) >> (64 - RECENT_BITS)) * RECENT_SIZE;
}

function become(from: usize, itsHigh: u64, itsLow: u64, its: u32): void {
  start = sockaddrIsIpv4(from) ? sockaddrStart(from) : NOBODY;
  lastCall = call;
  high = itsHigh;
  low = itsLow;
  endpoint = its;
}

// The endpoint of a sender that was admitted, whether or not it is the last one.
@inline
export function senderOf(from: usize): u32 {
  return isLastSender(from) ? endpoint : senderEndpoint(socket, from);
}

// How the address of the last sender starts (sockaddrStart), if it is one of IPv4; else what no address starts with.
@inline
export function lastSenderStart(): u64 {
  return start;
}

// Ordinary frames of the last sender, and bytes of those.
export function receiveOrdinary(frames: u32, bytes: u32): void {
  countReceived(endpoint, pairOf(frames, bytes));
}
