// Datagrams that leave in one send. The kernel cuts a message into datagrams of one size (UDP_SEGMENT), so frames of a
// list that an overlay sends to one endpoint by one source port are chained while they are equally long and have the
// same mark (OUT_MARK); a shorter one ends the chain. Order within a flow holds: a flow has one endpoint and one source
// port, and what cannot join its chain ends it.
//
// An entry is chained when it is listed. A chain's record, of CHAIN_SIZE bytes, says what it is so far. It stands where
// the hash says of what its chain leaves by; the chain that stood there before, of the same list or an older one, has
// ended.

import {
  CHAINS_BITS,
  CHAINS_MAX,
  CHAIN_SIZE,
  OUT_ENDPOINT,
  OUT_JOINED,
  OUT_LEN,
  OUT_MARK,
  OUT_NEXT,
  SEGMENTS_MAX,
  UDP_PAYLOAD_MAX,
  VXLAN_HLEN,
  W_CHAINS,
} from '../layout';
import { w } from './worker';

const KEY: usize = 0; // u64 what it leaves by, and the list it is of
const TAIL: usize = KEY + 8; // u32 where its last entry is, 0: it has ended
const SIZE: usize = TAIL + 4; // u32 its datagrams in the high half, bytes of them all in the low one
const ONE: u32 = 0x10000; // of those datagrams

const MULTIPLIER: u64 = 0x9e3779b97f4a7c15; // 2^64 over the golden ratio: neighbours are far apart
const LIST_SHIFT: u32 = 16; // an endpoint has so many bits, and 16 free ones above them
const LISTS_MAX: u64 = 0xffff << LIST_SHIFT;

let list: u64 = 0; // in the bits that it has of a key; never that of a record of zeros

// Forgets what an instance before this one had chained.
export function chainsStart(): void {
  memory.fill(w() + W_CHAINS, 0, CHAINS_MAX * CHAIN_SIZE);
  list = 0;
}

export function chainsBegin(): void {
  if (list == LISTS_MAX) chainsStart();
  list += 1 << LIST_SHIFT;
}

// Chains an entry to the ones before that it can leave with.
@inline
export function chain(out: usize): void {
  chainBy(out, leavesBy(out), load<u32>(out, OUT_LEN));
}

// OUT_ENDPOINT, OUT_OVERLAY, which has counters of its own, and OUT_SOURCE.
@inline
function leavesBy(out: usize): u64 {
  return load<u64>(out, OUT_ENDPOINT);
}

// The same of one that leaves by `by` and has a frame of `len` bytes.
@inline
export function chainBy(out: usize, by: u64, len: u32): void {
  const chain = chainOf(by);
  const key = keyOf(by);
  if (load<u64>(chain, KEY) == key) {
    if (joins(chain, out, len)) return;
  }
  store<u64>(chain, key, KEY);
  store<u32>(chain, <u32>out, TAIL);
  store<u32>(chain, ONE + len + VXLAN_HLEN, SIZE);
}

// Whether it becomes the last one of that chain.
@inline
function joins(chain: usize, out: usize, len: u32): bool {
  const tail = <usize>load<u32>(chain, TAIL);
  if (tail == 0 || load<u32>(tail, OUT_MARK) != load<u32>(out, OUT_MARK)) return false;
  const each = load<u32>(tail, OUT_LEN);
  const size = load<u32>(chain, SIZE);
  if (len > each || size / ONE >= <u32>SEGMENTS_MAX) return false;
  if (size % ONE + len + VXLAN_HLEN > <u32>UDP_PAYLOAD_MAX) return false;
  store<u32>(tail, <u32>out, OUT_NEXT);
  store<u32>(out, 1, OUT_JOINED);
  store<u32>(chain, len < each ? 0 : <u32>out, TAIL);
  store<u32>(chain, size + ONE + len + VXLAN_HLEN, SIZE);
  return true;
}

// An entry that leaves alone, and before which its flow's chain has to end.
export function chainClose(out: usize): void {
  const by = leavesBy(out);
  const chain = chainOf(by);
  if (load<u64>(chain, KEY) == keyOf(by)) store<u32>(chain, 0, TAIL);
}

@inline
function chainOf(by: u64): usize {
  return w() + W_CHAINS + <usize>((by * MULTIPLIER) >> (64 - CHAINS_BITS)) * CHAIN_SIZE;
}

@inline
function keyOf(by: u64): u64 {
  return by | list;
}
