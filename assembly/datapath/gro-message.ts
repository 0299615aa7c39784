// Trains: datagrams that UDP_GRO joined come one behind the other in one message, and most often they are the segments
// that another VTEP cut a super-frame into. A train is as many of them as belong together; it is made a super-frame
// again where it stands, before it is decapsulated, so that everything after is done once and not per segment.
//
//  1. the first     TCP or UDP, nothing in it that forbids a super-frame (joinable.ts)
//  2. the others    the same VXLAN header and the same headers inside, but for what follows from their place
//  3. each          its checksums are verified while its payload is moved up to the one before
//  4. the headers   become those of the whole (super.ts)
//
// The rules are those of coalesce.ts, which does the same for frames that came in messages of their own.

import {
  OVL_FLAGS,
  OVL_FLAG_COALESCE_TCP,
  OVL_FLAG_COALESCE_UDP,
  SEGMENTS_MAX,
  TRAIN_HEADERS_MAX,
  VXLAN_HLEN,
  W_TRAIN_HEADERS,
  W_TRAIN_VNET,
} from '../layout';
import { overlayAt } from '../table/records';
import { overlayOfVni } from '../table/vnis';
import { copyAndSum, copyBytes, foldSum, sum } from '../wire/checksum';
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  ipv4AreAlike,
  ipv4HasDf,
  ipv4Id,
  ipv4PseudoSum,
  ipv4TotalLength,
  ipv4VerifyPlain,
} from '../wire/ipv4';
import { IPV6_HLEN, ipv6AreAlike, ipv6PayloadLength, ipv6PseudoSum } from '../wire/ipv6';
import { TCP_FIN, TCP_PSH, tcpAreAlike, tcpFlags, tcpSeq } from '../wire/tcp';
import { udpChecksum, udpLength } from '../wire/udp';
import { sameUpToL3 } from '../wire/vlan';
import { vxlanVni } from '../wire/vxlan';
import {
  frameHeaderLength,
  frameIsIpv4,
  frameKind,
  frameL3,
  frameL4,
  framePayload,
  KIND_TCP,
  KIND_UDP,
  tell,
  Told,
} from '../offload/flow-of';
import { superTcp, superUdp } from '../offload/gro-headers';
import { w } from './worker';

const IP_LENGTH_MAX: u32 = 0xffff;
const TCP_LAST: u32 = TCP_PSH | TCP_FIN; // whoever has one of these is the last
const ID_ANY: u32 = 0xffff_ffff;

// The train that was joined last.
let payload: u32 = 0; // bytes of all its payloads
let idStep: u32 = ID_ANY; // by how much the IPv4 id grows: 1, or 0 with DF; the second datagram says which

// Joins the train that starts at `at`, where datagrams of `size` bytes stand in `len`, the last of which may be
// shorter. Answers how many they are: 1 leaves everything as it was.
export function joinTrain(at: usize, len: u32, size: u32): u32 {
  if (len <= size || size <= <u32>VXLAN_HLEN) return 1;
  const frame = at + VXLAN_HLEN;
  const room = size - VXLAN_HLEN;
  if (tell(frame, room, 0) != Told.Flow || !(frameKind() & kindsOf(at))) return 1;
  if (framePayload() == 0 || frameHeaderLength() + framePayload() != room || lastFlags(frame) != 0) return 1;
  if (frameHeaderLength() + VXLAN_HLEN > <u32>TRAIN_HEADERS_MAX) return 1;
  const pseudo = pseudoSum(frame);
  payload = framePayload();
  idStep = ID_ANY;
  let count: u32 = 1;
  let flags: u32 = 0;
  for (let start = size; start < len && count < <u32>SEGMENTS_MAX; start += size) {
    const rest = min(size, len - start);
    if (!continues(frame, at + start, rest, count)) break;
    if (count == 1 && !verifyHead(frame, pseudo)) return 1;
    const last = lastFlags(at + start + VXLAN_HLEN); // before it is moved
    if (!moveUp(frame, at + start + VXLAN_HLEN, rest - VXLAN_HLEN - frameHeaderLength(), pseudo)) break;
    count++;
    flags = last;
    if (flags != 0) break;
  }
  if (count > 1) writeHeaders(frame, count, flags, pseudo);
  return count;
}

// Bytes of the super-frame that was joined last.
@inline
export function trainLength(): u32 {
  return frameHeaderLength() + payload;
}

// Bytes of its frames on the wire.
@inline
export function trainBytes(count: u32): u32 {
  return frameHeaderLength() * count + payload;
}

// Its struct virtio_net_hdr.
@inline
export function trainVnet(): usize {
  return w() + W_TRAIN_VNET;
}

// What the overlay's VNICs take super-frames of.
@inline
function kindsOf(datagram: usize): u32 {
  const flags = load<u32>(overlayAt(overlayOfVni(vxlanVni(datagram))), OVL_FLAGS);
  return (flags & OVL_FLAG_COALESCE_TCP ? KIND_TCP : 0) | (flags & OVL_FLAG_COALESCE_UDP ? KIND_UDP : 0);
}

@inline
function lastFlags(frame: usize): u32 {
  return frameKind() == KIND_TCP ? tcpFlags(frame + frameL4()) & TCP_LAST : 0;
}

@inline
function pseudoSum(frame: usize): u32 {
  const packet = frame + frameL3();
  const protocol = frameKind() == KIND_TCP ? IPPROTO_TCP : IPPROTO_UDP;
  return frameIsIpv4() ? ipv4PseudoSum(packet, protocol, 0) : ipv6PseudoSum(packet, protocol, 0);
}

// Whether the datagram of `len` bytes is what comes next, as number `index`. Nothing of it beyond the headers is read.
@inline
function continues(head: usize, datagram: usize, len: u32, index: u32): bool {
  const headers = frameHeaderLength();
  const frame = datagram + VXLAN_HLEN;
  if (len <= <u32>VXLAN_HLEN + headers || load<u64>(datagram) != load<u64>(head - VXLAN_HLEN)) return false;
  const bytes = len - VXLAN_HLEN - headers;
  if (headers - frameL3() + payload + bytes > IP_LENGTH_MAX || !sameUpToL3(frame, head, frameL3())) return false;
  if (!continuesIp(frame + frameL3(), head + frameL3(), headers - frameL3() + bytes, index)) return false;
  const transport = frame + frameL4();
  if (frameKind() != KIND_TCP) return isUdpOf(transport, headers - frameL4() + bytes);
  return tcpSeq(transport) == tcpSeq(head + frameL4()) + payload && tcpAreAlike(transport, head + frameL4());
}

@inline
function isUdpOf(header: usize, length: u32): bool {
  return udpLength(header) == length && udpChecksum(header) != 0;
}

// `length`: bytes from the IP header on, which the header must say as well.
@inline
function continuesIp(packet: usize, head: usize, length: u32, index: u32): bool {
  if (!frameIsIpv4()) return ipv6AreAlike(packet, head) && ipv6PayloadLength(packet) == length - IPV6_HLEN;
  if (ipv4TotalLength(packet) != length || !ipv4AreAlike(packet, head)) return false;
  const ahead = (ipv4Id(packet) - ipv4Id(head)) & 0xffff;
  if (index == 1) idStep = ahead;
  return ahead == idStep * index && (idStep == 1 || (idStep == 0 && ipv4HasDf(packet)));
}

@inline
function verifyHead(frame: usize, pseudo: u32): bool {
  if (frameIsIpv4() && !ipv4VerifyPlain(frame + frameL3())) return false;
  const length = frameHeaderLength() - frameL4() + framePayload();
  return sum(frame + frameL4(), length, foldSum(<u64>pseudo + <u64>length)) == 0xffff;
}

// Moves `len` bytes of payload to the end of the train, and sums them on the way. Should a checksum be wrong, the
// datagram is made again what it was.
function moveUp(head: usize, frame: usize, len: u32, pseudo: u32): bool {
  if (frameIsIpv4() && !ipv4VerifyPlain(frame + frameL3())) return false;
  const headers = frameHeaderLength();
  const to = head + headers + payload;
  const length = headers - frameL4() + len;
  const partial = sum(frame + frameL4(), headers - frameL4(), foldSum(<u64>pseudo + <u64>length));
  copyBytes(w() + W_TRAIN_HEADERS, frame - VXLAN_HLEN, VXLAN_HLEN + headers);
  if (foldSum(<u64>copyAndSum(to, frame + headers, len) + <u64>partial) == 0xffff) {
    payload += len;
    return true;
  }
  memory.copy(frame + headers, to, len);
  memory.copy(frame - VXLAN_HLEN, w() + W_TRAIN_HEADERS, VXLAN_HLEN + headers);
  return false;
}

function writeHeaders(frame: usize, count: u32, flags: u32, pseudo: u32): void {
  assert(count > 1);
  const isIpv4 = frameIsIpv4();
  const headers = frameHeaderLength();
  const segment = framePayload();
  if (frameKind() == KIND_TCP) {
    superTcp(frame, isIpv4, frameL3(), frameL4(), headers, payload, segment, flags, pseudo, trainVnet());
  } else {
    superUdp(frame, isIpv4, frameL3(), frameL4(), headers, payload, segment, pseudo, trainVnet());
  }
}
