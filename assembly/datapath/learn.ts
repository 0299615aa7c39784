// Learning where MACs are from what arrives (RFC 7348 section 4.1): the inner source MAC lives behind the outer source
// address, or behind the any-mac VNIC that sent the frame. The FDB is the host's, so a worker only compares:
//
//  1. the same as in this pass just before: nothing more, so a row of frames costs one search
//  2. the FDB says so already: the entry is stamped as heard of, and does not age
//  3. it is a VNIC's or the operator's: those never move
//  4. where the plugin says where MACs are, only two things contradict it: a MAC that it has elsewhere sends here, and
//     one that did so is heard from elsewhere again
//  5. else the host is told: not the same twice within LEARN_REPEAT_MS, and no more than the overlay's share of
//     LEARNS_PER_SECOND_MAX a second
//
// A record of what the host was told, of LEARNT_SIZE bytes, stands where its hash says, whatever was there before.

import {
  C_LEARN_SKIPPED,
  EP_SOCKADDR,
  FDB_FLAG_LEARNED,
  FDB_FLAG_STATIC,
  FdbKind,
  LEARNS_PER_SECOND_MAX,
  LEARNT_SIZE,
  LEARNT_SLOTS,
  LEARN_REPEAT_MS,
  OVL_FLAG_LEARN,
  OVL_FLAG_RETURNS,
  OVL_FLAGS,
  W_LEARNT,
  W_LEARN_SHARES,
} from '../layout';
import { fdbFlags, fdbHear, fdbIndex, fdbKey, fdbKind, fdbPeek } from '../table/fdb';
import { hash64 } from '../table/hash';
import { endpointAt, overlayAt } from '../table/records';
import { sockaddrCheck, sockaddrHigh, sockaddrLow } from '../wire/sockaddr';
import { total } from './counters';
import { takeShare } from './share';
import { upcallLearn } from './upcall';
import { currentPass, nowMs, w } from './worker';

/** Flags of an overlay: one that has any of them asks where senders are. */
export const LEARNS: u32 = OVL_FLAG_LEARN | OVL_FLAG_RETURNS;

const KEY: usize = 0; // u64 FDB key
const HIGH: usize = KEY + 8; // u64 the address, see wire/sockaddr.ts
const LOW: usize = HIGH + 8; // u64
const AT: usize = LOW + 8; // u32 low bits of the millisecond when the host was told

const HERE: u64 = 0; // both words of the address of what a VNIC sent: no source has it

// What was seen last.
let pass: u32 = 0;
let key: u64 = 0;
let high: u64 = 0;
let low: u64 = 0;

// A frame of `mac` from the underlay, by this struct sockaddr.
@inline
export function learn(overlay: u32, mac: u64, sockaddr: usize): void {
  const isNew = isNews(fdbKey(overlay, mac), sockaddrHigh(sockaddr), sockaddrLow(sockaddr));
  if (isNew) compare(overlay, mac, sockaddr);
}

// A frame of `mac` that the VNIC sent which carries any, and is not its own.
@inline
export function learnHere(overlay: u32, mac: u64, vnic: u32): void {
  if (isNews(fdbKey(overlay, mac), HERE, HERE)) compareHere(overlay, mac, vnic);
}

// Steps 2 to 4.
function compare(overlay: u32, mac: u64, sockaddr: usize): void {
  if (!sockaddrCheck(sockaddr)) return;
  const found = fdbPeek(key);
  const value = <u32>found;
  const kind = fdbKind(value);
  if (kind == FdbKind.remote && isAt(endpointAt(fdbIndex(value)) + EP_SOCKADDR)) return fdbHear(found);
  const cameHere = kind == FdbKind.local && (fdbFlags(value) & FDB_FLAG_LEARNED) != 0;
  if (fdbFlags(value) & FDB_FLAG_STATIC || (kind == FdbKind.local && !cameHere)) return;
  if (cameHere || learnsAll(overlay)) tell(overlay, mac, 0, sockaddr);
}

function compareHere(overlay: u32, mac: u64, vnic: u32): void {
  const found = fdbPeek(key);
  const value = <u32>found;
  const kind = fdbKind(value);
  if (kind == FdbKind.local && fdbIndex(value) == vnic) return fdbHear(found);
  if (fdbFlags(value) & FDB_FLAG_STATIC || kind == FdbKind.local) return;
  if (kind == FdbKind.remote || learnsAll(overlay)) tell(overlay, mac, vnic, 0);
}

@inline
function learnsAll(overlay: u32): bool {
  return (load<u32>(overlayAt(overlay), OVL_FLAGS) & OVL_FLAG_LEARN) != 0;
}

// Step 1.
@inline
function isNews(nextKey: u64, nextHigh: u64, nextLow: u64): bool {
  if (nextKey == key && nextLow == low && nextHigh == high && pass == currentPass()) return false;
  key = nextKey;
  high = nextHigh;
  low = nextLow;
  pass = currentPass();
  return true;
}

@inline
function isAt(name: usize): bool {
  return sockaddrLow(name) == low && sockaddrHigh(name) == high;
}

// Step 5. From a VNIC, or with 0 from the address.
function tell(overlay: u32, mac: u64, vnic: u32, sockaddr: usize): void {
  const slot = <usize>(hash64(key ^ hash64(low ^ hash64(high))) & (LEARNT_SLOTS - 1));
  const record = w() + W_LEARNT + slot * LEARNT_SIZE;
  const millisecond = <u32>(<u64>nowMs());
  if (wasTold(record) && millisecond - load<u32>(record, AT) < <u32>LEARN_REPEAT_MS) return;
  const isAllowed = takeShare(w() + W_LEARN_SHARES, LEARNS_PER_SECOND_MAX, overlay);
  if (!isAllowed || !upcallLearn(overlay, mac, vnic, sockaddr)) return total(C_LEARN_SKIPPED, 1);
  store<u64>(record, key, KEY);
  store<u64>(record, high, HIGH);
  store<u64>(record, low, LOW);
  store<u32>(record, millisecond, AT);
}

@inline
function wasTold(record: usize): bool {
  return load<u64>(record, KEY) == key && load<u64>(record, LOW) == low && load<u64>(record, HIGH) == high;
}
