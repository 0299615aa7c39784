// What a kernel on this very machine hands over through a veth pair or a virtio link is as it was inside that kernel:
//
//  * a partial checksum: the TCP or UDP field holds the folded sum of the pseudo header, not complemented, and the rest
//    is left to the receiver (CHECKSUM_PARTIAL of include/linux/skbuff.h)
//  * a super-frame: one datagram of up to 64 KiB for many. How long its segments are is not said, but of UDP
//
// Nothing in the datagram says so, but a checksum that was damaged on the way looks like this once in 65536 times, and
// one that is right as often: to finish that one gives it again.

import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  ipv4Check,
  ipv4HeaderLength,
  ipv4IsFragment,
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
import { segmentCount, segmentOpen } from './gso';

// What openFrame found, in bytes from the start of the frame.
let l3: u32 = 0;
let l4: u32 = 0;
let headers: u32 = 0;
let end: u32 = 0; // of the IP packet; padding may follow
let isIpv4: bool = false;
let isTcp: bool = false;

/** The checksum field of the segment whose transport header is at `header`. */
@inline
export function checksumField(segment: Segment, header: usize): u32 {
  return segment.kind == <u8>KIND_TCP ? tcpChecksum(header) : udpChecksum(header);
}

/**
 * A single frame: if its checksum is partial, writes the struct virtio_net_hdr that says so at `vnet` and answers the
 * bytes of the frame without padding, which the checksum does not cover. Else 0.
 */
export function markPartial(frame: usize, len: u32, vnet: usize): u32 {
  if (!openFrame(frame, len) || !isPartial(frame)) return 0;
  vnetSet(vnet, VNET_GSO_NONE, 0, 0, l4, isTcp ? TCP_CHECKSUM : UDP_CHECKSUM);
  return end;
}

/**
 * A frame longer than `mtu` allows, or one of which `size` (not 0) is known: if it is a super-frame with a partial
 * checksum, describes it at `vnet` and answers its bytes without padding. Else 0. Segments have `size` bytes of payload
 * or, where that is not known, what the MTU leaves them. The frames it stands for: `segmentCount`.
 */
export function describeSuperFrame(frame: usize, len: u32, mtu: u32, size: u32, vnet: usize): u32 {
  if (!openFrame(frame, len)) return 0;
  if (size == 0) {
    if (headers - l3 >= mtu) return 0;
    size = mtu - (headers - l3);
  } else if (end != len) {
    return 0;
  }
  if (end - headers <= size || !isPartial(frame) || (isIpv4 && !ipv4Verify(frame + l3))) return 0;
  vnetSet(vnet, gsoType(frame), headers, size, l4, isTcp ? TCP_CHECKSUM : UDP_CHECKSUM);
  return segmentOpen(frame, end, vnet) == 0 ? 0 : end;
}

/** Bytes of the headers of what was described last. */
@inline
export function superFrameHeaders(): u32 {
  return headers;
}

@inline
function gsoType(frame: usize): u32 {
  if (!isTcp) return VNET_GSO_UDP_L4;
  const type = isIpv4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6;
  return tcpFlags(frame + l4) & TCP_CWR ? type | VNET_GSO_ECN : type;
}

// Whether it is a whole TCP or UDP packet; then all of the above is known.
function openFrame(frame: usize, len: u32): bool {
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth > 2) return false;
  l3 = l3Offset(depth);
  const etherType = innerEtherType(frame, depth);
  isIpv4 = etherType == ETH_P_IP;
  if (!isIpv4 && etherType != ETH_P_IPV6) return false;
  const protocol = isIpv4 ? openIpv4(frame + l3, len - l3) : openIpv6(frame + l3, len - l3);
  isTcp = protocol == IPPROTO_TCP;
  return isTcp ? openTcp(frame) : protocol == IPPROTO_UDP && openUdp(frame);
}

// The protocol of what it carries whole; 0: nothing.
function openIpv4(packet: usize, len: u32): u32 {
  if (!ipv4Check(packet, len) || !ipv4IsWhole(packet, len) || ipv4IsFragment(packet)) return 0;
  l4 = l3 + ipv4HeaderLength(packet);
  end = l3 + ipv4TotalLength(packet);
  return ipv4Protocol(packet);
}

function openIpv6(packet: usize, len: u32): u32 {
  if (!ipv6Check(packet, len) || !ipv6IsWhole(packet, len)) return 0;
  const length = IPV6_HLEN + ipv6PayloadLength(packet);
  const upper = ipv6UpperOffset(packet, length);
  l4 = l3 + upper;
  end = l3 + length;
  return upper == 0 ? 0 : ipv6UpperProtocol();
}

@inline
function openTcp(frame: usize): bool {
  if (!tcpCheck(frame + l4, end - l4)) return false;
  headers = l4 + tcpHeaderLength(frame + l4);
  return true;
}

@inline
function openUdp(frame: usize): bool {
  headers = l4 + UDP_HLEN;
  return headers <= end && udpLength(frame + l4) == end - l4;
}

// A folded sum of something is never 0, so that UDP without a checksum is none.
@inline
function isPartial(frame: usize): bool {
  const packet = frame + l3;
  const protocol = isTcp ? IPPROTO_TCP : IPPROTO_UDP;
  const sum = isIpv4 ? ipv4PseudoSum(packet, protocol, end - l4) : ipv6PseudoSum(packet, protocol, end - l4);
  return (isTcp ? tcpChecksum(frame + l4) : udpChecksum(frame + l4)) == sum;
}
