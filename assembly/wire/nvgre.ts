// The NVGRE header, RFC 7637 section 3.2: GRE (RFC 2784, RFC 2890) with a key, behind an IP header of protocol 47.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+---+-----------------+-----+---------------------------+   C, S: a checksum, a sequence number are there:
// |C|R|K|S| r |    reserved     |Ver. |       protocol type       |      never   K: there is a key, always set
// +-+-+-+-+---+-----------------+-----+-----------+---------------+   R and r: zero, else the datagram is dropped (RFC
// |       virtual subnet identifier (VSID)        |    FlowID     |      2784 section 2.3); reserved: ignored
// +-----------------------------------------------+---------------+   FlowID: of the inner flow, for routers

import { Drop } from '../layout';
import { load32be } from './bytes';

const FLAG_K: u32 = 0x2000_0000;
const FORM: u32 = 0xfc07_0000; // what decides how long the header is, and the version, which is 0
const RESERVED: u32 = 0x03f8_0000;
const PROTOCOL: u32 = 0xffff;
const ETHERNET: u32 = 0x6558; // transparent Ethernet bridging
const FLOW_SHIFT: u64 = 56; // in memory's order, where it is the last byte
const K_IN_MEMORY: u32 = 0x20; // FLAG_K, likewise

/** The first word of what carries an Ethernet frame. */
export const NVGRE_WORD: u32 = FLAG_K | ETHERNET;

/** Whether there is a VSID. */
@inline
export function nvgreHasKey(datagram: usize): bool {
  return (load32be(datagram, 0) & FORM) == FLAG_K;
}

/** Why what is behind the header may not be looked at as an Ethernet frame. */
@inline
export function nvgreRefusal(datagram: usize): Drop {
  if (!nvgreHasKey(datagram)) return Drop.bad_nvgre_header;
  return (load32be(datagram, 0) & PROTOCOL) == ETHERNET ? Drop.none : Drop.not_ethernet;
}

/** Whether a bit is set that has no meaning yet. */
@inline
export function nvgreReservedBits(datagram: usize): bool {
  return (load32be(datagram, 0) & RESERVED) != 0;
}

/** Whether this header of an overlay is NVGRE's: the others have no flag where it has K. */
@inline
export function nvgreIsOwn(header: u64): bool {
  return (<u32>header & K_IN_MEMORY) != 0;
}

/** The header, whose FlowID is zero, with that of a flow: one byte of its hash. */
@inline
export function nvgreWithFlow(header: u64, hash: u32): u64 {
  return header | (<u64>(hash >> 24) << FLOW_SHIFT);
}
