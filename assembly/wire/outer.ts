// The headers before a VXLAN header on an underlay TAP: Ethernet, IPv4 or IPv6, UDP. An endpoint keeps them as a
// template; a frame gets a copy with what is its own: lengths, source port, flow label, checksums.
//
//  template, IPv4:  0          14          34        42      IPv6:  0          14          54        62
//                  | Ethernet | IPv4      | UDP     |             | Ethernet | IPv6      | UDP     |
//
// In a template the lengths and the source port are zero, and the checksum fields hold, not complemented, the sum of
// what is equal in all frames: of the IPv4 header, and of the UDP pseudo header.
//
// The destination MAC is that of the TAP. The source MAC is 00:00 and the index of the interface to leave by, u32,
// little-endian: the kernel replaces both (src/system/bpf/programs.ts).

import { MARK_FRAGMENT, MARK_TOS, MARK_TTL, MARK_TTL_SHIFT, OUTER_TTL } from '../layout';
import { foldSum } from './checksum';
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, ethSetDst, ethSetSrc, ethSetType } from './ethernet';
import {
  IPPROTO_UDP,
  IPV4_HLEN,
  ipv4Checksum,
  ipv4ClearDf,
  ipv4ConstantSum,
  ipv4FillChecksum,
  ipv4PseudoSum,
  ipv4SetChecksum,
  ipv4SetTos,
  ipv4SetTotalLength,
  ipv4SetTtl,
  ipv4Stamp,
} from './ipv4';
import {
  IPV6_HLEN,
  ipv6PseudoSum,
  ipv6SetDst,
  ipv6SetFlowLabel,
  ipv6SetHopLimit,
  ipv6SetPayloadLength,
  ipv6SetSrc,
  ipv6SetTrafficClass,
  ipv6Stamp,
} from './ipv6';
import { UDP_HLEN, udpChecksum, udpSetLength, udpSetPartial, udpSetSrcPort, udpStamp } from './udp';

const STATELESS_LABEL: u32 = 0x80000;
const SPREAD: u32 = 0x9e3779b1; // 2^32 over the golden ratio, odd: ports in a row have labels that are far apart

/** Bytes of the headers over IPv4. */
export const OUTER_IPV4_HLEN: u32 = ETH_HLEN + IPV4_HLEN + UDP_HLEN;
/** Bytes of the headers over IPv6. */
export const OUTER_IPV6_HLEN: u32 = ETH_HLEN + IPV6_HLEN + UDP_HLEN;

/** Writes the template of an endpoint over IPv4: OUTER_IPV4_HLEN bytes. Not fragmented, DF set, id 0, TTL 64. */
export function outerTemplate4(at: usize, mac: u64, ifindex: u32, src: u32, dst: u32, dstPort: u32): void {
  const ip = at + ETH_HLEN;
  const udp = ip + IPV4_HLEN;
  ethernet(at, mac, ifindex, ETH_P_IP);
  ipv4Stamp(ip, IPPROTO_UDP, IPV4_HLEN, src, dst);
  ipv4SetChecksum(ip, ipv4ConstantSum(ip));
  udpStamp(udp, 0, dstPort, UDP_HLEN);
  udpSetPartial(udp, ipv4PseudoSum(ip, IPPROTO_UDP, 0));
}

/** The same over IPv6: OUTER_IPV6_HLEN bytes. Traffic class 0, hop limit 64; the flow label is that of a frame. */
export function outerTemplate6(
  at: usize,
  mac: u64,
  ifindex: u32,
  srcHigh: u64,
  srcLow: u64,
  dstHigh: u64,
  dstLow: u64,
  dstPort: u32,
): void {
  const ip = at + ETH_HLEN;
  const udp = ip + IPV6_HLEN;
  ethernet(at, mac, ifindex, ETH_P_IPV6);
  ipv6Stamp(ip, 0, IPPROTO_UDP, OUTER_TTL);
  ipv6SetSrc(ip, srcHigh, srcLow);
  ipv6SetDst(ip, dstHigh, dstLow);
  udpStamp(udp, 0, dstPort, UDP_HLEN);
  udpSetPartial(udp, ipv6PseudoSum(ip, IPPROTO_UDP, 0));
}

@inline
function ethernet(at: usize, mac: u64, ifindex: u32, etherType: u32): void {
  ethSetDst(at, mac);
  ethSetSrc(at, (<u64>ifindex) << 16);
  ethSetType(at, etherType);
}

/**
 * Writes the headers of `hlen` bytes (OUTER_IPV4_HLEN or OUTER_IPV6_HLEN) at `to`, before `len` bytes from the VXLAN
 * header on, which together are at most 65535 bytes of IP. `withChecksum`: the UDP checksum is left to the receiver of
 * the header of tunnel-vnet.ts, the field holds the sum of the pseudo header; else it is 0, none.
 */
@inline
export function outerStamp(to: usize, template: usize, hlen: u32, len: u32, srcPort: u32, withChecksum: bool): void {
  const udp = to + hlen - UDP_HLEN;
  const length = UDP_HLEN + len;
  copyTemplate(to, template, hlen);
  if (hlen == OUTER_IPV4_HLEN) ipv4Length(to + ETH_HLEN, IPV4_HLEN + length);
  else {
    ipv6SetFlowLabel(to + ETH_HLEN, flowLabel(srcPort));
    ipv6SetPayloadLength(to + ETH_HLEN, length);
  }
  udpSetSrcPort(udp, srcPort);
  udpSetLength(udp, length);
  udpSetPartial(udp, withChecksum ? foldSum(<u64>udpChecksum(udp) + <u64>length) : 0);
}

// The flow label of RFC 6438, for routers that look no further than the IPv6 header. It is made of the source port,
// which is what the flow was hashed to, so frames with one port have one label. Its highest bit is set: so it is never
// 0, which would be none, and never one that a program has reserved where net.ipv6.flowlabel_state_ranges is on.
@inline
function flowLabel(srcPort: u32): u32 {
  return STATELESS_LABEL | ((srcPort * SPREAD) >>> 13);
}

/**
 * Changes headers that `outerStamp` has written to what `mark` says (MARK_* of the layout). `id`: the IPv4
 * identification of what may be fragmented, of which the low 16 bits count.
 */
export function outerSetMark(to: usize, hlen: u32, mark: u32, id: u32): void {
  const ip = to + ETH_HLEN;
  const ttl = (mark & MARK_TTL) >> MARK_TTL_SHIFT;
  if (hlen != OUTER_IPV4_HLEN) {
    ipv6SetTrafficClass(ip, mark & MARK_TOS);
    if (ttl != 0) ipv6SetHopLimit(ip, ttl);
    return;
  }
  ipv4SetTos(ip, mark & MARK_TOS);
  if (ttl != 0) ipv4SetTtl(ip, ttl);
  if (mark & MARK_FRAGMENT) ipv4ClearDf(ip, id);
  ipv4FillChecksum(ip);
}

// Pieces of 16 bytes, the last of which overlaps the one before.
@inline
function copyTemplate(to: usize, template: usize, hlen: u32): void {
  v128.store(to, v128.load(template));
  v128.store(to, v128.load(template, 16), 16);
  if (hlen == OUTER_IPV6_HLEN) v128.store(to, v128.load(template, 32), 32);
  v128.store(to + hlen - 16, v128.load(template + hlen - 16));
}

@inline
function ipv4Length(packet: usize, totalLength: u32): void {
  ipv4SetTotalLength(packet, totalLength);
  ipv4SetChecksum(packet, foldSum(<u64>ipv4Checksum(packet) + <u64>totalLength) ^ 0xffff);
}
