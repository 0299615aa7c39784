// The rules of joining, by the kernel's own (inet_gro_receive, ipv6_gro_receive, tcp_gro_receive, udp_gro_receive), so
// that cutting the super-frame again gives what came: same addresses, tags, TTL, TOS, DF, TCP options; sequence numbers
// and ids that follow; payloads as long as the first one's, but for a shorter last. Who joins frames, and where their
// payloads are kept, is none of this file's business: datapath/gro-message.ts and engine/output/gro-list.ts.
//
//  1. begin        a segment that may be a head
//  2. continues    whether a segment is what comes next; only its headers are read
//  3. verifyHead, verifyNext    a super-frame says that all its checksums are right: so they have to be
//  4. append       it is joined
//
// The id of IPv4 may also stay the same when DF is set (Linux sends 0 from unconnected sockets).

import { OVL_FLAGS, OVL_FLAG_ACCEPT_PARTIAL, OVL_FLAG_COALESCE_TCP, OVL_FLAG_COALESCE_UDP } from '../layout';
import { overlayAt } from '../table/records';
import { foldSum, sum } from '../wire/checksum';
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
import { ACCEPT_PARTIAL, KIND_TCP, KIND_UDP, Segment } from './flow-of';
import { checksumField } from './partial';

/** Frames of one super-frame, as many as the kernel's GRO joins of UDP and one send of UDP_SEGMENT cuts. */
const FRAMES_MAX: u32 = 64;
const IP_LENGTH_MAX: u32 = 0xffff;
const TCP_LAST: u32 = TCP_PSH | TCP_FIN; // whoever has one of these is the last

/** A super-frame while it grows: its head, whose headers all others are compared with, and what was joined to it. */
@unmanaged
export class SuperFrame extends Segment {
  frames: u32;
  /** Payload bytes of all; `payload` is the head's, and that of each but the last. */
  bytes: u32;
  /** Sum of addresses and protocol, set when the head is verified. */
  pseudo: u32;
  /** By how much the IPv4 id grows: 1, or 0 with DF; the second frame says which. */
  idStep: u16;
  /** TCP: PSH and FIN of the last frame. */
  lastFlags: u8;
  /** The head's checksums are right, or the transport's is partial and may be. */
  isVerified: bool;
  /** It is partial: others of the flow most often are, too. */
  isPartial: bool;
}

/** KIND_TCP, KIND_UDP: what the VNICs of an overlay take super-frames of; ACCEPT_PARTIAL. */
@inline
export function kindsOf(overlay: u32): u32 {
  const flags = load<u32>(overlayAt(overlay), OVL_FLAGS);
  return (
    (flags & OVL_FLAG_COALESCE_TCP ? KIND_TCP : 0) |
    (flags & OVL_FLAG_COALESCE_UDP ? KIND_UDP : 0) |
    (flags & OVL_FLAG_ACCEPT_PARTIAL ? ACCEPT_PARTIAL : 0)
  );
}

/** Whether a super-frame of these kinds may begin with the segment. */
@inline
export function mayBegin(segment: Segment, kinds: u32): bool {
  return mayJoin(segment, kinds) && lastFlagsOf(segment, segment.frame) == 0;
}

/** Whether a super-frame of these kinds may have the segment in it. */
@inline
export function mayJoin(segment: Segment, kinds: u32): bool {
  return segment.payload != 0 && (<u32>segment.kind & kinds) != 0;
}

/** The record's segment becomes the head, and is all there is. */
@inline
export function begin(head: SuperFrame): void {
  head.frames = 1;
  head.bytes = head.payload;
  head.lastFlags = 0;
  head.isVerified = false;
  head.isPartial = false;
}

/**
 * Whether the frame at `next` is what comes next: a segment that may be joined (`flowOf`, or `isSegment`), `payload`
 * bytes of it behind its headers. That these are as long as the head's follows, as they are alike.
 */
@inline
export function continues(head: SuperFrame, next: usize, payload: u32): bool {
  const l3 = <u32>head.l3;
  return (
    payload <= head.payload &&
    <u32>head.headers - l3 + head.bytes + payload <= IP_LENGTH_MAX &&
    sameUpToL3(next, head.frame, l3) &&
    continuesIp(head, next + l3, head.frame + l3) &&
    continuesTransport(head, next + head.l4, head.frame + head.l4)
  );
}

@inline
function continuesIp(head: SuperFrame, packet: usize, first: usize): bool {
  if (!head.isIpv4) return ipv6AreAlike(packet, first);
  return ipv4AreAlike(packet, first) && continuesId(head, packet, first);
}

@inline
function continuesId(head: SuperFrame, packet: usize, first: usize): bool {
  const ahead = idAhead(packet, first);
  if (head.frames > 1) return ahead == <u32>head.idStep * head.frames;
  return ahead == 1 || (ahead == 0 && ipv4HasDf(packet));
}

@inline
function idAhead(packet: usize, first: usize): u32 {
  return (ipv4Id(packet) - ipv4Id(first)) & 0xffff;
}

@inline
function continuesTransport(head: SuperFrame, header: usize, first: usize): bool {
  if (head.kind != <u8>KIND_TCP) return true;
  return tcpSeq(header) == tcpSeq(first) + head.bytes && tcpAreAlike(header, first);
}

/**
 * What `flowOf` says of a segment that may be joined, when it is asked of one whose headers are like the head's: they
 * say themselves that `payload` bytes follow, none of them padding, and UDP has a checksum.
 */
@inline
export function isSegment(head: SuperFrame, next: usize, payload: u32): bool {
  const packet = next + head.l3;
  const length = <u32>head.headers - head.l3 + payload;
  if ((head.isIpv4 ? ipv4TotalLength(packet) : IPV6_HLEN + ipv6PayloadLength(packet)) != length) return false;
  if (head.kind == <u8>KIND_TCP) return true;
  const header = next + head.l4;
  return udpLength(header) == <u32>head.headers - head.l4 + payload && udpChecksum(header) != 0;
}

/** Whether the head's checksums are right; they are looked at once, when it is about to become more than one frame. */
@inline
export function verifyHead(head: SuperFrame): bool {
  if (head.isVerified) return true;
  const packet = head.frame + head.l3;
  const protocol = head.kind == <u8>KIND_TCP ? IPPROTO_TCP : IPPROTO_UDP;
  head.pseudo = head.isIpv4 ? ipv4PseudoSum(packet, protocol, 0) : ipv6PseudoSum(packet, protocol, 0);
  head.isVerified = verifyNext(head, head.frame, head.payload);
  if (!head.isVerified && head.mayBePartial) {
    head.isPartial = isPartialNext(head, head.frame, head.payload);
    head.isVerified = head.isPartial;
  }
  return head.isVerified;
}

/** Whether those of a frame are that continues the head. */
@inline
export function verifyNext(head: SuperFrame, next: usize, payload: u32): bool {
  const length = <u32>head.headers - head.l4 + payload;
  return verifyIp(head, next) && sum(next + head.l4, length, transportSum(head, payload)) == 0xffff;
}

/** Whether its transport checksum is a partial one, and that of its IPv4 header right. */
export function isPartialNext(head: SuperFrame, next: usize, payload: u32): bool {
  return verifyIp(head, next) && checksumField(head, next + head.l4) == transportSum(head, payload);
}

/** Whether the checksum of its IPv4 header is; IPv6 has none. */
@inline
export function verifyIp(head: SuperFrame, next: usize): bool {
  return !head.isIpv4 || ipv4VerifyPlain(next + head.l3);
}

/** Sum of the pseudo header of a frame with so many bytes of payload. */
@inline
export function transportSum(head: SuperFrame, payload: u32): u32 {
  return foldSum(<u64>head.pseudo + <u64>(<u32>head.headers - head.l4 + payload));
}

/** The frame whose headers are at `next` is the last now. Answers whether it is the last of all. */
@inline
export function append(head: SuperFrame, next: usize, payload: u32): bool {
  if (head.frames == 1 && head.isIpv4) head.idStep = <u16>idAhead(next + head.l3, head.frame + head.l3);
  const flags = lastFlagsOf(head, next);
  head.lastFlags = <u8>flags;
  head.frames++;
  head.bytes += payload;
  return flags != 0 || payload < head.payload || head.frames == FRAMES_MAX;
}

@inline
function lastFlagsOf(segment: Segment, frame: usize): u32 {
  return segment.kind == <u8>KIND_TCP ? tcpFlags(frame + segment.l4) & TCP_LAST : 0;
}
