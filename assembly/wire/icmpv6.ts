// ICMPv6 (RFC 4443) and of it the two messages of neighbour discovery that resolve addresses (RFC 4861 4.3, 4.4); of
// router advertisements (4.2) whether they are valid.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+-------------------------------+
// |  type 135/136 |    code = 0   |           checksum            |
// +-+-+-+---------+---------------+-------------------------------+
// |R|S|O|                       reserved                          |   flags of an advertisement (136);
// +-+-+-+---------------------------------------------------------+   all zero in a solicitation (135)
// |                   target address, 16 bytes                    |
// +---------------+---------------+-------------------------------+
// |  option type  |  option len   |  option data ...              |   len in units of 8 bytes, both bytes included
// +---------------+---------------+-------------------------------+
//
// "Packet too big" (RFC 4443 section 3.2) has type 2, the MTU in place of the flags, and then the packet that was.

import { load16be, load32be, loadMac, load64be, store16be, store32be, storeMac, store64be } from './bytes';
import { checksum } from './checksum';
import { IPPROTO_ICMPV6, ipv6IsMulticast, ipv6PseudoSum } from './ipv6';

const TYPE: usize = 0;
const CODE: usize = TYPE + 1;
const CHECKSUM: usize = CODE + 1;
/** Where the checksum field is, in bytes from the start of the message. */
export const ICMPV6_CHECKSUM: u32 = <u32>CHECKSUM;
/** Bytes that every ICMPv6 message has. */
export const ICMPV6_HLEN: u32 = <u32>CHECKSUM + 2;
const ND_FLAGS: usize = CHECKSUM + 2;
const ND_TARGET: usize = ND_FLAGS + 4;
/** Bytes of a solicitation or advertisement without options. */
export const ND_HLEN: u32 = <u32>ND_TARGET + 16;
const OPTION_LEN: usize = 1;
const OPTION_DATA: usize = OPTION_LEN + 1;
const OPTION_UNIT: u32 = 8;
/** Bytes of a router advertisement without options. */
const RA_HLEN: u32 = <u32>CHECKSUM + 2 + 12;
/** Bytes of a router solicitation without options. */
const RS_HLEN: u32 = <u32>CHECKSUM + 2 + 4;
/** Bytes of a link-layer address option on Ethernet. */
export const ND_OPTION_LLADDR_LEN: u32 = OPTION_UNIT;

const PACKET_TOO_BIG: u32 = 2;
const INFORMATIONAL: u32 = 128; // the first type that reports no error
const REDIRECT: u32 = 137;
/** Bytes of "packet too big" before what it quotes. */
export const ICMPV6_TOO_BIG_HLEN: u32 = ICMPV6_HLEN + 4;
const ROUTER_SOLICITATION: u32 = 133;
export const ROUTER_ADVERTISEMENT: u32 = 134;
export const NEIGHBOUR_SOLICITATION: u32 = 135;
export const NEIGHBOUR_ADVERTISEMENT: u32 = 136;
export const ND_OPTION_SOURCE_LLADDR: u32 = 1;
export const ND_OPTION_TARGET_LLADDR: u32 = 2;
export const NA_SOLICITED: u32 = 0x4000_0000;
export const NA_OVERRIDE: u32 = 0x2000_0000;

/** Whether `len` bytes hold type, code and checksum. */
@inline
export function icmpv6Check(len: u32): bool {
  return len >= ICMPV6_HLEN;
}

@inline
export function icmpv6Type(message: usize): u32 {
  return load<u8>(message, TYPE);
}

/** Whether it reports an error, or is a redirect: no error is to be reported of such a one (RFC 4443 section 2.4). */
@inline
export function icmpv6IsError(message: usize): bool {
  return icmpv6Type(message) < INFORMATIONAL || icmpv6Type(message) == REDIRECT;
}

@inline
export function icmpv6Code(message: usize): u32 {
  return load<u8>(message, CODE);
}

@inline
export function icmpv6Checksum(message: usize): u32 {
  return load16be(message, CHECKSUM);
}

/** Whether the checksum of a message of `len` bytes is right; `packet` is its IPv6 header. */
@inline
export function icmpv6Verify(packet: usize, message: usize, len: u32): bool {
  return checksum(message, len, ipv6PseudoSum(packet, IPPROTO_ICMPV6, len)) == 0;
}

/** Makes the checksum right; the last thing after every other change. */
@inline
export function icmpv6FillChecksum(packet: usize, message: usize, len: u32): void {
  store16be(message, CHECKSUM, 0);
  store16be(message, CHECKSUM, checksum(message, len, ipv6PseudoSum(packet, IPPROTO_ICMPV6, len)));
}

/** Writes the header of "packet too big"; the checksum is still to be made right. */
export function icmpv6StampTooBig(message: usize, mtu: u32): void {
  store32be(message, TYPE, PACKET_TOO_BIG << 24);
  store32be(message, ND_FLAGS, mtu);
}

/**
 * The message's own part of RFC 4861 7.1.1 and 7.1.2: code 0, room for the target, a target that is not multicast, and
 * options that have a length and end where the message ends. The nd functions may be used only after this.
 */
export function ndCheck(message: usize, len: u32): bool {
  if (len < ND_HLEN || icmpv6Code(message) != 0 || ipv6IsMulticast(ndTargetHigh(message))) return false;
  return optionsCheck(message, ND_HLEN, len);
}

/** The same of RFC 4861 6.1.2, of a router advertisement. */
export function raCheck(message: usize, len: u32): bool {
  return len >= RA_HLEN && icmpv6Code(message) == 0 && optionsCheck(message, RA_HLEN, len);
}

/** Whether a type is one of solicitations and advertisements, of routers and of neighbours (RFC 4861 4.1 to 4.4). */
@inline
export function ndIsDiscovery(type: u32): bool {
  return type >= ROUTER_SOLICITATION && type <= NEIGHBOUR_ADVERTISEMENT;
}

function headerLength(message: usize): u32 {
  const type = icmpv6Type(message);
  if (type == ROUTER_SOLICITATION) return RS_HLEN;
  return type == ROUTER_ADVERTISEMENT ? RA_HLEN : ND_HLEN;
}

/** Whether one of those is long enough for its type, and has options that end where its `len` bytes end. */
export function ndOptionsCheck(message: usize, len: u32): bool {
  const header = headerLength(message);
  return len >= header && optionsCheck(message, header, len);
}

/** Whether the link-layer addresses in the options of one that passed `ndOptionsCheck` are all this one. */
export function ndLladdrsAre(message: usize, len: u32, mac: u64): bool {
  for (let at = headerLength(message); at < len; ) {
    const option = message + at;
    const type = <u32>load<u8>(option);
    const isLladdr = type == ND_OPTION_SOURCE_LLADDR || type == ND_OPTION_TARGET_LLADDR;
    if (isLladdr && ndOptionMac(option) != mac) return false;
    at += <u32>load<u8>(option, OPTION_LEN) * OPTION_UNIT;
  }
  return true;
}

function optionsCheck(message: usize, start: u32, len: u32): bool {
  let offset = start;
  while (offset < len) {
    if (len - offset < OPTION_UNIT) return false;
    const optionLen = <u32>load<u8>(message + offset, OPTION_LEN) * OPTION_UNIT;
    if (optionLen == 0 || optionLen > len - offset) return false;
    offset += optionLen;
  }
  return true;
}

/** The first option of a type in a message of `len` bytes that passed `ndCheck`, or 0. */
export function ndOption(message: usize, len: u32, type: u32): usize {
  assert(ndCheck(message, len));
  let offset = ND_HLEN;
  while (offset < len) {
    const option = message + offset;
    if (load<u8>(option) == type) return option;
    offset += <u32>load<u8>(option, OPTION_LEN) * OPTION_UNIT;
  }
  return 0;
}

/** The MAC address in a link-layer address option. */
@inline
export function ndOptionMac(option: usize): u64 {
  return loadMac(option, OPTION_DATA);
}

@inline
export function ndTargetHigh(message: usize): u64 {
  return load64be(message, ND_TARGET);
}

@inline
export function ndTargetLow(message: usize): u64 {
  return load64be(message, ND_TARGET + 8);
}

/** NA_* flags of an advertisement. */
@inline
export function ndFlags(message: usize): u32 {
  return load32be(message, ND_FLAGS);
}

/** Writes type, code, flags and target; the checksum is still zero. */
export function ndStamp(message: usize, type: u32, flags: u32, targetHigh: u64, targetLow: u64): void {
  store32be(message, TYPE, type << 24);
  store32be(message, ND_FLAGS, flags);
  store64be(message, ND_TARGET, targetHigh);
  store64be(message, ND_TARGET + 8, targetLow);
}

/** Writes a link-layer address option of ND_OPTION_LLADDR_LEN bytes. */
@inline
export function ndStampOption(option: usize, type: u32, mac: u64): void {
  store16be(option, 0, (type << 8) | 1);
  storeMac(option, OPTION_DATA, mac);
}
