// Link protection (illumos dladm(8), "protection"): what frames of a VNIC may say of who sent them. Whoever is inside
// a virtual machine can write any bytes into a frame, and into its virtio_net_hdr.
//
//  restricted    IPv4, IPv6 and ARP, nothing else
//  mac-nospoof   ARP and neighbour discovery name the VNIC's MAC, as the Ethernet header does (encap.ts)
//  ip-nospoof    the source address is allowed, and what ARP and neighbour discovery say is at the VNIC
//  dhcp-nospoof  a client asks for itself, and nobody answers as a server or a relay (RFC 7610)
//  ra-guard      no router advertisements (RFC 6105, RFC 7113)
//
// What cannot be read as a receiver would is refused: a header that is cut off, a first fragment without all headers
// (RFC 7112), neighbour discovery in fragments (RFC 6980). What a later fragment carries says nothing of itself.
//
// A checksum that is left to be made is written after this look, where the virtio_net_hdr says. So that must not be
// among the bytes that were looked at. All frames of a super-frame have the headers that it has.

import {
  Drop, PROT_FLAGS, PROTECT_DHCP, PROTECT_IP, PROTECT_MAC, PROTECT_RA, PROTECT_RESTRICTED, VNIC_MAC, VNIC_PROTECTION,
} from '../layout';
import { allowsIpv4, allowsIpv6 } from '../table/allowed';
import { arpCheck, arpSha, arpSpa } from '../wire/arp';
import {
  DHCPV6_CLIENT_PORT, DHCPV6_HLEN, DHCPV6_SERVER_PORT, dhcpIsOf, dhcpv6IsOf, dhcpv6IsServers,
} from '../wire/dhcp-client';
import { BOOTREQUEST, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, dhcpChaddr, dhcpCheck, dhcpOp } from '../wire/dhcp';
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import {
  ICMPV6_CHECKSUM, ICMPV6_HLEN, icmpv6Type, NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, ndIsDiscovery,
  ndLladdrsAre, ndOptionsCheck, ndTargetHigh, ndTargetLow, ROUTER_ADVERTISEMENT,
} from '../wire/icmpv6';
import {
  IPPROTO_UDP, ipv4Check, ipv4FragmentOffset, ipv4HeaderLength, ipv4IsFragment, ipv4Protocol, ipv4Src,
  ipv4TotalLength,
} from '../wire/ipv4';
import {
  CHAIN_BAD, chainIsFragment, chainIsLater, chainOffset, chainProtocol, ipv6Chain,
} from '../wire/ipv6-chain';
import {
  IPPROTO_ICMPV6, IPV6_HLEN, ipv6Check, ipv6IsUnspecified, ipv6IsWhole, ipv6PayloadLength, ipv6SrcHigh, ipv6SrcLow,
} from '../wire/ipv6';
import { UDP_CHECKSUM, UDP_HLEN, udpCheck, udpDstPort, udpLength } from '../wire/udp';
import { VNET_NEEDS_CSUM, vnetCsumOffset, vnetCsumStart, vnetFlags } from '../wire/virtio';
import { innerEtherType, l3Offset } from '../wire/vlan';
import { Frame, isSuperFrame } from './frame';

const NEVER: u32 = 0xffff_ffff; // no checksum is left to be made
const LINK_LOCAL: u64 = 0xfe80_0000_0000_0000;

let record: usize = 0; // of the protection in hand
let flags: u32 = 0;
let mac: u64 = 0; // of the VNIC
let made: u32 = NEVER; // where a checksum will be written, in bytes from the layer 3 header

/** Why a frame of the VNIC `sender` goes nowhere. Its Ethernet header and its tags, two at most, have been checked. */
export function protect(frame: Frame, sender: usize): Drop {
  record = <usize>load<u32>(sender, VNIC_PROTECTION);
  flags = load<u32>(record, PROT_FLAGS);
  mac = load<u64>(sender, VNIC_MAC);
  const l3 = l3Offset(frame.depth);
  const packet = frame.start + l3;
  const room = frame.len - l3;
  made = vnetFlags(frame.vnet) & VNET_NEEDS_CSUM ? vnetCsumStart(frame.vnet) + vnetCsumOffset(frame.vnet) - l3 : NEVER;
  switch (innerEtherType(frame.start, frame.depth)) {
    case ETH_P_ARP:
      return flags & (PROTECT_MAC | PROTECT_IP) ? ofArp(packet, room) : Drop.none;
    case ETH_P_IP:
      return flags & (PROTECT_IP | PROTECT_DHCP) ? ofIpv4(frame, packet, room) : Drop.none;
    case ETH_P_IPV6:
      return flags & ~PROTECT_RESTRICTED ? ofIpv6(frame, packet, room) : Drop.none;
    default:
      return flags & PROTECT_RESTRICTED ? Drop.restricted_type : Drop.none;
  }
}

function ofArp(message: usize, room: u32): Drop {
  if (made != NEVER) return Drop.bad_offload;
  if (!arpCheck(message, room)) return Drop.bad_arp;
  if (flags & PROTECT_MAC && arpSha(message) != mac) return Drop.spoofed_lladdr;
  return isSourceOfIpv4(arpSpa(message)) ? Drop.none : Drop.spoofed_ip;
}

/** 0.0.0.0, of whoever has no address yet, is anybody's: in a DHCP client's packet, and in an ARP probe. */
function isSourceOfIpv4(address: u32): bool {
  return !(flags & PROTECT_IP) || address == 0 || allowsIpv4(record, address);
}

function ofIpv4(frame: Frame, packet: usize, room: u32): Drop {
  if (!ipv4Check(packet, room)) return Drop.bad_headers;
  if (!isSourceOfIpv4(ipv4Src(packet))) return Drop.spoofed_ip;
  const isUdp = ipv4Protocol(packet) == IPPROTO_UDP && ipv4FragmentOffset(packet) == 0;
  const l4 = ipv4HeaderLength(packet);
  if (made < l4 + (isUdp ? UDP_CHECKSUM : 0)) return Drop.bad_offload;
  if (!isUdp || !(flags & PROTECT_DHCP)) return Drop.none;
  const isWhole = !ipv4IsFragment(packet) && !isSuperFrame(frame);
  return ofDhcp(packet + l4, min(room, ipv4TotalLength(packet)) - l4, isWhole, made == l4 + UDP_CHECKSUM);
}

/** `len`: bytes of it that are there. `isPlaced`: a checksum that is left to be made is the datagram's own. */
function ofDhcp(datagram: usize, len: u32, isWhole: bool, isPlaced: bool): Drop {
  if (len < UDP_HLEN) return Drop.bad_headers;
  const to = udpDstPort(datagram);
  if (to == DHCP_CLIENT_PORT) return Drop.rogue_dhcp;
  if (to != DHCP_SERVER_PORT) return Drop.none;
  if (!isWhole || !udpCheck(datagram, len)) return Drop.spoofed_dhcp;
  if (made != NEVER && !isPlaced) return Drop.bad_offload;
  const message = datagram + UDP_HLEN;
  const size = udpLength(datagram) - UDP_HLEN;
  if (!dhcpCheck(message, size)) return Drop.spoofed_dhcp;
  if (dhcpOp(message) != BOOTREQUEST) return Drop.rogue_dhcp;
  return dhcpChaddr(message) == mac && dhcpIsOf(message, size, mac) ? Drop.none : Drop.spoofed_dhcp;
}

function ofIpv6(frame: Frame, packet: usize, room: u32): Drop {
  if (!ipv6Check(packet, room)) return Drop.bad_headers;
  if (!isSourceOfIpv6(packet)) return Drop.spoofed_ip;
  const end = min(room, IPV6_HLEN + ipv6PayloadLength(packet));
  const chain = ipv6Chain(packet, end);
  if (chain == CHAIN_BAD) return Drop.bad_headers;
  const l4 = chainOffset(chain);
  const isUdp = chainProtocol(chain) == IPPROTO_UDP;
  if (made < l4 + (isUdp ? UDP_CHECKSUM : 0)) return Drop.bad_offload;
  if (chainIsLater(chain)) return Drop.none;
  const isFragment = chainIsFragment(chain);
  if (chainProtocol(chain) == IPPROTO_ICMPV6) {
    if (made != NEVER && made != l4 + ICMPV6_CHECKSUM) return Drop.bad_offload;
    return ofIcmpv6(packet, packet + l4, end - l4, !isFragment && ipv6IsWhole(packet, room));
  }
  if (!isUdp || !(flags & PROTECT_DHCP)) return Drop.none;
  return ofDhcpv6(packet + l4, end - l4, !isFragment && !isSuperFrame(frame), made == l4 + UDP_CHECKSUM);
}

function isSourceOfIpv6(packet: usize): bool {
  if (!(flags & PROTECT_IP)) return true;
  const high = ipv6SrcHigh(packet);
  const low = ipv6SrcLow(packet);
  return ipv6IsUnspecified(high, low) || isOwnIpv6(high, low);
}

/** Allowed, or the link-local address that is made of the VNIC's MAC (RFC 4291 appendix A). */
function isOwnIpv6(high: u64, low: u64): bool {
  return (high == LINK_LOCAL && low == interfaceId(mac)) || allowsIpv6(record, high, low);
}

/** The modified EUI-64 of a MAC. */
function interfaceId(address: u64): u64 {
  const bytes = bswap<u64>(address) >> 16; // 48 bits, the first byte on the wire most significant
  return (((bytes >> 24) << 40) | 0xff_fe00_0000 | (bytes & 0xff_ffff)) ^ 0x0200_0000_0000_0000;
}

/** `isWhole`: all of the message is there. */
function ofIcmpv6(packet: usize, message: usize, len: u32, isWhole: bool): Drop {
  if (len < ICMPV6_HLEN) return Drop.bad_headers;
  const type = icmpv6Type(message);
  if (type == ROUTER_ADVERTISEMENT && flags & PROTECT_RA) return Drop.rogue_ra;
  if (!ndIsDiscovery(type) || !(flags & (PROTECT_MAC | PROTECT_IP))) return Drop.none;
  if (!isWhole || !ndOptionsCheck(message, len)) return Drop.bad_headers;
  if (flags & PROTECT_MAC && !ndLladdrsAre(message, len, mac)) return Drop.spoofed_lladdr;
  return !(flags & PROTECT_IP) || isTargetFine(packet, message, type) ? Drop.none : Drop.spoofed_ip;
}

/** An advertisement says whose the target is; so does a solicitation of a host that is about to take it (RFC 4862). */
function isTargetFine(packet: usize, message: usize, type: u32): bool {
  const isProbe = type == NEIGHBOUR_SOLICITATION && ipv6IsUnspecified(ipv6SrcHigh(packet), ipv6SrcLow(packet));
  if (type != NEIGHBOUR_ADVERTISEMENT && !isProbe) return true;
  return isOwnIpv6(ndTargetHigh(message), ndTargetLow(message));
}

function ofDhcpv6(datagram: usize, len: u32, isWhole: bool, isPlaced: bool): Drop {
  if (len < UDP_HLEN) return Drop.bad_headers;
  const to = udpDstPort(datagram);
  if (to == DHCPV6_CLIENT_PORT) return Drop.rogue_dhcp;
  if (to != DHCPV6_SERVER_PORT) return Drop.none;
  if (!isWhole || !udpCheck(datagram, len)) return Drop.spoofed_dhcp;
  if (made != NEVER && !isPlaced) return Drop.bad_offload;
  const message = datagram + UDP_HLEN;
  const size = udpLength(datagram) - UDP_HLEN;
  if (size < DHCPV6_HLEN) return Drop.spoofed_dhcp;
  if (dhcpv6IsServers(message)) return Drop.rogue_dhcp;
  return dhcpv6IsOf(message, size, mac) ? Drop.none : Drop.spoofed_dhcp;
}
