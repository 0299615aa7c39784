// Segmentation: a super-frame that a TAP gave (TSO, USO) as the frames it stands for, by the kernel's own rules
// (tcp_gso_segment of net/ipv4/tcp_offload.c, __udp_gso_segment of net/ipv4/udp_offload.c).
//
//  1. segmentOpen    does the vnet header tell the truth? then what is equal in all frames is summed once
//  2. segmentWrite   per frame: the headers once more, with the lengths, id, sequence number, flags and checksums of
//                    it, and its payload
//
// The caller brings the record in which the first leaves what the second needs, and keeps the super-frame as it is in
// between; here it is never changed. The IPv4 id counts up, with DF as well; FIN and PSH are for the last segment only,
// CWR for the first.
//
// No pseudo header is made here: the checksum field holds its sum for the whole length, and that is all that is said of
// it. Its addresses need not be those of the IP header, which has the next hop of a source route. So a segment's sum is
// that one with the lengths exchanged (RFC 1624).
//
// IPv6 extension headers are those that the kernel cuts behind (ipv6_gso_pull_exthdrs: hop-by-hop, destination,
// routing), in any order, if they end where csumStart says. All else is refused, as the kernel cuts it before a TAP
// gets it: what is inside another tunnel, SCTP, behind IPsec headers, a fragment; and what is longer than a length
// field can say, since a TAP's gso_max_size is 65536.

import { FRAME_MAX } from '../layout';
import { load16be } from '../wire/bytes';
import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { copyAndSum, foldSum } from '../wire/checksum';
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  ipv4Check,
  ipv4ConstantSum,
  ipv4HeaderLength,
  ipv4Id,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4SetChecksum,
  ipv4SetId,
  ipv4SetTotalLength,
  ipv4TotalLength,
} from '../wire/ipv4';
import {
  IPV6_HLEN,
  ipv6Check,
  ipv6PayloadLength,
  ipv6SetPayloadLength,
  ipv6UpperOffset,
  ipv6UpperProtocol,
} from '../wire/ipv6';
import {
  TCP_CHECKSUM,
  TCP_CWR,
  TCP_FIN,
  TCP_PSH,
  tcpCheck,
  tcpConstantSum,
  tcpHeaderLength,
  tcpOffsetAndFlags,
  tcpSeq,
  tcpSetChecksum,
  tcpSetOffsetAndFlags,
  tcpSetSeq,
} from '../wire/tcp';
import { UDP_CHECKSUM, UDP_HLEN, udpDstPort, udpLength, udpSetChecksum, udpSetLength, udpSrcPort } from '../wire/udp';
import {
  VNET_GSO_TCPV4,
  VNET_GSO_TCPV6,
  VNET_GSO_UDP_L4,
  VNET_NEEDS_CSUM,
  vnetCsumOffset,
  vnetCsumStart,
  vnetFlags,
  vnetGsoSize,
  vnetGsoType,
} from '../wire/virtio';
import { innerEtherType, l3Offset, vlanDepth } from '../wire/vlan';

// What a kernel hands over, at most. A guest that opens its own interface may write any size into the header, and one
// frame of 64 KiB cut into single bytes would be 65,000 datagrams of everybody's time.

// Bytes of TCP payload: Linux's TCP_MIN_GSO_SIZE, the least MSS it takes from a peer less the longest options.
const TCP_PAYLOAD_MIN: u32 = 8;
// As many as 64 KiB make at the smallest MTU that IPv4 allows (RFC 791: 68 bytes, 28 of them TCP's payload).
const TCP_SEGMENTS_MAX: u32 = 2340;
// Linux's UDP_MAX_SEGMENTS.
const UDP_SEGMENTS_MAX: u32 = 128;

/** A super-frame that is cut: what `segmentOpen` found. A record in a worker's area: nobody makes one with `new`. */
@unmanaged
export class Segmentation {
  /** Where the super-frame starts. */
  frame: usize;
  /** Where the IP header starts, in bytes from the start of the frame. */
  l3: u32;
  /** Where the transport header starts. */
  l4: u32;
  /** Where the payload starts: as many bytes of headers has every frame that it is cut into. */
  headers: u32;
  /** Payload bytes of all frames. */
  bytes: u32;
  /** Payload bytes of each but the last. */
  payload: u32;
  /** Frames that it makes: at least 1. */
  count: u32;
  /** IPv4: the first frame's id. */
  firstId: u32;
  /** TCP: the first frame's sequence number. */
  firstSeq: u32;
  /** TCP: what follows the acknowledgement. */
  offsetAndFlags: u32;
  /** Sum of what is equal in the IPv4 header of all frames. */
  ipSum: u32;
  /** Sum of what is equal in the pseudo header and the transport header of all frames. */
  transportSum: u32;
  isIpv4: bool;
  isTcp: bool;
}

/**
 * Whether the vnet header describes this super-frame truthfully: type, EtherType and protocol agree, csumStart is the
 * transport header and csumOffset its checksum, the headers are whole and their lengths are those of the frame, and it
 * makes no more frames than a kernel would ask for. Only then `gso` is complete. Reads inside `len` only. hdrLen of the
 * vnet header is a hint and not looked at.
 */
export function segmentOpen(gso: Segmentation, frame: usize, len: u32, vnet: usize): bool {
  const l4 = vnetCsumStart(vnet);
  gso.frame = frame;
  gso.l4 = l4;
  gso.payload = vnetGsoSize(vnet);
  if (gso.payload == 0 || l4 >= len || !(vnetFlags(vnet) & VNET_NEEDS_CSUM)) return false;
  const protocol = openIp(gso, len, vnetGsoType(vnet));
  if (protocol == 0) return false;
  gso.isTcp = protocol == IPPROTO_TCP;
  const own = gso.isTcp ? openTcp(gso, len, vnet) : openUdp(gso, len, vnet);
  if (own == 0 || l4 + own > <u32>FRAME_MAX) return false;
  gso.headers = l4 + own;
  gso.bytes = len - gso.headers;
  gso.count = gso.bytes <= gso.payload ? 1 : (gso.bytes + gso.payload - 1) / gso.payload;
  if (!gso.isTcp) return gso.count <= UDP_SEGMENTS_MAX;
  return gso.count == 1 || (gso.payload >= TCP_PAYLOAD_MIN && gso.count <= TCP_SEGMENTS_MAX);
}

// Step 1a: the protocol of the transport header at `l4`, 0 when it is not what the type says.
function openIp(gso: Segmentation, len: u32, type: u32): u32 {
  const frame = gso.frame;
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth > 2) return 0;
  const l3 = l3Offset(depth);
  if (l3 >= gso.l4) return 0;
  gso.l3 = l3;
  const etherType = innerEtherType(frame, depth);
  const isIpv4 = etherType == ETH_P_IP;
  if (!isIpv4 && etherType != ETH_P_IPV6) return 0;
  gso.isIpv4 = isIpv4;
  const protocol = isIpv4 ? openIpv4(gso, frame + l3, len - l3) : openIpv6(gso, frame + l3, len - l3);
  if (type == VNET_GSO_UDP_L4) return protocol == IPPROTO_UDP ? protocol : 0;
  if (type != (isIpv4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6)) return 0;
  return protocol == IPPROTO_TCP ? protocol : 0;
}

function openIpv4(gso: Segmentation, packet: usize, len: u32): u32 {
  if (!ipv4Check(packet, len) || ipv4IsFragment(packet) || ipv4HeaderLength(packet) != gso.l4 - gso.l3) return 0;
  if (ipv4TotalLength(packet) != len) return 0;
  gso.firstId = ipv4Id(packet);
  gso.ipSum = ipv4ConstantSum(packet);
  return ipv4Protocol(packet);
}

function openIpv6(gso: Segmentation, packet: usize, len: u32): u32 {
  if (!ipv6Check(packet, len) || ipv6UpperOffset(packet, len, true) != gso.l4 - gso.l3) return 0;
  return IPV6_HLEN + ipv6PayloadLength(packet) == len ? ipv6UpperProtocol() : 0;
}

// Step 1b: bytes of the TCP header, 0 when it is not all there.
function openTcp(gso: Segmentation, len: u32, vnet: usize): u32 {
  const header = gso.frame + gso.l4;
  if (vnetCsumOffset(vnet) != TCP_CHECKSUM || !tcpCheck(header, len - gso.l4)) return 0;
  gso.firstSeq = tcpSeq(header);
  gso.offsetAndFlags = tcpOffsetAndFlags(header);
  gso.transportSum = foldSum(<u64>pseudoSum(header, TCP_CHECKSUM, len - gso.l4) + <u64>tcpConstantSum(header));
  return tcpHeaderLength(header);
}

function openUdp(gso: Segmentation, len: u32, vnet: usize): u32 {
  const header = gso.frame + gso.l4;
  if (vnetCsumOffset(vnet) != UDP_CHECKSUM || len - gso.l4 < UDP_HLEN) return 0;
  if (udpLength(header) != len - gso.l4) return 0;
  const pseudo = <u64>pseudoSum(header, UDP_CHECKSUM, len - gso.l4);
  gso.transportSum = foldSum(pseudo + <u64>udpSrcPort(header) + <u64>udpDstPort(header));
  return UDP_HLEN;
}

// What the checksum field says of the pseudo header, without its length: `len` is taken away again.
@inline
function pseudoSum(header: usize, field: u32, len: u32): u32 {
  return load16be(header + field, 0) + (len ^ 0xffff);
}

/**
 * Writes segment `index` at `to`: its headers and a copy of its payload. Answers the bytes of both. One copy here,
 * summed on the way, lets the kernel copy a whole send in one piece: from pieces of a segment each that would be slower
 * than both copies together.
 */
export function segmentWrite(gso: Segmentation, to: usize, index: u32): u32 {
  assert(index < gso.count);
  const headers = gso.headers;
  const l3 = gso.l3;
  const l4 = gso.l4;
  const skipped = index * gso.payload;
  const len = min(gso.payload, gso.bytes - skipped);
  const transportLen = headers - l4 + len;
  copyHeader(to, gso.frame, headers);
  if (gso.isIpv4) ipv4Segment(gso, to + l3, l4 - l3 + transportLen, index);
  else ipv6SetPayloadLength(to + l3, l4 - l3 - IPV6_HLEN + transportLen);
  const copied = copyAndSum(to + headers, gso.frame + headers + skipped, len);
  const sum = foldSum(<u64>copied + <u64>gso.transportSum + <u64>transportLen);
  if (gso.isTcp) tcpSegment(gso, to + l4, skipped, index, sum);
  else udpSegment(to + l4, transportLen, sum);
  return headers + len;
}

// In pieces of 16 bytes, the last of which overlaps: headers are longer than that, and nothing behind `to` is written.
@inline
function copyHeader(to: usize, frame: usize, headers: u32): void {
  const last = headers - 16;
  for (let at: u32 = 0; at < last; at += 16) v128.store(to + at, v128.load(frame + at));
  v128.store(to + last, v128.load(frame + last));
}

@inline
function ipv4Segment(gso: Segmentation, packet: usize, totalLength: u32, index: u32): void {
  const id = (gso.firstId + index) & 0xffff;
  ipv4SetTotalLength(packet, totalLength);
  ipv4SetId(packet, id);
  ipv4SetChecksum(packet, foldSum(<u64>gso.ipSum + <u64>totalLength + <u64>id) ^ 0xffff);
}

@inline
function tcpSegment(gso: Segmentation, header: usize, skipped: u32, index: u32, sum: u32): void {
  const seq = gso.firstSeq + skipped;
  let flags = gso.offsetAndFlags;
  if (index > 0) flags &= ~TCP_CWR;
  if (index + 1 < gso.count) flags &= ~(TCP_FIN | TCP_PSH);
  tcpSetSeq(header, seq);
  tcpSetOffsetAndFlags(header, flags);
  tcpSetChecksum(header, foldSum(<u64>sum + <u64>seq + <u64>flags) ^ 0xffff);
}

@inline
function udpSegment(header: usize, length: u32, sum: u32): void {
  udpSetLength(header, length);
  udpSetChecksum(header, foldSum(<u64>sum + <u64>length) ^ 0xffff);
}
