// What a kernel on this very machine hands over through a veth pair or a virtio link is as it was inside that kernel:
//
//  * a partial checksum: the TCP or UDP field holds the folded sum of the pseudo header, not complemented, and the rest
//    is left to the receiver (CHECKSUM_PARTIAL of include/linux/skbuff.h)
//  * a super-frame: one datagram of up to 64 KiB for many. How long its segments are is not said, but of UDP
//
// Nothing in the datagram says so, but a checksum that was damaged on the way looks like this once in 65536 times, and
// one that is right as often: to finish that one gives it again. Under a source route the pseudo header has another
// destination than the IP header, and a partial checksum is not recognised.

import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HLEN,
  ipv4Check,
  ipv4HeaderLength,
  ipv4IsFragment,
  ipv4IsPseudoSum,
  ipv4IsWhole,
  ipv4Protocol,
  ipv4PseudoSum,
  ipv4TotalLength,
  ipv4Verify,
} from '../wire/ipv4';
import {
  IPV6_HLEN,
  ipv6Check,
  ipv6IsWhole,
  ipv6PayloadLength,
  ipv6PseudoSum,
  ipv6UpperOffset,
  ipv6UpperProtocol,
} from '../wire/ipv6';
import { TCP_CHECKSUM, TCP_CWR, tcpCheck, tcpChecksum, tcpFlags, tcpHeaderLength } from '../wire/tcp';
import { UDP_CHECKSUM, UDP_HLEN, udpChecksum, udpLength } from '../wire/udp';
import {
  VNET_GSO_ECN,
  VNET_GSO_NONE,
  VNET_GSO_TCPV4,
  VNET_GSO_TCPV6,
  VNET_GSO_UDP_L4,
  vnetSet,
} from '../wire/virtio';
import { innerEtherType, l3Offset, vlanDepth } from '../wire/vlan';
import { KIND_TCP, Segment } from './flow-of';
import { Segmentation, segmentOpen } from './gso';

/** The checksum field of the segment whose transport header is at `header`. */
@inline
export function checksumField(segment: Segment, header: usize): u32 {
  return segment.kind == <u8>KIND_TCP ? tcpChecksum(header) : udpChecksum(header);
}

/** Whether the checksum of a frame of a known flow is partial, as far as this can be told without its whole header. */
@inline
export function isPartialSegment(segment: Segment): bool {
  const isTcp = segment.kind == <u8>KIND_TCP;
  const header = segment.frame + segment.l4;
  if (segment.payload == 0 && upperLength(segment) < (isTcp ? TCP_CHECKSUM + 2 : UDP_HLEN)) return false;
  const packet = segment.frame + segment.l3;
  if (segment.isIpv4) return ipv4IsPseudoSum(packet, header + (isTcp ? TCP_CHECKSUM : UDP_CHECKSUM));
  const sum = ipv6PseudoSum(packet, isTcp ? IPPROTO_TCP : IPPROTO_UDP, ipv6PayloadLength(packet));
  return checksumField(segment, header) == sum;
}

// Bytes from the transport header on.
@inline
function upperLength(segment: Segment): u32 {
  const packet = segment.frame + segment.l3;
  return segment.isIpv4 ? ipv4TotalLength(packet) - IPV4_HLEN : ipv6PayloadLength(packet);
}

/**
 * A single frame: if its checksum is partial, writes the struct virtio_net_hdr that says so at `vnet` and answers the
 * bytes of the frame without padding, which the checksum does not cover. Else 0. `gso` is overwritten.
 */
export function markPartial(gso: Segmentation, frame: usize, len: u32, vnet: usize): u32 {
  if (!openFrame(gso, frame, len) || !isPartial(gso)) return 0;
  vnetSet(vnet, VNET_GSO_NONE, 0, 0, gso.l4, gso.isTcp ? TCP_CHECKSUM : UDP_CHECKSUM);
  return gso.headers + gso.bytes;
}

/**
 * A frame longer than `mtu` allows, or one of which `size` (not 0) is known: whether it is a super-frame with a partial
 * checksum. Then `gso` is complete, and `vnet` describes the super-frame, which ends with the IP packet: padding may
 * follow. Segments have `size` bytes of payload or, where that is not known, what the MTU leaves them.
 */
export function describeSuperFrame(
  gso: Segmentation,
  frame: usize,
  len: u32,
  mtu: u32,
  size: u32,
  vnet: usize,
): bool {
  if (!openFrame(gso, frame, len)) return false;
  const end = gso.headers + gso.bytes;
  if (size == 0) {
    const headers = gso.headers - gso.l3;
    if (headers >= mtu) return false;
    size = mtu - headers;
  } else if (end != len) {
    return false;
  }
  if (gso.bytes <= size || !isPartial(gso) || (gso.isIpv4 && !ipv4Verify(frame + gso.l3))) return false;
  vnetSet(vnet, gsoType(gso), gso.headers, size, gso.l4, gso.isTcp ? TCP_CHECKSUM : UDP_CHECKSUM);
  return segmentOpen(gso, frame, end, vnet);
}

@inline
function gsoType(gso: Segmentation): u32 {
  if (!gso.isTcp) return VNET_GSO_UDP_L4;
  const type = gso.isIpv4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6;
  return tcpFlags(gso.frame + gso.l4) & TCP_CWR ? type | VNET_GSO_ECN : type;
}

// Whether it is a whole TCP or UDP packet; then `gso` says where its headers and its payload are.
function openFrame(gso: Segmentation, frame: usize, len: u32): bool {
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth > 2) return false;
  const l3 = l3Offset(depth);
  const etherType = innerEtherType(frame, depth);
  gso.frame = frame;
  gso.l3 = l3;
  gso.isIpv4 = etherType == ETH_P_IP;
  if (!gso.isIpv4 && etherType != ETH_P_IPV6) return false;
  const protocol = gso.isIpv4 ? openIpv4(gso, frame + l3, len - l3) : openIpv6(gso, frame + l3, len - l3);
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return false;
  gso.isTcp = protocol == IPPROTO_TCP;
  const own = gso.isTcp ? tcpOwn(frame + gso.l4, gso.bytes) : udpOwn(frame + gso.l4, gso.bytes);
  gso.headers = gso.l4 + own;
  gso.bytes -= own;
  return own != 0;
}

// The protocol of what it carries whole; 0: nothing. `bytes` are those from the transport header on.
function openIpv4(gso: Segmentation, packet: usize, len: u32): u32 {
  if (!ipv4Check(packet, len) || !ipv4IsWhole(packet, len) || ipv4IsFragment(packet)) return 0;
  gso.l4 = gso.l3 + ipv4HeaderLength(packet);
  gso.bytes = ipv4TotalLength(packet) - ipv4HeaderLength(packet);
  return ipv4Protocol(packet);
}

function openIpv6(gso: Segmentation, packet: usize, len: u32): u32 {
  if (!ipv6Check(packet, len) || !ipv6IsWhole(packet, len)) return 0;
  const length = IPV6_HLEN + ipv6PayloadLength(packet);
  const upper = ipv6UpperOffset(packet, length, false);
  gso.l4 = gso.l3 + upper;
  gso.bytes = length - upper;
  return upper == 0 ? 0 : ipv6UpperProtocol();
}

// Bytes of the transport header, 0 when it is not all there.
@inline
function tcpOwn(header: usize, len: u32): u32 {
  return tcpCheck(header, len) ? tcpHeaderLength(header) : 0;
}

@inline
function udpOwn(header: usize, len: u32): u32 {
  return len >= UDP_HLEN && udpLength(header) == len ? UDP_HLEN : 0;
}

// A folded sum of something is never 0, so that UDP without a checksum is none.
@inline
function isPartial(gso: Segmentation): bool {
  const packet = gso.frame + gso.l3;
  const header = gso.frame + gso.l4;
  const length = gso.headers - gso.l4 + gso.bytes;
  const protocol = gso.isTcp ? IPPROTO_TCP : IPPROTO_UDP;
  const sum = gso.isIpv4 ? ipv4PseudoSum(packet, protocol, length) : ipv6PseudoSum(packet, protocol, length);
  return (gso.isTcp ? tcpChecksum(header) : udpChecksum(header)) == sum;
}
