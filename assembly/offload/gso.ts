// Segmentation: a super-frame that a TAP gave (TSO, USO) as the frames it stands for, by the kernel's own rules
// (tcp_gso_segment of net/ipv4/tcp_offload.c, __udp_gso_segment of net/ipv4/udp_offload.c).
//
//  1. segmentOpen    does the vnet header tell the truth? then what is equal in all frames is summed once
//  2. segmentWrite   per frame: the headers once more, with the lengths, id, sequence number, flags and checksums of
//                    it, and its payload
//
// The super-frame itself is never changed. The IPv4 id counts up, with
// DF as well; FIN and PSH are for the last segment only, CWR for the first.
//
// IPv6 options headers (hop-by-hop, destination) are taken along when they end where csumStart says and the headers
// fit SEGMENT_HEADER_MAX; any other extension header is refused. So is an IPv4 fragment, and what is longer than a
// length field can say: a TAP's gso_max_size is 65536, so the kernel gives none of BIG TCP's.

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
  ipv4PseudoSum,
  ipv4SetChecksum,
  ipv4SetId,
  ipv4SetTotalLength,
  ipv4TotalLength,
} from '../wire/ipv4';
import {
  IPV6_HLEN,
  ipv6Check,
  ipv6PayloadLength,
  ipv6PseudoSum,
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

/** Room that the headers of one frame may need: Ethernet, two tags, IPv4 and TCP with all options; and 42 to spare. */
export const SEGMENT_HEADER_MAX: u32 = 184;

// The super-frame that is open. Each worker has an instance of the module, so a global is a worker's own.
let frame: usize = 0;
let l3: u32 = 0; // offsets from the start of the frame
let l4: u32 = 0;
let headerLen: u32 = 0;
let payload: u32 = 0; // bytes, of all segments
let size: u32 = 0; // payload bytes of each segment but the last
let count: u32 = 0;
let isIpv4: bool = false;
let isTcp: bool = false;
let firstId: u32 = 0;
let firstSeq: u32 = 0;
let offsetAndFlags: u32 = 0;
let ipSum: u32 = 0; // of what is equal in the IPv4 header of all segments
let transportSum: u32 = 0; // of what is equal in the pseudo header and the transport header of all segments

/**
 * Whether the vnet header describes this super-frame truthfully: type, EtherType and protocol agree, csumStart is the
 * transport header and csumOffset its checksum, the headers are whole and their lengths are those of the frame. Answers
 * the bytes from the start of the frame to the end of the TCP or UDP header, 0 if not. Reads inside `len` only. hdrLen
 * of the vnet header is a hint and not looked at.
 */
export function segmentOpen(frameStart: usize, len: u32, vnet: usize): u32 {
  frame = frameStart;
  size = vnetGsoSize(vnet);
  l4 = vnetCsumStart(vnet);
  if (size == 0 || l4 >= len || !(vnetFlags(vnet) & VNET_NEEDS_CSUM)) return 0;
  const protocol = openIp(len, vnetGsoType(vnet));
  if (protocol == 0) return 0;
  isTcp = protocol == IPPROTO_TCP;
  headerLen = l4 + (isTcp ? openTcp(len, vnet) : openUdp(len, vnet));
  if (headerLen == l4 || headerLen > SEGMENT_HEADER_MAX) return 0;
  payload = len - headerLen;
  count = payload <= size ? 1 : (payload + size - 1) / size;
  return headerLen;
}

// Step 1a: the protocol of the transport header at `l4`, 0 when it is not what the type says.
function openIp(len: u32, type: u32): u32 {
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth > 2) return 0;
  l3 = l3Offset(depth);
  if (l3 >= l4) return 0;
  const etherType = innerEtherType(frame, depth);
  isIpv4 = etherType == ETH_P_IP;
  if (!isIpv4 && etherType != ETH_P_IPV6) return 0;
  const protocol = isIpv4 ? openIpv4(len - l3) : openIpv6(len - l3);
  if (type == VNET_GSO_UDP_L4) return protocol == IPPROTO_UDP ? protocol : 0;
  if (type != (isIpv4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6)) return 0;
  return protocol == IPPROTO_TCP ? protocol : 0;
}

function openIpv4(len: u32): u32 {
  const packet = frame + l3;
  if (!ipv4Check(packet, len) || ipv4IsFragment(packet) || ipv4HeaderLength(packet) != l4 - l3) return 0;
  if (ipv4TotalLength(packet) != len) return 0;
  firstId = ipv4Id(packet);
  ipSum = ipv4ConstantSum(packet);
  transportSum = ipv4PseudoSum(packet, ipv4Protocol(packet), 0);
  return ipv4Protocol(packet);
}

function openIpv6(len: u32): u32 {
  const packet = frame + l3;
  if (!ipv6Check(packet, len) || ipv6UpperOffset(packet, len) != l4 - l3) return 0;
  if (IPV6_HLEN + ipv6PayloadLength(packet) != len) return 0;
  transportSum = ipv6PseudoSum(packet, ipv6UpperProtocol(), 0);
  return ipv6UpperProtocol();
}

// Step 1b: bytes of the TCP header, 0 when it is not all there.
function openTcp(len: u32, vnet: usize): u32 {
  const header = frame + l4;
  if (vnetCsumOffset(vnet) != TCP_CHECKSUM || !tcpCheck(header, len - l4)) return 0;
  firstSeq = tcpSeq(header);
  offsetAndFlags = tcpOffsetAndFlags(header);
  transportSum = foldSum(<u64>transportSum + <u64>tcpConstantSum(header));
  return tcpHeaderLength(header);
}

function openUdp(len: u32, vnet: usize): u32 {
  const header = frame + l4;
  if (vnetCsumOffset(vnet) != UDP_CHECKSUM || len - l4 < UDP_HLEN) return 0;
  if (udpLength(header) != len - l4) return 0;
  transportSum = foldSum(<u64>transportSum + <u64>udpSrcPort(header) + <u64>udpDstPort(header));
  return UDP_HLEN;
}

/** Frames that the open super-frame makes: at least 1. */
@inline
export function segmentCount(): u32 {
  return count;
}

/**
 * Writes segment `index` at `to`: its headers, as many bytes as segmentOpen answered, and a copy of its payload.
 * Answers the bytes of both. One copy here, summed on the way, lets the kernel copy a whole send in one piece: from
 * pieces of a segment each that would be slower than both copies together.
 */
export function segmentWrite(to: usize, index: u32): u32 {
  assert(index < count);
  const skipped = index * size;
  const len = min(size, payload - skipped);
  copyHeader(to);
  const transportLen = headerLen - l4 + len;
  if (isIpv4) {
    ipv4Segment(to + l3, l4 - l3 + transportLen, index);
  } else {
    ipv6SetPayloadLength(to + l3, l4 - l3 - IPV6_HLEN + transportLen);
  }
  const copied = copyAndSum(to + headerLen, frame + headerLen + skipped, len);
  const bytes = foldSum(<u64>copied + <u64>transportSum + <u64>transportLen);
  if (isTcp) tcpSegment(to + l4, skipped, index, bytes);
  else udpSegment(to + l4, transportLen, bytes);
  return headerLen + len;
}

// In pieces of 16 bytes, the last of which overlaps: headers are longer than that, and nothing behind `to` is written.
@inline
function copyHeader(to: usize): void {
  const last = headerLen - 16;
  for (let at: u32 = 0; at < last; at += 16) v128.store(to + at, v128.load(frame + at));
  v128.store(to + last, v128.load(frame + last));
}

@inline
function ipv4Segment(packet: usize, totalLength: u32, index: u32): void {
  const id = (firstId + index) & 0xffff;
  ipv4SetTotalLength(packet, totalLength);
  ipv4SetId(packet, id);
  ipv4SetChecksum(packet, foldSum(<u64>ipSum + <u64>totalLength + <u64>id) ^ 0xffff);
}

@inline
function tcpSegment(header: usize, skipped: u32, index: u32, bytes: u32): void {
  const seq = firstSeq + skipped;
  let flags = offsetAndFlags;
  if (index > 0) flags &= ~TCP_CWR;
  if (index + 1 < count) flags &= ~(TCP_FIN | TCP_PSH);
  tcpSetSeq(header, seq);
  tcpSetOffsetAndFlags(header, flags);
  tcpSetChecksum(header, foldSum(<u64>bytes + <u64>seq + <u64>flags) ^ 0xffff);
}

@inline
function udpSegment(header: usize, length: u32, bytes: u32): void {
  udpSetLength(header, length);
  udpSetChecksum(header, foldSum(<u64>bytes + <u64>length) ^ 0xffff);
}
