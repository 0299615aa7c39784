// What a read of the underlay TAP answered: a virtio_net_hdr of 24 bytes and a frame of the underlay, which the program
// at an interface took for a datagram of ours (src/system/bpf). In the order of its headers:
//
//  1. the outer ones   IPv4 or IPv6 and UDP, whole, for a socket of ours; what is no UDP, the kernel's own words to its
//                      interface, is passed over
//  2. its checksum     if nobody has looked at it; a sender on this host has not made it, and need not
//  3. inside           a super-frame, or one frame, as its sender left it; or datagrams that the interface's GRO joined

import {
  Drop,
  READ_AT,
  READ_LEN,
  SOCKETS_MAX,
  SOCK_ADDRESS,
  SOCK_FLAGS,
  SOCK_FLAG_ZERO_CHECKSUM6,
  SOCK_LIVE,
  SOCK_PORT,
  UNDERLAY_TAP,
  VXLAN_HLEN,
  W_TUNNEL_NAME,
} from '../layout';
import { countDecapIn, drop, expectDatagrams, expectFrames } from '../datapath/counters';
import { decapOffloaded } from '../datapath/decap';
import { encapReads } from '../datapath/encap-reads';
import { takeComplete } from '../datapath/frame';
import { arrival, arriveWith } from '../datapath/arrival';
import { captureReceived, captureVerdict, isCapturing } from '../datapath/capture';
import { outHasRoom } from '../datapath/output-list';
import { readAt } from '../datapath/reads';
import { isTrunk, trunkReads } from '../datapath/trunk';
import { skipOptions } from '../datapath/tunnel-header';
import { w } from '../datapath/worker';
import { socketAt } from '../table/records';
import { load64be } from '../wire/bytes';
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, ethCheck, ethType } from '../wire/ethernet';
import {
  IPPROTO_UDP,
  IPV4_HLEN,
  ipv4Dst,
  ipv4HasPlainHeader,
  ipv4IsPlain,
  ipv4Protocol,
  ipv4PseudoSum,
  ipv4Src,
  ipv4Tos,
  ipv4TotalLength,
  ipv4VerifyPlain,
} from '../wire/ipv4';
import {
  IPV6_HLEN,
  ipv6Check,
  ipv6DstHigh,
  ipv6DstLow,
  ipv6IsWhole,
  ipv6NextHeader,
  ipv6PayloadLength,
  ipv6PseudoSum,
  ipv6SrcHigh,
  ipv6SrcLow,
  ipv6TrafficClass,
} from '../wire/ipv6';
import { sockaddrSetIpv4, sockaddrSetIpv6 } from '../wire/sockaddr';
import { TUNNEL_VNET_SIZE, tunnelVnetInner, tunnelVnetIsTunnel } from '../wire/tunnel-vnet';
import { UDP_HLEN, udpCheck, udpChecksum, udpDstPort, udpLength, udpSrcPort, udpVerify } from '../wire/udp';
import {
  VNET_DATA_VALID,
  VNET_GSO_UDP_L4,
  VNET_NEEDS_CSUM,
  vnetFlags,
  vnetGsoSize,
  vnetGsoType,
  vnetIsClear,
} from '../wire/virtio';
import { datagramsOf, decapMessage, isResumed } from './intake';

const MAPPED: u64 = 0xffff_0000_0000; // ::ffff:0:0/96

let udp: u32 = 0; // where the UDP header is, from the Ethernet header
let high: u64 = 0; // the destination address
let low: u64 = 0;
let fault: Drop = Drop.none; // of the outer headers; none: there are none of a datagram

// What reads `from` to `count` of a TAP answered (datapath/reads.ts): of the underlay's, or of a VNIC's. Answers the
// first not taken: there was no room in the output list; call again with the same when it was sent.
export function takeReads(tap: u32, from: u32, count: u32): u32 {
  if (tap != UNDERLAY_TAP) {
    expectFrames(count - from);
    return isTrunk(tap) ? trunkReads(tap, from, count) : encapReads(tap, from, count);
  }
  let index = from;
  while (index < count && decapRead(load<u32>(readAt(index), READ_AT), load<u32>(readAt(index), READ_LEN))) {
    index++;
  }
  return index;
}

// False: there was no room in the output list; call again with the same read after it was sent.
function decapRead(at: usize, len: u32): bool {
  if (!outHasRoom()) return false;
  const frame = at + TUNNEL_VNET_SIZE;
  if (len < TUNNEL_VNET_SIZE) return true;
  if (!parse(frame, len - TUNNEL_VNET_SIZE)) return fault == Drop.none || broken(frame, len - TUNNEL_VNET_SIZE);
  const datagram = frame + udp + UDP_HLEN;
  const length = udpLength(frame + udp) - UDP_HLEN;
  const socket = socketOf(udpDstPort(frame + udp));
  arriveAs(frame);
  if (socket == 0) return refused(datagram, length, Drop.unknown_vni, 0);
  const from = w() + W_TUNNEL_NAME;
  if (!tunnelVnetIsTunnel(at) && vnetGsoType(at) == VNET_GSO_UDP_L4) {
    if (!isResumed()) expectDatagrams(datagramsOf(length, vnetGsoSize(at)));
    return decapMessage(datagram, length, vnetGsoSize(at), false, socket, from);
  }
  if (!isVerified(at, frame, socket)) {
    return refused(datagram, length, Drop.bad_outer_checksum, socket);
  }
  const options = skipOptions(datagram, length, socket);
  tunnelVnetInner(at, at, udp + UDP_HLEN + options + VXLAN_HLEN);
  if (!vnetIsClear(at)) return decapOffloaded(datagram + options, length - options, at, socket, from);
  expectDatagrams(1);
  return decapMessage(datagram + options, length - options, 0, false, socket, from);
}

@inline
function arriveAs(frame: usize): void {
  arriveWith(isIpv4() ? ipv4Tos(frame + ETH_HLEN) : ipv6TrafficClass(frame + ETH_HLEN));
}

// Its outer headers are not to be believed: neither which socket it is for, nor how long it is.
function broken(frame: usize, len: u32): bool {
  const headers = udp + UDP_HLEN;
  arriveAs(frame);
  return refused(frame + headers, max(len, headers) - headers, fault, 0);
}

// Its sender is at W_TUNNEL_NAME.
function refused(datagram: usize, len: u32, reason: Drop, socket: u32): bool {
  const frame = takeComplete(datagram + VXLAN_HLEN, max(len, VXLAN_HLEN) - VXLAN_HLEN);
  expectDatagrams(1);
  countDecapIn(1, 1, len);
  const captures = isCapturing();
  if (captures) captureReceived(frame, socket, w() + W_TUNNEL_NAME, arrival());
  drop(frame, reason, 0, 0);
  if (captures) captureVerdict(frame);
  return true;
}

// Step 1. False: see `fault`.
function parse(frame: usize, len: u32): bool {
  fault = Drop.none;
  if (!ethCheck(len)) return false;
  const packet = frame + ETH_HLEN;
  const room = len - ETH_HLEN;
  const etherType = ethType(frame);
  if (etherType == ETH_P_IP) return parseIpv4(packet, room);
  return etherType == ETH_P_IPV6 && parseIpv6(packet, room);
}

function parseIpv4(packet: usize, len: u32): bool {
  if (!ipv4HasPlainHeader(packet, len) || ipv4Protocol(packet) != IPPROTO_UDP) return false;
  udp = ETH_HLEN + IPV4_HLEN;
  high = 0;
  low = MAPPED | <u64>ipv4Dst(packet);
  const header = packet + IPV4_HLEN;
  sockaddrSetIpv4(w() + W_TUNNEL_NAME, ipv4Src(packet), udpSrcPort(header));
  if (!ipv4IsPlain(packet, len) || !udpCheck(header, ipv4TotalLength(packet) - IPV4_HLEN)) fault = Drop.truncated;
  else if (!ipv4VerifyPlain(packet)) fault = Drop.bad_outer_checksum;
  return fault == Drop.none;
}

function parseIpv6(packet: usize, len: u32): bool {
  if (!ipv6Check(packet, len) || ipv6NextHeader(packet) != IPPROTO_UDP) return false;
  udp = ETH_HLEN + IPV6_HLEN;
  high = ipv6DstHigh(packet);
  low = ipv6DstLow(packet);
  const header = packet + IPV6_HLEN;
  sockaddrSetIpv6(w() + W_TUNNEL_NAME, ipv6SrcHigh(packet), ipv6SrcLow(packet), udpSrcPort(header));
  if (!ipv6IsWhole(packet, len) || !udpCheck(header, ipv6PayloadLength(packet))) fault = Drop.truncated;
  return fault == Drop.none;
}

@inline
function isIpv4(): bool {
  return udp == ETH_HLEN + IPV4_HLEN;
}

// The socket that listens at the destination, 0: none does. Those without a port are no sockets of UDP.
function socketOf(port: u32): u32 {
  if (port == 0) return 0;
  const any = isIpv4() ? MAPPED : 0;
  for (let index: u32 = 1; index < <u32>SOCKETS_MAX; index++) {
    const socket = socketAt(index);
    if (!load<u32>(socket, SOCK_LIVE) || load<u32>(socket, SOCK_PORT) != port) continue;
    const itsHigh = load64be(socket, SOCK_ADDRESS);
    const itsLow = load64be(socket, SOCK_ADDRESS + 8);
    if ((itsHigh == high && itsLow == low) || (itsHigh == 0 && itsLow == any)) return index;
  }
  return 0;
}

// Step 2. What a sender on this host leaves to the interface never was on a wire; what an interface or its GRO has
// looked at need not be looked at again.
function isVerified(vnet: usize, frame: usize, socket: u32): bool {
  const header = frame + udp;
  if (udpChecksum(header) == 0) {
    return isIpv4() || (load<u32>(socketAt(socket), SOCK_FLAGS) & SOCK_FLAG_ZERO_CHECKSUM6) != 0;
  }
  if (vnetFlags(vnet) & (VNET_NEEDS_CSUM | VNET_DATA_VALID)) return true;
  const packet = frame + ETH_HLEN;
  const length = udpLength(header);
  return udpVerify(
    header,
    isIpv4() ? ipv4PseudoSum(packet, IPPROTO_UDP, length) : ipv6PseudoSum(packet, IPPROTO_UDP, length),
  );
}
