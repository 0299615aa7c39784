// The VTEPs that an overlay knows: who may send to it (datapath/source-check.ts). They stand in the FDB, under keys
// whose MAC is a group's, which no entry of a MAC has, and are pinned as static entries are. An address is 63 bits of a
// keyed hash: 47 in the key and 16 in the value. Whoever does not know the numbers of table/hash.ts meets a known one
// by a chance of one in 2^63, at each try.

import { FDB_FLAG_STATIC, FdbKind } from '../layout';
import { sockaddrHigh, sockaddrLow } from '../wire/sockaddr';
import { fdbIndex, fdbKey, fdbKind, fdbPeek } from './fdb';
import { hash64 } from './hash';

const KEY_BITS: u64 = 47;
const MAC_MASK: u64 = 0xffff_ffff_ffff;

// Of the IP address in a struct sockaddr: ports say nothing of a sender.
@inline
export function vtepHash(sockaddr: usize): u64 {
  return hash64(sockaddrLow(sockaddr) ^ hash64(sockaddrHigh(sockaddr)));
}

@inline
export function vtepKey(overlay: u32, hash: u64): u64 {
  return fdbKey(overlay, ((hash << 1) | 1) & MAC_MASK);
}

// Whether a key is such a one: the first byte of a MAC on the wire is the least significant.
@inline
export function isVtepKey(key: u64): bool {
  return (key & 1) != 0;
}

// What the key does not hold, as the index of the entry's value.
@inline
export function vtepIndex(hash: u64): u32 {
  return <u32>(hash >> KEY_BITS) & 0xffff;
}

export const VTEP_FLAGS: u32 = FDB_FLAG_STATIC;

@inline
export function vtepIsKnown(overlay: u32, hash: u64): bool {
  const value = <u32>fdbPeek(vtepKey(overlay, hash));
  return fdbKind(value) == FdbKind.vtep && fdbIndex(value) == vtepIndex(hash);
}
