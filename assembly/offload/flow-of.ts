// What a frame on its way to a VNIC is to joining: which flow it belongs to, where its headers are, and whether a
// super-frame may have it in it. Rules that concern one frame alone stand here, those that compare two in gro.ts.

import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, ethDst, ethIs, isMulticast } from '../wire/ethernet';
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HLEN,
  ipv4AddressesWord,
  ipv4IsPlain,
  ipv4Protocol,
  ipv4TotalLength,
} from '../wire/ipv4';
import {
  IPPROTO_ICMPV6,
  IPV6_HLEN,
  ipv6Check,
  ipv6DstHigh,
  ipv6DstLow,
  ipv6IsWhole,
  ipv6NextHeader,
  ipv6PayloadLength,
  ipv6SrcHigh,
  ipv6SrcLow,
} from '../wire/ipv6';
import { PORTS_LEN, portsWord } from '../wire/ports';
import { TCP_CWR, TCP_RST, TCP_SYN, TCP_URG, tcpCheck, tcpFlags, tcpHeaderLength } from '../wire/tcp';
import { UDP_HLEN, udpChecksum, udpLength } from '../wire/udp';
import { innerEtherType, l3Offset, vlanDepth } from '../wire/vlan';

/** To which flow a frame belongs. */
export enum FlowOf {
  /** To no TCP or UDP flow, surely. */
  None,
  /** Perhaps to one, but its ports are not known: a fragment, options before the ports, a header cut off. */
  Unknown,
  /** To the one that `key` of the segment names. */
  Known,
}

/**
 * The IP protocols whose packets belong to flows, a bit each by its number modulo 32. Whoever has seen many packets and
 * knows of each its protocol's bit, knows that none is of a flow where none of these is among them.
 */
export const FLOW_PROTOCOLS: u32 = (1 << IPPROTO_TCP) | (1 << IPPROTO_UDP);

// The same of one of them.
@inline
function hasFlows(protocol: u32): bool {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/** Bits of `kinds`: which flows of a VNIC may be joined. */
export const KIND_TCP: u32 = 1;
export const KIND_UDP: u32 = 2;
/** Beside these: its frames from the underlay may have a partial checksum, see partial.ts. */
export const ACCEPT_PARTIAL: u32 = 4;

/** A frame of a TCP or UDP flow, as `flowOf` found it. A record in a worker's area: nobody makes one with `new`. */
@unmanaged
export class Segment {
  /** Equal for all frames of one flow, and for those of others only by a rare accident. */
  key: u64;
  /** Where the frame starts. */
  frame: usize;
  /** Payload bytes, Ethernet padding left out; 0: no super-frame may have this frame in it, `headers` is not set. */
  payload: u32;
  /** Where the IP header starts, in bytes from the start of the frame. */
  l3: u8;
  /** A partial checksum is taken for a right one. */
  mayBePartial: bool;
  /** Where the transport header starts. */
  l4: u16;
  /** Where the payload starts. */
  headers: u16;
  /** KIND_TCP or KIND_UDP. */
  kind: u8;
  isIpv4: bool;
}

// A flag that ends or begins something, or says something of this very segment. The kernel's older rule lets CWR begin
// a super-frame; with AccECN the bit is part of a counter, and a super-frame says it of one segment only.
const TCP_ALONE: u32 = TCP_SYN | TCP_RST | TCP_URG | TCP_CWR;
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15; // 2^64 over the golden ratio, odd

/** Looks at a frame for `vnic`; `segment` is complete when the answer is Known. Reads inside `len`. */
@inline // where most frames are of no flow, the call would cost more
export function flowOf(segment: Segment, frame: usize, len: u32, vnic: u32): FlowOf {
  if (len >= ETH_HLEN && ethIs(frame, ETH_P_IP)) return flowOfIpv4(segment, frame, ETH_HLEN, len - ETH_HLEN, vnic);
  return flowOfOther(segment, frame, len, vnic);
}

// Of what is not IPv4 without a tag.
function flowOfOther(segment: Segment, frame: usize, len: u32, vnic: u32): FlowOf {
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth > 2) return FlowOf.Unknown;
  const l3 = l3Offset(depth);
  const etherType = innerEtherType(frame, depth);
  if (etherType == ETH_P_IP) return flowOfIpv4(segment, frame, l3, len - l3, vnic);
  return etherType == ETH_P_IPV6 ? flowOfIpv6(segment, frame, l3, len - l3, vnic) : FlowOf.None;
}

@inline
function flowOfIpv4(segment: Segment, frame: usize, l3: u32, len: u32, vnic: u32): FlowOf {
  const packet = frame + l3;
  if (len < IPV4_HLEN) return FlowOf.Unknown;
  const protocol = ipv4Protocol(packet);
  if (!hasFlows(protocol)) return FlowOf.None;
  if (!ipv4IsPlain(packet, len)) return FlowOf.Unknown;
  const rest = ipv4TotalLength(packet) - IPV4_HLEN;
  segment.l3 = <u8>l3;
  segment.isIpv4 = true;
  return flowOfTransport(segment, frame, l3 + IPV4_HLEN, rest, protocol, ipv4AddressesWord(packet), vnic);
}

@inline
function flowOfIpv6(segment: Segment, frame: usize, l3: u32, len: u32, vnic: u32): FlowOf {
  const packet = frame + l3;
  if (!ipv6Check(packet, len)) return FlowOf.Unknown;
  const protocol = ipv6NextHeader(packet);
  if (protocol == IPPROTO_ICMPV6) return FlowOf.None;
  if (!hasFlows(protocol) || !ipv6IsWhole(packet, len)) return FlowOf.Unknown;
  segment.l3 = <u8>l3;
  segment.isIpv4 = false;
  let addresses = ipv6SrcHigh(packet) * MULTIPLIER + ipv6SrcLow(packet);
  addresses = addresses * MULTIPLIER + ipv6DstHigh(packet);
  addresses = addresses * MULTIPLIER + ipv6DstLow(packet);
  return flowOfTransport(segment, frame, l3 + IPV6_HLEN, ipv6PayloadLength(packet), protocol, addresses, vnic);
}

// `len` bytes from the transport header on, padding left out.
@inline
function flowOfTransport(
  segment: Segment,
  frame: usize,
  l4: u32,
  len: u32,
  protocol: u32,
  addresses: u64,
  vnic: u32,
): FlowOf {
  if (len < PORTS_LEN) return FlowOf.Unknown;
  const header = frame + l4;
  segment.frame = frame;
  segment.key = addresses * MULTIPLIER + ((<u64>((vnic << 8) | protocol) << 32) | <u64>portsWord(header));
  segment.l4 = <u16>l4;
  segment.kind = <u8>(protocol == IPPROTO_TCP ? KIND_TCP : KIND_UDP);
  // A multicast frame's bytes are listed once for every VNIC: nobody may write into them.
  const own = isMulticast(ethDst(frame)) ? 0 : protocol == IPPROTO_TCP ? tcpOwn(header, len) : udpOwn(header, len);
  segment.headers = <u16>(l4 + own);
  segment.payload = own == 0 ? 0 : len - own;
  return FlowOf.Known;
}

// Bytes of the header of a segment that may be joined, else 0.
@inline
function tcpOwn(header: usize, len: u32): u32 {
  return !tcpCheck(header, len) || tcpFlags(header) & TCP_ALONE ? 0 : tcpHeaderLength(header);
}

// Without a checksum nothing says that the datagram is whole, and no super-frame can be without.
@inline
function udpOwn(header: usize, len: u32): u32 {
  return len < UDP_HLEN || udpLength(header) != len || udpChecksum(header) == 0 ? 0 : UDP_HLEN;
}
