// A frame that does not fit the path to its endpoint. The path's MTU is known from the host, which asks the kernel; the
// frame is dropped, and its sender told as a router would have, so that path MTU discovery goes on inside the overlay:
// ICMP "fragmentation needed" (RFC 1191), ICMPv6 "packet too big" (RFC 8201). As the kernel does for its own tunnels
// (skb_tunnel_check_pmtu of net/ipv4/ip_tunnel_core.c), the answer comes from the address that the packet went to: an
// overlay has none of its own, and this is one that the sender believes.
//
//  1. fitsPath      of a super-frame each of its frames counts
//  2. tooBigAnswer  may the packet be answered (RFC 1122 section 3.2.2, RFC 4443 section 2.4), and not too often; then
//                   the answer is built, with the tags of the frame
//
// A packet of IPv4 that may be fragmented is not answered. Nor is one of IPv6 when the path takes no 1280 bytes of it:
// nobody heeds a smaller MTU than that (RFC 8201 section 4).
//
// borrowed: an answer stays as it is until the pass is over.

import {
  C_TOO_BIG_ANSWERS,
  EP_FRAME_MAX,
  TOO_BIG_MAX,
  TOO_BIG_PER_SECOND_MAX,
  TOO_BIG_SIZE,
  VC_TOO_BIG_TOKENS,
  W_NO_VNET,
  W_TOO_BIG,
  W_TOO_BIG_FRAME,
} from '../layout';
import { endpointAt } from '../table/records';
import { ETH_P_IP, ETH_P_IPV6, ethDst, ethSetDst, ethSetSrc, ethSrc, isMulticast } from '../wire/ethernet';
import { ICMP_HLEN, icmpIsError, icmpStampTooBig, IPPROTO_ICMP } from '../wire/icmp';
import { ICMPV6_TOO_BIG_HLEN, icmpv6FillChecksum, icmpv6IsError, icmpv6StampTooBig } from '../wire/icmpv6';
import {
  IPV4_HLEN,
  ipv4Check,
  ipv4Dst,
  ipv4FillChecksum,
  ipv4FragmentOffset,
  ipv4HasDf,
  ipv4HeaderLength,
  ipv4IsHost,
  ipv4Protocol,
  ipv4Src,
  ipv4Stamp,
  ipv4TotalLength,
  ipv4Verify,
} from '../wire/ipv4';
import {
  IPPROTO_ICMPV6,
  IPV6_HLEN,
  ipv6Check,
  ipv6DstHigh,
  ipv6DstLow,
  ipv6IsLoopback,
  ipv6IsMulticast,
  ipv6IsUnspecified,
  ipv6PastExtensions,
  ipv6PayloadLength,
  ipv6SetDst,
  ipv6SetSrc,
  ipv6SrcHigh,
  ipv6SrcLow,
  ipv6Stamp,
  ipv6UpperProtocol,
} from '../wire/ipv6';
import { innerEtherType, l3Offset, VLAN_TOWER, vlanDepth } from '../wire/vlan';
import { takeToken } from './bucket';
import { total, vnicCounters } from './counters';
import { Frame, isSuperFrame, segmentation } from './frame';
import { segmentOpen } from '../offload/gso';
import { currentPass, w } from './worker';

const ANSWER_MAX4: u32 = 576; // bytes of an answer: no host takes less
const ANSWER_MAX6: u32 = 1280;
const HOP_LIMIT: u32 = 64;

let pass: u32 = 0; // in which `used` answers were built
let used: u32 = 0;

// Bytes of a frame that an endpoint's path takes, tags included.
@inline
export function pathFrameMax(endpoint: u32): u32 {
  return load<u32>(endpointAt(endpoint), EP_FRAME_MAX);
}

// Whether a frame, or each of those that a super-frame is, fits the path to the endpoint.
export function fitsPath(frame: Frame, endpoint: u32): bool {
  const most = pathFrameMax(endpoint);
  if (frame.len <= most) return true;
  if (!isSuperFrame(frame)) return false;
  const gso = segmentation();
  return segmentOpen(gso, frame.start, frame.len, frame.vnet) && gso.headers + min(gso.payload, gso.bytes) <= most;
}

// The answer to the VNIC that sent the frame, of which its path takes `most` bytes; null: there is none.
export function tooBigAnswer(frame: Frame, most: u32, vnic: u32): Frame | null {
  const start = frame.start;
  const depth = frame.depth;
  if (isMulticast(ethDst(start)) || depth < 0 || depth == VLAN_TOWER) return null;
  const l3 = l3Offset(depth);
  const packet = start + l3;
  const len = frame.len - l3;
  const etherType = innerEtherType(start, depth);
  const isIpv4 = etherType == ETH_P_IP && mayAnswer4(packet, len);
  if (!isIpv4 && (etherType != ETH_P_IPV6 || most < l3 + ANSWER_MAX6 || !mayAnswer6(packet, len))) return null;
  if (most <= l3 || !takeToken(vnicCounters(vnic) + VC_TOO_BIG_TOKENS, TOO_BIG_PER_SECOND_MAX)) return null;
  const answer = nextAnswer();
  if (answer == 0) return null;
  memory.copy(answer, start, l3);
  ethSetDst(answer, ethSrc(start));
  ethSetSrc(answer, ethDst(start));
  const mtu = most - l3;
  const size = isIpv4 ? answer4(answer + l3, packet, mtu) : answer6(answer + l3, packet, mtu);
  total(C_TOO_BIG_ANSWERS, 1);
  return asFrame(answer, l3 + size);
}

// Room for an answer; 0: there is none until the next pass.
function nextAnswer(): usize {
  if (pass != currentPass()) used = 0;
  pass = currentPass();
  if (used == <u32>TOO_BIG_MAX) return 0;
  return w() + W_TOO_BIG + <usize>(used++) * TOO_BIG_SIZE;
}

// In a record of its own: that of the frame which is answered is still in use.
function asFrame(start: usize, len: u32): Frame {
  const frame = changetype<Frame>(w() + W_TOO_BIG_FRAME);
  frame.start = start;
  frame.len = len;
  frame.vnet = w() + W_NO_VNET;
  frame.frames = 1;
  frame.bytes = len;
  frame.depth = vlanDepth(start, len);
  return frame;
}

function mayAnswer4(packet: usize, len: u32): bool {
  if (!ipv4Check(packet, len) || !ipv4Verify(packet) || ipv4TotalLength(packet) > len) return false;
  if (!ipv4HasDf(packet) || ipv4FragmentOffset(packet) != 0) return false;
  if (!ipv4IsHost(ipv4Src(packet)) || !ipv4IsHost(ipv4Dst(packet))) return false;
  const upper = ipv4HeaderLength(packet);
  return ipv4Protocol(packet) != IPPROTO_ICMP || (upper < len && !icmpIsError(packet + upper));
}

function mayAnswer6(packet: usize, len: u32): bool {
  if (!ipv6Check(packet, len) || IPV6_HLEN + ipv6PayloadLength(packet) > len) return false;
  const high = ipv6SrcHigh(packet);
  const low = ipv6SrcLow(packet);
  if (ipv6IsUnspecified(high, low) || ipv6IsLoopback(high, low) || ipv6IsMulticast(high)) return false;
  if (ipv6IsMulticast(ipv6DstHigh(packet))) return false;
  const upper = ipv6PastExtensions(packet, len);
  if (upper == 0) return false;
  return ipv6UpperProtocol() != IPPROTO_ICMPV6 || !icmpv6IsError(packet + upper);
}

// Writes the answer to `packet` at `to`; answers its bytes.
function answer4(to: usize, packet: usize, mtu: u32): u32 {
  const quoted = min(ipv4TotalLength(packet), ANSWER_MAX4 - IPV4_HLEN - ICMP_HLEN);
  const message = to + IPV4_HLEN;
  memory.copy(message + ICMP_HLEN, packet, quoted);
  icmpStampTooBig(message, quoted, mtu);
  ipv4Stamp(to, IPPROTO_ICMP, IPV4_HLEN + ICMP_HLEN + quoted, ipv4Dst(packet), ipv4Src(packet));
  ipv4FillChecksum(to);
  return IPV4_HLEN + ICMP_HLEN + quoted;
}

function answer6(to: usize, packet: usize, mtu: u32): u32 {
  const room = ANSWER_MAX6 - IPV6_HLEN - ICMPV6_TOO_BIG_HLEN;
  const quoted = min(IPV6_HLEN + ipv6PayloadLength(packet), room);
  const message = to + IPV6_HLEN;
  memory.copy(message + ICMPV6_TOO_BIG_HLEN, packet, quoted);
  icmpv6StampTooBig(message, mtu);
  ipv6Stamp(to, ICMPV6_TOO_BIG_HLEN + quoted, IPPROTO_ICMPV6, HOP_LIMIT);
  ipv6SetSrc(to, ipv6DstHigh(packet), ipv6DstLow(packet));
  ipv6SetDst(to, ipv6SrcHigh(packet), ipv6SrcLow(packet));
  icmpv6FillChecksum(to, message, ICMPV6_TOO_BIG_HLEN + quoted);
  return IPV6_HLEN + ICMPV6_TOO_BIG_HLEN + quoted;
}
