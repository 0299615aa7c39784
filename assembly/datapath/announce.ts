// Announcements: a VNIC says that an address is at its MAC, unasked. Gratuitous ARP, a request or a reply whose sender
// and target address are the same (RFC 5227 section 3), and unsolicited neighbour advertisements (RFC 4861 7.2.6).

import { PROXY_FRAME_MAX } from '../layout';
import { arpCheck, arpSha, arpSpa, arpTpa } from '../wire/arp';
import { ETH_P_ARP, ETH_P_IPV6, ethSrc } from '../wire/ethernet';
import {
  icmpv6Type, icmpv6Verify, NA_SOLICITED, ND_OPTION_TARGET_LLADDR, ndCheck, NEIGHBOUR_ADVERTISEMENT, ndFlags, ndOption,
  ndOptionMac,
} from '../wire/icmpv6';
import {
  IPPROTO_ICMPV6, IPV6_HLEN, ipv6Check, ipv6HopLimit, ipv6IsWhole, ipv6NextHeader, ipv6PayloadLength,
} from '../wire/ipv6';
import { innerEtherType, l3Offset, VLAN_TOWER, vlanDepth } from '../wire/vlan';

/** Whether a multicast frame is one, checked in full, and about the MAC that sent it. Reads only inside `len`. */
export function isAnnouncement(frame: usize, len: u32): bool {
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth == VLAN_TOWER || len > <u32>PROXY_FRAME_MAX) return false;
  const offset = l3Offset(depth);
  const etherType = innerEtherType(frame, depth);
  if (etherType == ETH_P_ARP) return isGratuitous(frame + offset, len - offset, ethSrc(frame));
  return etherType == ETH_P_IPV6 && isUnsolicited(frame + offset, len - offset, ethSrc(frame));
}

function isGratuitous(message: usize, room: u32, mac: u64): bool {
  if (!arpCheck(message, room) || arpSha(message) != mac) return false;
  return arpSpa(message) != 0 && arpSpa(message) == arpTpa(message);
}

function isUnsolicited(packet: usize, room: u32, mac: u64): bool {
  if (room <= IPV6_HLEN || ipv6NextHeader(packet) != IPPROTO_ICMPV6) return false;
  const message = packet + IPV6_HLEN;
  if (icmpv6Type(message) != NEIGHBOUR_ADVERTISEMENT) return false;
  if (!ipv6Check(packet, room) || !ipv6IsWhole(packet, room) || ipv6HopLimit(packet) != 255) return false;
  const len = ipv6PayloadLength(packet);
  if (!ndCheck(message, len) || !icmpv6Verify(packet, message, len) || ndFlags(message) & NA_SOLICITED) return false;
  const option = ndOption(message, len, ND_OPTION_TARGET_LLADDR);
  return option != 0 && ndOptionMac(option) == mac;
}
