// The IPv6 header, RFC 8200 section 3.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------+---------------+---------------------------------------+
// | ver=6 | traffic class |              flow label               |
// +-------+---------------+-------+---------------+---------------+
// |         payload length        |  next header  |   hop limit   |
// +-------------------------------+---------------+---------------+
// |                   source address, 16 bytes                    |
// +---------------------------------------------------------------+
// |                destination address, 16 bytes                  |
// +---------------------------------------------------------------+
//
// An address is read as two u64, high and low, the first byte on the wire most significant.

import { load16be, load32be, load64be, store16be, store32be, store64be } from './bytes';
import { foldSum, sum } from './checksum';

const VERSION_CLASS_FLOW: usize = 0;
const PAYLOAD_LENGTH: usize = VERSION_CLASS_FLOW + 4;
const NEXT_HEADER: usize = PAYLOAD_LENGTH + 2;
const HOP_LIMIT: usize = NEXT_HEADER + 1;
const SOURCE: usize = HOP_LIMIT + 1;
const DESTINATION: usize = SOURCE + 16;
/** Bytes of the header; extension headers follow. */
export const IPV6_HLEN: u32 = <u32>DESTINATION + 16;

const SAME_FIRST: u64 = 0xffff_0000_ffff_ffff; // the first eight bytes, as memory has them, without payload length

export const IPPROTO_HOPOPTS: u32 = 0;
export const IPPROTO_ROUTING: u32 = 43;
export const IPPROTO_FRAGMENT: u32 = 44;
export const IPPROTO_AH: u32 = 51;
export const IPPROTO_ICMPV6: u32 = 58;
export const IPPROTO_DSTOPTS: u32 = 60;
const EXTENSION_LENGTH: usize = 1; // of an options or a routing header: units of 8 bytes, the first not counted
const FRAGMENT_OFFSET: usize = 2; // of a fragment header, in units of 8 bytes and three other bits
const LINK_LOCAL: u64 = 0xfe80 >> 6; // of ten bits
const SOLICITED_NODE_HIGH: u64 = 0xff02_0000_0000_0000; // ff02::1:ffXX:XXXX, RFC 4291 section 2.7.1
const SOLICITED_NODE_LOW: u64 = 0x0000_0001_ff00_0000;
const SOLICITED_NODE_LOW_MASK: u64 = 0xffff_ffff_ff00_0000;

/**
 * Whether `len` bytes hold the header and it is one of IPv6: the check before every other function here. It does not
 * say that all of the payload is there (`ipv6IsWhole`).
 */
@inline
export function ipv6Check(packet: usize, len: u32): bool {
  return len >= IPV6_HLEN && load<u8>(packet, VERSION_CLASS_FLOW) >> 4 == 6;
}

/** Whether header and payload are inside `len` bytes, which may end with padding. */
@inline
export function ipv6IsWhole(packet: usize, len: u32): bool {
  return IPV6_HLEN + ipv6PayloadLength(packet) <= len;
}

/** Whether two headers differ in nothing but payload length. */
@inline
export function ipv6AreAlike(packet: usize, other: usize): bool {
  const first = (load<u64>(packet) ^ load<u64>(other)) & SAME_FIRST;
  const src = v128.xor(v128.load(packet, SOURCE), v128.load(other, SOURCE));
  const dst = v128.xor(v128.load(packet, DESTINATION), v128.load(other, DESTINATION));
  return first == 0 && !v128.any_true(v128.or(src, dst));
}

/** DSCP and ECN. */
@inline
export function ipv6TrafficClass(packet: usize): u32 {
  return (load16be(packet, VERSION_CLASS_FLOW) >> 4) & 0xff;
}

/** Bytes after the header. */
@inline
export function ipv6PayloadLength(packet: usize): u32 {
  return load16be(packet, PAYLOAD_LENGTH);
}

/** Protocol of the first extension header or of the payload. */
@inline
export function ipv6NextHeader(packet: usize): u32 {
  return load<u8>(packet, NEXT_HEADER);
}

@inline
export function ipv6HopLimit(packet: usize): u32 {
  return load<u8>(packet, HOP_LIMIT);
}

@inline
export function ipv6SrcHigh(packet: usize): u64 {
  return load64be(packet, SOURCE);
}

@inline
export function ipv6SrcLow(packet: usize): u64 {
  return load64be(packet, SOURCE + 8);
}

@inline
export function ipv6DstHigh(packet: usize): u64 {
  return load64be(packet, DESTINATION);
}

@inline
export function ipv6DstLow(packet: usize): u64 {
  return load64be(packet, DESTINATION + 8);
}

/** Whether an address is ::, "unspecified". */
@inline
export function ipv6IsUnspecified(high: u64, low: u64): bool {
  return (high | low) == 0;
}

/** Whether an address is ::1, "loopback". */
@inline
export function ipv6IsLoopback(high: u64, low: u64): bool {
  return high == 0 && low == 1;
}

/** Whether an address is a link-local one, fe80::/10. */
@inline
export function ipv6IsLinkLocal(high: u64): bool {
  return high >> 54 == LINK_LOCAL;
}

/** Whether an address is a multicast one, ff00::/8. */
@inline
export function ipv6IsMulticast(high: u64): bool {
  return high >> 56 == 0xff;
}

/** Whether an address is in ff02::1:ff00:0/104, the solicited-node multicast groups. */
@inline
export function ipv6IsSolicitedNode(high: u64, low: u64): bool {
  return high == SOLICITED_NODE_HIGH && (low & SOLICITED_NODE_LOW_MASK) == SOLICITED_NODE_LOW;
}

/**
 * Where the upper layer stands, in bytes from the start of the header, when nothing but options headers (hop-by-hop,
 * destination) stand before it and all of them end inside `len` bytes; 0 if not. `ipv6UpperProtocol` says what it is.
 * `routed`: so may routing headers, for a caller that makes no pseudo header: what follows them has another one.
 */
export function ipv6UpperOffset(packet: usize, len: u32, routed: bool): u32 {
  let next = ipv6NextHeader(packet);
  let at = IPV6_HLEN;
  while (next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || (routed && next == IPPROTO_ROUTING)) {
    if (at + 8 > len) return 0;
    next = load<u8>(packet + at);
    at += (<u32>load<u8>(packet + at, EXTENSION_LENGTH) + 1) << 3;
  }
  if (at > len) return 0;
  upperProtocol = next;
  return at;
}

/**
 * What an error may be reported of: where the upper layer stands, in bytes from the start of the header, past extension
 * headers of any kind and inside `len`; 0 if it is not there, as in all fragments but the first. `ipv6UpperProtocol`
 * says what it is.
 */
export function ipv6PastExtensions(packet: usize, len: u32): u32 {
  let next = ipv6NextHeader(packet);
  let at = IPV6_HLEN;
  while (isExtension(next)) {
    if (at + 8 > len) return 0;
    const header = packet + at;
    if (next == IPPROTO_FRAGMENT && load16be(header, FRAGMENT_OFFSET) & ~7) return 0;
    at += extensionLength(header, next);
    next = load<u8>(header);
  }
  if (at >= len) return 0;
  upperProtocol = next;
  return at;
}

function isExtension(next: u32): bool {
  const isCommon = next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING;
  return isCommon || next == IPPROTO_FRAGMENT || next == IPPROTO_AH;
}

/** Bytes of an extension header, or of what has the format of RFC 6564. */
export function extensionLength(header: usize, kind: u32): u32 {
  if (kind == IPPROTO_FRAGMENT) return 8;
  const units = <u32>load<u8>(header, EXTENSION_LENGTH);
  return kind == IPPROTO_AH ? (units + 2) << 2 : (units + 1) << 3;
}

let upperProtocol: u32 = 0;

/** The protocol that the last `ipv6UpperOffset` or `ipv6PastExtensions` (not 0) found. */
@inline
export function ipv6UpperProtocol(): u32 {
  return upperProtocol;
}

/** Sum of the pseudo header (RFC 8200 section 8.1) for `len` bytes of an upper layer. */
export function ipv6PseudoSum(packet: usize, nextHeader: u32, len: u32): u32 {
  return sum(packet + SOURCE, IPV6_HLEN - <u32>SOURCE, foldSum(<u64>len + <u64>nextHeader));
}

/** Writes everything before the addresses; traffic class and flow label zero. */
export function ipv6Stamp(packet: usize, payloadLength: u32, nextHeader: u32, hopLimit: u32): void {
  assert(payloadLength <= 0xffff && nextHeader <= 0xff && hopLimit <= 0xff);
  store32be(packet, VERSION_CLASS_FLOW, 6 << 28);
  store16be(packet, PAYLOAD_LENGTH, payloadLength);
  store16be(packet, NEXT_HEADER, (nextHeader << 8) | hopLimit);
}

/** DSCP and ECN; the flow label stays. */
@inline
export function ipv6SetTrafficClass(packet: usize, value: u32): void {
  store16be(packet, VERSION_CLASS_FLOW, (load16be(packet, VERSION_CLASS_FLOW) & 0xf00f) | (value << 4));
}

/** 20 bits; DSCP and ECN stay. */
@inline
export function ipv6SetFlowLabel(packet: usize, label: u32): void {
  assert(label <= 0xfffff);
  store32be(packet, VERSION_CLASS_FLOW, (load32be(packet, VERSION_CLASS_FLOW) & 0xfff00000) | label);
}

@inline
export function ipv6SetHopLimit(packet: usize, value: u32): void {
  store<u8>(packet, <u8>value, HOP_LIMIT);
}

@inline
export function ipv6SetPayloadLength(packet: usize, payloadLength: u32): void {
  assert(payloadLength <= 0xffff);
  store16be(packet, PAYLOAD_LENGTH, payloadLength);
}

@inline
export function ipv6SetSrc(packet: usize, high: u64, low: u64): void {
  store64be(packet, SOURCE, high);
  store64be(packet, SOURCE + 8, low);
}

@inline
export function ipv6SetDst(packet: usize, high: u64, low: u64): void {
  store64be(packet, DESTINATION, high);
  store64be(packet, DESTINATION + 8, low);
}
