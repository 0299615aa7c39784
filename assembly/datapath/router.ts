// Router advertisements: a router on the overlay tells everybody of prefixes, of itself, and of the MTU (RFC 4861 4.2).

import { PROXY_FRAME_MAX } from '../layout';
import { ALL_NODES, ETH_P_IPV6, ethDst } from '../wire/ethernet';
import { icmpv6Type, icmpv6Verify, raCheck, ROUTER_ADVERTISEMENT } from '../wire/icmpv6';
import {
  IPPROTO_ICMPV6, IPV6_HLEN, ipv6Check, ipv6HopLimit, ipv6IsLinkLocal, ipv6IsWhole, ipv6NextHeader, ipv6PayloadLength,
  ipv6SrcHigh,
} from '../wire/ipv6';
import { innerEtherType, l3Offset, VLAN_TOWER, vlanDepth } from '../wire/vlan';

/**
 * Whether a multicast frame is one to all nodes that every host takes: RFC 4861 section 6.1.2. Another is none of ours,
 * and left to whoever gets it. Reads only inside `len`.
 */
@inline
export function isRouterAdvertisement(frame: usize, len: u32): bool {
  return ethDst(frame) == ALL_NODES && isValid(frame, len);
}

function isValid(frame: usize, len: u32): bool {
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth == VLAN_TOWER || len > <u32>PROXY_FRAME_MAX) return false;
  if (innerEtherType(frame, depth) != ETH_P_IPV6) return false;
  const packet = frame + l3Offset(depth);
  const room = len - l3Offset(depth);
  if (!ipv6Check(packet, room) || ipv6NextHeader(packet) != IPPROTO_ICMPV6 || !ipv6IsWhole(packet, room)) return false;
  if (ipv6HopLimit(packet) != 255 || !ipv6IsLinkLocal(ipv6SrcHigh(packet))) return false;
  const message = packet + IPV6_HLEN;
  const size = ipv6PayloadLength(packet);
  if (!raCheck(message, size) || icmpv6Type(message) != ROUTER_ADVERTISEMENT) return false;
  return icmpv6Verify(packet, message, size);
}
