// Announcements: a VNIC says that an address is at its MAC, unasked. Gratuitous ARP, a request or a reply whose sender
// and target address are the same (RFC 5227 section 3), and unsolicited neighbour advertisements (RFC 4861 7.2.6).
//
// Where the host answers for others, it is told what those say of their addresses: in any ARP, as an answer or to ask,
// and in advertisements. A solicitation says nothing of whether its sender is a router, and an answer has to.

import { PROXY_FRAME_MAX, Upcall } from '../layout';
import { arpCheck, arpSha, arpSpa, arpTpa } from '../wire/arp';
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, ethIs, ethSrc } from '../wire/ethernet';
import {
  icmpv6Type, icmpv6Verify, NA_SOLICITED, ND_OPTION_TARGET_LLADDR, ndCheck, NEIGHBOUR_ADVERTISEMENT, ndFlags, ndOption,
  ndOptionMac,
} from '../wire/icmpv6';
import {
  IPPROTO_ICMPV6, IPV6_HLEN, ipv6Check, ipv6HopLimit, ipv6IsWhole, ipv6NextHeader, ipv6PayloadLength,
} from '../wire/ipv6';
import { innerEtherType, l3Offset, VLAN_TOWER, vlanDepth } from '../wire/vlan';
import { Frame, isSuperFrame } from './frame';
import { upcallCopy } from './upcall';

/** Whether a multicast frame is one, checked in full, and about the MAC that sent it. Reads only inside `len`. */
export function isAnnouncement(frame: usize, len: u32): bool {
  return saysAddress(frame, len, true);
}

// Tells the host what a frame from the underlay says of its sender's address; the frame goes its way all the same.
export function snoop(frame: Frame, overlay: u32): void {
  if (isSuperFrame(frame) || ethIs(frame.start, ETH_P_IP)) return;
  if (saysAddress(frame.start, frame.len, false)) upcallCopy(Upcall.address, frame, overlay);
}

function saysAddress(frame: usize, len: u32, unasked: bool): bool {
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth == VLAN_TOWER || len > <u32>PROXY_FRAME_MAX) return false;
  const offset = l3Offset(depth);
  const etherType = innerEtherType(frame, depth);
  const message = frame + offset;
  const room = len - offset;
  if (etherType == ETH_P_ARP) return saysInArp(message, room, ethSrc(frame), unasked);
  return etherType == ETH_P_IPV6 && advertises(message, room, ethSrc(frame), unasked);
}

function saysInArp(message: usize, room: u32, mac: u64, unasked: bool): bool {
  if (!arpCheck(message, room) || arpSha(message) != mac) return false;
  return arpSpa(message) != 0 && (!unasked || arpSpa(message) == arpTpa(message));
}

function advertises(packet: usize, room: u32, mac: u64, unasked: bool): bool {
  if (room <= IPV6_HLEN || ipv6NextHeader(packet) != IPPROTO_ICMPV6) return false;
  const message = packet + IPV6_HLEN;
  if (icmpv6Type(message) != NEIGHBOUR_ADVERTISEMENT) return false;
  if (!ipv6Check(packet, room) || !ipv6IsWhole(packet, room) || ipv6HopLimit(packet) != 255) return false;
  const len = ipv6PayloadLength(packet);
  if (!ndCheck(message, len) || !icmpv6Verify(packet, message, len)) return false;
  if (unasked && ndFlags(message) & NA_SOLICITED) return false;
  const option = ndOption(message, len, ND_OPTION_TARGET_LLADDR);
  return option != 0 && ndOptionMac(option) == mac;
}
