// The IPv4 header, RFC 791.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------+-------+---------------+-------------------------------+
// | ver=4 |  IHL  |      TOS      |          total length         |   IHL in words of 4 bytes
// +-------+-------+---------------+-----+-------------------------+
// |         identification        |0 D M|     fragment offset     |   M: more fragments follow
// +---------------+---------------+-----+-------------------------+
// |      TTL      |   protocol    |        header checksum        |
// +---------------+---------------+-------------------------------+
// |                         source address                        |
// +---------------------------------------------------------------+
// |                      destination address                      |
// +---------------------------------------------------------------+   options up to IHL * 4

import { load16be, load32be, store16be, store32be } from './bytes';
import { checksum, foldSum, sum } from './checksum';

const VERSION_IHL: usize = 0;
const TOS: usize = VERSION_IHL + 1;
const TOTAL_LENGTH: usize = TOS + 1;
const IDENTIFICATION: usize = TOTAL_LENGTH + 2;
const FRAGMENT: usize = IDENTIFICATION + 2;
const TTL: usize = FRAGMENT + 2;
const PROTOCOL: usize = TTL + 1;
const CHECKSUM: usize = PROTOCOL + 1;
const SOURCE: usize = CHECKSUM + 2;
const DESTINATION: usize = SOURCE + 4;
/** Bytes of the header without options. */
export const IPV4_HLEN: u32 = <u32>DESTINATION + 4;

export const IPPROTO_TCP: u32 = 6;
export const IPPROTO_UDP: u32 = 17;
const DONT_FRAGMENT: u32 = 0x4000;
const MORE_FRAGMENTS: u32 = 0x2000;
const FRAGMENT_OFFSET: u32 = 0x1fff;
const PLAIN: u64 = 0x45; // version 4, five words, no fragment; of the first eight bytes, as memory has them, ...
const PLAIN_MASK: u64 = 0xffbf_0000_0000_00ff; // ... version and IHL, and all of the fragment field but DF
const LESS_HEADER: u64 = 0xffff - (IPV4_HLEN << 8); // the complement of its length, in memory's order
// Of the first and the second eight bytes, as memory has them, all but total length and id, and all but the checksum.
const SAME_FIRST: u64 = 0xffff_0000_0000_ffff;
const SAME_SECOND: u64 = 0xffff_ffff_0000_ffff;

/**
 * Whether `len` bytes hold the header with its options, and the header's own lengths agree with each other: the check
 * before every other function here. It does not say that all of the payload is there (`ipv4IsWhole`) or that the header
 * is right (`ipv4Verify`).
 */
@inline
export function ipv4Check(packet: usize, len: u32): bool {
  return (
    len >= IPV4_HLEN &&
    load<u8>(packet, VERSION_IHL) >> 4 == 4 &&
    ipv4HeaderLength(packet) >= IPV4_HLEN &&
    ipv4HeaderLength(packet) <= len &&
    ipv4HeaderLength(packet) <= ipv4TotalLength(packet)
  );
}

/** Whether header and payload are inside `len` bytes, which may end with padding. */
@inline
export function ipv4IsWhole(packet: usize, len: u32): bool {
  return ipv4TotalLength(packet) <= len;
}

/**
 * Whether `len` bytes begin with a header without options, of no fragment, and what it promises is all there: this
 * check says all that `ipv4Check` and `ipv4IsWhole` say.
 */
@inline
export function ipv4IsPlain(packet: usize, len: u32): bool {
  return ipv4HasPlainHeader(packet, len) && ipv4TotalLength(packet) - IPV4_HLEN <= len - IPV4_HLEN;
}

/** The same of the header alone, whatever it promises. */
@inline
export function ipv4HasPlainHeader(packet: usize, len: u32): bool {
  return len >= IPV4_HLEN && (load<u64>(packet, VERSION_IHL) & PLAIN_MASK) == PLAIN;
}

/** Whether two plain headers differ in nothing but total length, id and checksum. */
@inline
export function ipv4AreAlike(packet: usize, other: usize): bool {
  const first = (load<u64>(packet, VERSION_IHL) ^ load<u64>(other, VERSION_IHL)) & SAME_FIRST;
  const second = (load<u64>(packet, TTL) ^ load<u64>(other, TTL)) & SAME_SECOND;
  const last = load<u32>(packet, DESTINATION) ^ load<u32>(other, DESTINATION);
  return (first | second | <u64>last) == 0;
}

/** Whether the checksum of a plain header is right. */
@inline
export function ipv4VerifyPlain(packet: usize): bool {
  const begin = <u64>load<u32>(packet, VERSION_IHL) + <u64>load<u32>(packet, IDENTIFICATION);
  const end = <u64>load<u32>(packet, SOURCE) + <u64>load<u32>(packet, DESTINATION);
  return foldSum(begin + <u64>load<u32>(packet, TTL) + end) == 0xffff;
}

/** Whether routers may not cut it: its id then says nothing (RFC 6864). */
@inline
export function ipv4HasDf(packet: usize): bool {
  return (load16be(packet, FRAGMENT) & DONT_FRAGMENT) != 0;
}

/** Whether the header checksum is right. */
@inline
export function ipv4Verify(packet: usize): bool {
  return checksum(packet, ipv4HeaderLength(packet), 0) == 0;
}

/** Bytes of the header with its options. */
@inline
export function ipv4HeaderLength(packet: usize): u32 {
  return <u32>(load<u8>(packet, VERSION_IHL) & 0x0f) << 2;
}

/** Type of service: DSCP and ECN. */
@inline
export function ipv4Tos(packet: usize): u32 {
  return load<u8>(packet, TOS);
}

/** Bytes of header and payload. */
@inline
export function ipv4TotalLength(packet: usize): u32 {
  return load16be(packet, TOTAL_LENGTH);
}

@inline
export function ipv4Id(packet: usize): u32 {
  return load16be(packet, IDENTIFICATION);
}

/** Whether this is a part of a datagram, the first one included. */
@inline
export function ipv4IsFragment(packet: usize): bool {
  return (load16be(packet, FRAGMENT) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) != 0;
}

/** Where the payload stands in its datagram, in bytes; 0 for the first fragment and for what is not fragmented. */
@inline
export function ipv4FragmentOffset(packet: usize): u32 {
  return (load16be(packet, FRAGMENT) & FRAGMENT_OFFSET) << 3;
}

@inline
export function ipv4Ttl(packet: usize): u32 {
  return load<u8>(packet, TTL);
}

@inline
export function ipv4Protocol(packet: usize): u32 {
  return load<u8>(packet, PROTOCOL);
}

@inline
export function ipv4Checksum(packet: usize): u32 {
  return load16be(packet, CHECKSUM);
}

@inline
export function ipv4Src(packet: usize): u32 {
  return load32be(packet, SOURCE);
}

@inline
export function ipv4Dst(packet: usize): u32 {
  return load32be(packet, DESTINATION);
}

/** Whether an address is one host's: not in 0.0.0.0/8 or 127.0.0.0/8, no multicast, no broadcast. */
export function ipv4IsHost(address: u32): bool {
  const net = address >> 24;
  return net != 0 && net != 127 && net < 224;
}

/** Both addresses as one word in memory's order: to compare and to hash only. */
@inline
export function ipv4AddressesWord(packet: usize): u64 {
  return load<u64>(packet, SOURCE);
}

/** Sum of the pseudo header (RFC 768, RFC 9293 section 3.1) for `len` bytes of an upper layer. */
export function ipv4PseudoSum(packet: usize, protocol: u32, len: u32): u32 {
  return foldSum(<u64>ipv4Src(packet) + <u64>ipv4Dst(packet) + <u64>protocol + <u64>len);
}

/**
 * Whether two bytes at `field` are the sum of the pseudo header for all that a packet without options carries. A ones'
 * complement sum is the same in memory's order (RFC 1071 section 2), where nothing has to be swapped.
 */
@inline
export function ipv4IsPseudoSum(packet: usize, field: usize): bool {
  const addresses = ipv4AddressesWord(packet);
  const protocol = <u64>load<u8>(packet, PROTOCOL) << 8;
  const length = <u64>load<u16>(packet, TOTAL_LENGTH) + LESS_HEADER;
  return foldSum((addresses & 0xffff_ffff) + (addresses >> 32) + protocol + length) == load<u16>(field);
}

/**
 * Sum of a header with its options, without what differs between the segments of a super-frame: total length,
 * identification, checksum.
 */
export function ipv4ConstantSum(packet: usize): u32 {
  const begin = sum(packet + VERSION_IHL, <u32>(TOTAL_LENGTH - VERSION_IHL), 0);
  const middle = sum(packet + FRAGMENT, <u32>(CHECKSUM - FRAGMENT), begin);
  return sum(packet + SOURCE, ipv4HeaderLength(packet) - <u32>SOURCE, middle);
}

@inline
export function ipv4SetTos(packet: usize, tos: u32): void {
  store<u8>(packet, <u8>tos, TOS);
}

@inline
export function ipv4SetTtl(packet: usize, ttl: u32): void {
  store<u8>(packet, <u8>ttl, TTL);
}

/** It may be fragmented from now on; its fragments are told from others by the low 16 bits of `id`. */
@inline
export function ipv4ClearDf(packet: usize, id: u32): void {
  store16be(packet, IDENTIFICATION, id);
  store16be(packet, FRAGMENT, 0);
}

/** Writes a header without options, not fragmented, DF set, whose checksum is still zero: `ipv4FillChecksum`. */
export function ipv4Stamp(packet: usize, protocol: u32, totalLength: u32, src: u32, dst: u32): void {
  assert(totalLength >= IPV4_HLEN && totalLength <= 0xffff && protocol <= 0xff);
  store16be(packet, VERSION_IHL, 0x4500);
  store16be(packet, TOTAL_LENGTH, totalLength);
  store32be(packet, IDENTIFICATION, 0x4000);
  store16be(packet, TTL, (64 << 8) | protocol);
  store16be(packet, CHECKSUM, 0);
  store32be(packet, SOURCE, src);
  store32be(packet, DESTINATION, dst);
}

@inline
export function ipv4SetTotalLength(packet: usize, totalLength: u32): void {
  assert(totalLength >= ipv4HeaderLength(packet) && totalLength <= 0xffff);
  store16be(packet, TOTAL_LENGTH, totalLength);
}

@inline
export function ipv4SetId(packet: usize, id: u32): void {
  store16be(packet, IDENTIFICATION, id);
}

@inline
export function ipv4SetChecksum(packet: usize, value: u32): void {
  store16be(packet, CHECKSUM, value);
}

/** Changes the type of service, and the checksum with it (RFC 1624, equation 3): one that was wrong stays wrong. */
export function ipv4ChangeTos(packet: usize, tos: u32): void {
  const before = load16be(packet, VERSION_IHL);
  const after = (before & 0xff00) | tos;
  store<u8>(packet, <u8>tos, TOS);
  const sum = <u64>(ipv4Checksum(packet) ^ 0xffff) + <u64>(before ^ 0xffff) + <u64>after;
  store16be(packet, CHECKSUM, foldSum(sum) ^ 0xffff);
}

/** Makes the header checksum right; the last thing after every other change. */
@inline
export function ipv4FillChecksum(packet: usize): void {
  store16be(packet, CHECKSUM, 0);
  store16be(packet, CHECKSUM, checksum(packet, ipv4HeaderLength(packet), 0));
}
