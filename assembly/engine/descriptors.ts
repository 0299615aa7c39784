// The kernel's structures that more than one step writes: iovec, msghdr, cmsghdr (64-bit Linux).

import {
  ARRIVED_IN_FRAGMENTS,
  CMSG_SPACE,
  HDR_MEMORY_BASE,
  MARK_TOS,
  MARK_TTL,
  MARK_TTL_SHIFT,
  MMSGHDR_SIZE,
  MSG_CONTROL, MSG_CONTROLLEN, MSG_IOV, MSG_IOVLEN } from '../layout';
import { sockaddrIsIpv4, sockaddrIsMulticast } from '../wire/sockaddr';

const CMSG_LEVEL: usize = 8; // after the u64 length
const CMSG_TYPE: usize = 12;
export const CMSG_DATA: usize = 16;
const SOL_UDP: u32 = 17;
export const UDP_SEGMENT: u32 = 103;
export const UDP_GRO: u32 = 104;
const SOL_IP: u32 = 0;
const IP_TOS: u32 = 1;
const IP_TTL: u32 = 2;
const IP_RECVFRAGSIZE: u32 = 25;
const SOL_IPV6: u32 = 41;
const IPV6_HOPLIMIT: u32 = 52;
const IPV6_TCLASS: u32 = 67;
const IPV6_RECVFRAGSIZE: u32 = 77;
const DSCP: u64 = 0xfc; // of a TOS or traffic class
const NO_KIND: u64 = u64.MAX_VALUE;

// What the kernel calls an offset of this memory.
@inline
export function address(offset: usize): u64 {
  return load<u64>(HDR_MEMORY_BASE) + offset;
}

@inline
export function iovec(at: usize, base: usize, len: u32): void {
  store<u64>(at, address(base));
  store<u64>(at, len, 8);
}

// A message of no name and no control data, with `count` iovecs from `vector` on.
@inline
export function message(header: usize, vector: usize, count: u32): void {
  store<u64>(header, address(vector), MSG_IOV);
  store<u64>(header, count, MSG_IOVLEN);
  store<u64>(header, 0, MSG_CONTROL);
  store<u64>(header, 0, MSG_CONTROLLEN);
}

// Gives the message `len` bytes of control data at `control`.
@inline
export function attachControl(header: usize, control: usize, len: u32): void {
  store<u64>(header, address(control), MSG_CONTROL);
  store<u64>(header, len, MSG_CONTROLLEN);
}

// Control data of what is sent, at most CONTROL_SIZE bytes: it is to be cut into datagrams of `size` bytes (udp(7),
// UDP_SEGMENT; 0: it is one), and whatever `mark` says that is not as the socket does by itself. `to`: the struct
// sockaddr; a group's hop count is the socket's own.
export function attachOptions(header: usize, control: usize, size: u32, mark: u32, to: usize): void {
  const isIpv4 = sockaddrIsIpv4(to);
  let end = control;
  if (size != 0) end = option(end, SOL_UDP, UDP_SEGMENT, 2, size);
  const level = isIpv4 ? SOL_IP : SOL_IPV6;
  if (mark & MARK_TOS) end = option(end, level, isIpv4 ? IP_TOS : IPV6_TCLASS, 4, mark & MARK_TOS);
  const ttl = (mark & MARK_TTL) >> MARK_TTL_SHIFT;
  if (ttl != 0 && !sockaddrIsMulticast(to)) end = option(end, level, isIpv4 ? IP_TTL : IPV6_HOPLIMIT, 4, ttl);
  if (end != control) attachControl(header, control, <u32>(end - control));
}

// A struct cmsghdr and a number of `bytes`. Answers where the next one begins.
@inline
function option(at: usize, level: u32, type: u32, bytes: usize, value: u32): usize {
  store<u64>(at, CMSG_DATA + bytes);
  store<u32>(at, level, CMSG_LEVEL);
  store<u32>(at, type, CMSG_TYPE);
  store<u64>(at, value, CMSG_DATA);
  return at + CMSG_SPACE;
}

// What the control data of a received message says, in one walk: the high half is the size of the datagrams that the
// kernel joined (UDP_GRO; 0: the message is one datagram), the low half what its outer header was: its TOS or traffic
// class, and ARRIVED_IN_FRAGMENTS if the kernel has put it together. (Datagrams that it joined have the same TOS, and
// none was a fragment.)
@inline
export function saidOf(control: usize, len: u64): u64 {
  if (len == CMSG_SPACE && saysTos(load<u64>(control, CMSG_LEVEL))) return load<u8>(control, CMSG_DATA);
  return walk(control, control + <usize>len);
}

// Whether it is a TOS or traffic class that the control data of a message begins with, as it nearly always does: then
// which of them, else what no control data begins with.
@inline
export function tosKind(control: usize): u64 {
  const kind = load<u64>(control, CMSG_LEVEL);
  return saysTos(kind) ? kind : NO_KIND;
}

// 0: all that the control data says is a TOS or traffic class of that `kind` (tosKind) without a congestion mark. So
// its message is one datagram, which did not come in fragments.
@inline
export function saysMore(control: usize, len: u64, kind: u64): u64 {
  const more = (len ^ CMSG_SPACE) | (load<u64>(control, CMSG_LEVEL) ^ kind);
  return more | (<u64>load<u8>(control, CMSG_DATA) & ~DSCP);
}

@inline
function saysTos(kind: u64): bool {
  return kind == kindOf(SOL_IP, IP_TOS) || kind == kindOf(SOL_IPV6, IPV6_TCLASS);
}

@inline
export function joinedSize(said: u64): u32 {
  return <u32>(said >> 32);
}

@inline
export function arrivalOf(said: u64): u32 {
  return <u32>said;
}

function walk(control: usize, end: usize): u64 {
  let said: u64 = 0;
  let at = control;
  while (at + CMSG_DATA < end) {
    const size = <usize>load<u64>(at);
    if (size < CMSG_DATA) break; // none is here
    said |= meaning(at, load<u64>(at, CMSG_LEVEL));
    at += (size + 7) & ~7;
  }
  return said;
}

// `kind`: level and type.
@inline
function meaning(at: usize, kind: u64): u64 {
  if (saysTos(kind)) return load<u8>(at, CMSG_DATA);
  if (kind == kindOf(SOL_UDP, UDP_GRO)) return <u64>load<u32>(at, CMSG_DATA) << 32;
  const isSizeOfFragments = kind == kindOf(SOL_IP, IP_RECVFRAGSIZE) || kind == kindOf(SOL_IPV6, IPV6_RECVFRAGSIZE);
  return isSizeOfFragments ? ARRIVED_IN_FRAGMENTS : 0;
}

@inline
function kindOf(level: u32, type: u32): u64 {
  return <u64>level | ((<u64>type) << 32);
}

export function clearMessages(headers: usize, count: u32): void {
  memory.fill(headers, 0, count * MMSGHDR_SIZE);
}

