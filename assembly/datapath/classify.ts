// Which multicast and broadcast frames of a VNIC concern a proxy. The answer is complete: a frame classified as Arp,
// Ndp, DhcpRequest or DhcpReply has been checked in full, so what the host makes of it needs no second look.
//
//  1. tags      nothing is said of a frame without a readable EtherType, or with more than two tags: Plain
//  2. protocol  ARP, IPv6 or IPv4, and only where the overlay has a proxy for it (OVL_FLAG_PROXY_*)
//  3. message   ARP request, neighbour solicitation, BOOTP ports: anything else of the protocol is Plain
//  4. validity  the message's own rules, its checksums, PROXY_FRAME_MAX: what breaks them is the protocol's Bad class

import { OVL_FLAG_PROXY_ARP, OVL_FLAG_PROXY_DHCP, OVL_FLAG_PROXY_NDP, PROXY_FRAME_MAX } from '../layout';
import { ARP_REQUEST, arpCheck, arpOperation, arpSpa, arpTpa } from '../wire/arp';
import { BOOTREPLY, BOOTREQUEST, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, dhcpCheck, dhcpOp } from '../wire/dhcp';
import { BROADCAST, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, ethDst, isMulticast } from '../wire/ethernet';
import {
  icmpv6Type, icmpv6Verify, ND_OPTION_SOURCE_LLADDR, ndCheck, ndOption, NEIGHBOUR_SOLICITATION,
} from '../wire/icmpv6';
import {
  IPPROTO_UDP, IPV4_HLEN, ipv4Check, ipv4FragmentOffset, ipv4HeaderLength, ipv4IsFragment, ipv4IsWhole, ipv4Protocol,
  ipv4PseudoSum, ipv4TotalLength, ipv4Verify,
} from '../wire/ipv4';
import {
  IPPROTO_ICMPV6, IPV6_HLEN, ipv6Check, ipv6DstHigh, ipv6DstLow, ipv6HopLimit, ipv6IsSolicitedNode, ipv6IsUnspecified,
  ipv6IsWhole, ipv6NextHeader, ipv6PayloadLength, ipv6SrcHigh, ipv6SrcLow,
} from '../wire/ipv6';
import { UDP_HLEN, udpCheck, udpChecksum, udpDstPort, udpLength, udpSrcPort, udpVerify } from '../wire/udp';
import { innerEtherType, l3Offset, VLAN_TOWER, vlanDepth } from '../wire/vlan';

/** What a multicast or broadcast frame is to the proxies. */
export enum Class {
  /** No proxy's business: the overlay's flood rules decide. */
  Plain,
  /** An ARP request, probes included. */
  Arp,
  /** An announcement or other request for the sender's own address: never answered. */
  ArpGratuitous,
  ArpBad,
  /** A neighbour solicitation. */
  Ndp,
  NdpBad,
  /** A DHCPv4 client's broadcast. */
  DhcpRequest,
  /** A DHCPv4 server's broadcast. */
  DhcpReply,
  DhcpBad,
}

/**
 * Classifies a frame of `len` bytes to a multicast address. `flags` are the overlay's OVL_FLAG_PROXY_* bits: a protocol
 * whose bit is clear is Plain. Reads only inside `len`.
 */
export function classify(frame: usize, len: u32, flags: u32): Class {
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth == VLAN_TOWER) return Class.Plain;
  assert(isMulticast(ethDst(frame)));
  const offset = l3Offset(depth);
  const packet = frame + offset;
  const room = len - offset;
  const fits = len <= <u32>PROXY_FRAME_MAX;
  switch (innerEtherType(frame, depth)) {
    case ETH_P_ARP:
      return flags & OVL_FLAG_PROXY_ARP ? classifyArp(packet, room, fits) : Class.Plain;
    case ETH_P_IPV6:
      return flags & OVL_FLAG_PROXY_NDP ? classifyIpv6(packet, room, fits) : Class.Plain;
    case ETH_P_IP:
      return flags & OVL_FLAG_PROXY_DHCP && ethDst(frame) == BROADCAST ? classifyIpv4(packet, room, fits) : Class.Plain;
    default:
      return Class.Plain;
  }
}

/** ARP: what `arpCheck` refuses is bad whatever its operation, because the operation means nothing then. */
function classifyArp(message: usize, room: u32, fits: bool): Class {
  if (!arpCheck(message, room)) return Class.ArpBad;
  if (arpOperation(message) != ARP_REQUEST) return Class.Plain;
  if (!fits) return Class.ArpBad;
  return arpSpa(message) == arpTpa(message) ? Class.ArpGratuitous : Class.Arp;
}

/** IPv6: a solicitation directly after the header. It is recognised before the header is known to be right. */
function classifyIpv6(packet: usize, room: u32, fits: bool): Class {
  if (room <= IPV6_HLEN || ipv6NextHeader(packet) != IPPROTO_ICMPV6) return Class.Plain;
  if (icmpv6Type(packet + IPV6_HLEN) != NEIGHBOUR_SOLICITATION) return Class.Plain;
  return fits && solicitationIsValid(packet, room) ? Class.Ndp : Class.NdpBad;
}

/** RFC 4861 section 7.1.1. */
function solicitationIsValid(packet: usize, room: u32): bool {
  if (!ipv6Check(packet, room) || !ipv6IsWhole(packet, room) || ipv6HopLimit(packet) != 255) return false;
  const message = packet + IPV6_HLEN;
  const len = ipv6PayloadLength(packet);
  if (!ndCheck(message, len) || !icmpv6Verify(packet, message, len)) return false;
  if (!ipv6IsUnspecified(ipv6SrcHigh(packet), ipv6SrcLow(packet))) return true;
  const toSolicitedNode = ipv6IsSolicitedNode(ipv6DstHigh(packet), ipv6DstLow(packet));
  return toSolicitedNode && ndOption(message, len, ND_OPTION_SOURCE_LLADDR) == 0;
}

/**
 * IPv4: UDP between the BOOTP ports, recognised before the header is known to be right. A fragment that is not the
 * first has no ports and is Plain; the first one is recognised, and bad.
 */
function classifyIpv4(packet: usize, room: u32, fits: bool): Class {
  if (room < IPV4_HLEN || ipv4Protocol(packet) != IPPROTO_UDP || ipv4FragmentOffset(packet) != 0) return Class.Plain;
  const headerLength = ipv4HeaderLength(packet);
  if (headerLength < IPV4_HLEN || headerLength + UDP_HLEN > room) return Class.Plain;
  const src = udpSrcPort(packet + headerLength);
  const dst = udpDstPort(packet + headerLength);
  if (src == DHCP_CLIENT_PORT && dst == DHCP_SERVER_PORT) {
    return fits && dhcpIsValid(packet, room, BOOTREQUEST) ? Class.DhcpRequest : Class.DhcpBad;
  }
  if (src == DHCP_SERVER_PORT && dst == DHCP_CLIENT_PORT) {
    return fits && dhcpIsValid(packet, room, BOOTREPLY) ? Class.DhcpReply : Class.DhcpBad;
  }
  return Class.Plain;
}

/** IPv4 header, UDP and the fixed part of the DHCP message, with all checksums. */
function dhcpIsValid(packet: usize, room: u32, op: u32): bool {
  if (!ipv4Check(packet, room) || !ipv4IsWhole(packet, room)) return false;
  if (ipv4IsFragment(packet) || !ipv4Verify(packet)) return false;
  const headerLength = ipv4HeaderLength(packet);
  const datagram = packet + headerLength;
  if (!udpCheck(datagram, ipv4TotalLength(packet) - headerLength)) return false;
  const len = udpLength(datagram);
  if (udpChecksum(datagram) != 0 && !udpVerify(datagram, ipv4PseudoSum(packet, IPPROTO_UDP, len))) return false;
  const message = datagram + UDP_HLEN;
  return dhcpCheck(message, len - UDP_HLEN) && dhcpOp(message) == op;
}
