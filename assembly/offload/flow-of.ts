// What a frame on its way to a VNIC is to coalescing: which flow it belongs to, and whether that flow's super-frame may
// take it in. Rules that concern one frame alone stand here, those that compare two in coalesce.ts.

import { ETH_P_IP, ETH_P_IPV6, ethDst, isGroup } from '../wire/ethernet';
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
export enum Told {
  /** To no TCP or UDP flow, surely. */
  Other,
  /** Perhaps to one, but its ports are not known: a fragment, options before the ports, a header cut off. */
  Unknown,
  /** To the one that `flowKey` names. */
  Flow,
}

/** Bits of `kinds`: which flows of a VNIC may be joined. */
export const KIND_TCP: u32 = 1;
export const KIND_UDP: u32 = 2;

// A flag that ends or begins something, or says something of this very segment. The kernel's older rule lets CWR begin
// a super-frame; with AccECN the bit is part of a counter, and a super-frame says it of one segment only.
const TCP_ALONE: u32 = TCP_SYN | TCP_RST | TCP_URG | TCP_CWR;
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15; // 2^64 over the golden ratio, odd

// The frame that was told last. Each worker has an instance of the module, so a global is a worker's own.
let key: u64 = 0;
let kind: u32 = 0;
let isIpv4: bool = false;
let l3: u32 = 0; // offsets from the start of the frame
let l4: u32 = 0;
let end: u32 = 0; // of the transport header
let payload: u32 = 0;

/** The flow, when it was told: equal for all frames of one, and for those of others only by a rare accident. */
@inline
export function flowKey(): u64 {
  return key;
}

/** KIND_TCP or KIND_UDP. */
@inline
export function frameKind(): u32 {
  return kind;
}

@inline
export function frameIsIpv4(): bool {
  return isIpv4;
}

/** Where the IP header starts, in bytes from the start of the frame. */
@inline
export function frameL3(): u32 {
  return l3;
}

/** Where the transport header starts. */
@inline
export function frameL4(): u32 {
  return l4;
}

/** Where the payload starts. */
@inline
export function frameHeaderLength(): u32 {
  return end;
}

/** Payload bytes, Ethernet padding left out; 0: no super-frame may have this frame in it. */
@inline
export function framePayload(): u32 {
  return payload;
}

/** Looks at a frame for `vnic`; what it answers with Flow can be asked of the functions above. Reads inside `len`. */
export function tell(frame: usize, len: u32, vnic: u32): Told {
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth > 2) return Told.Unknown;
  l3 = l3Offset(depth);
  const etherType = innerEtherType(frame, depth);
  isIpv4 = etherType == ETH_P_IP;
  if (isIpv4) return tellIpv4(frame, len - l3, vnic);
  return etherType == ETH_P_IPV6 ? tellIpv6(frame, len - l3, vnic) : Told.Other;
}

@inline
function tellIpv4(frame: usize, len: u32, vnic: u32): Told {
  const packet = frame + l3;
  if (len < IPV4_HLEN) return Told.Unknown;
  const protocol = ipv4Protocol(packet);
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return Told.Other;
  if (!ipv4IsPlain(packet, len)) return Told.Unknown;
  l4 = l3 + IPV4_HLEN;
  return tellTransport(frame, ipv4TotalLength(packet) - IPV4_HLEN, protocol, ipv4AddressesWord(packet), vnic);
}

@inline
function tellIpv6(frame: usize, len: u32, vnic: u32): Told {
  const packet = frame + l3;
  if (!ipv6Check(packet, len)) return Told.Unknown;
  const protocol = ipv6NextHeader(packet);
  if (protocol == IPPROTO_ICMPV6) return Told.Other;
  if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || !ipv6IsWhole(packet, len)) return Told.Unknown;
  l4 = l3 + IPV6_HLEN;
  let addresses = ipv6SrcHigh(packet) * MULTIPLIER + ipv6SrcLow(packet);
  addresses = addresses * MULTIPLIER + ipv6DstHigh(packet);
  addresses = addresses * MULTIPLIER + ipv6DstLow(packet);
  return tellTransport(frame, ipv6PayloadLength(packet), protocol, addresses, vnic);
}

// `len` bytes from the transport header on, padding left out.
@inline
function tellTransport(frame: usize, len: u32, protocol: u32, addresses: u64, vnic: u32): Told {
  if (len < PORTS_LEN) return Told.Unknown;
  const header = frame + l4;
  key = addresses * MULTIPLIER + ((<u64>((vnic << 8) | protocol) << 32) | <u64>portsWord(header));
  if (protocol == IPPROTO_TCP) tellTcp(header, len);
  else tellUdp(header, len);
  // A group frame's bytes are listed once for every VNIC: nobody may write into them.
  if (isGroup(ethDst(frame))) payload = 0;
  return Told.Flow;
}

@inline
function tellTcp(header: usize, len: u32): void {
  kind = KIND_TCP;
  payload = 0;
  if (!tcpCheck(header, len) || tcpFlags(header) & TCP_ALONE) return;
  end = l4 + tcpHeaderLength(header);
  payload = len - tcpHeaderLength(header);
}

// Without a checksum nothing says that the datagram is whole, and no super-frame can be without.
@inline
function tellUdp(header: usize, len: u32): void {
  kind = KIND_UDP;
  payload = 0;
  if (len < UDP_HLEN || udpLength(header) != len || udpChecksum(header) == 0) return;
  end = l4 + UDP_HLEN;
  payload = len - UDP_HLEN;
}
