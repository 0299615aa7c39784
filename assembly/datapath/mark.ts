// What the outer header of a frame's datagram says beside addresses and ports, as one word (MARK_* of the layout): what
// the overlay says, and what the overlay copies from the IP header inside: ECN (RFC 6040 section 4.1), DSCP, TTL, and
// whether it may be cut.

import { MARK_TTL_SHIFT, OVL_MARK, OVL_MARK_COPIED } from '../layout';
import { overlayAt } from '../table/records';
import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { ipv4Check, ipv4Tos, ipv4Ttl } from '../wire/ipv4';
import { ipv6Check, ipv6HopLimit, ipv6TrafficClass } from '../wire/ipv6';
import { innerEtherType, l3Offset, vlanDepth } from '../wire/vlan';
import { Frame } from './frame';

@inline
export function outerMark(frame: Frame, overlay: u32): u32 {
  const copied = load<u32>(overlayAt(overlay), OVL_MARK_COPIED);
  const own = load<u32>(overlayAt(overlay), OVL_MARK);
  return copied == 0 ? own : own | (innerMark(frame.start, frame.len) & copied);
}

// What a frame's own IP header says; 0 of what is not IP.
function innerMark(start: usize, len: u32): u32 {
  const depth = vlanDepth(start, len);
  if (depth < 0 || depth > 2) return 0;
  const packet = start + l3Offset(depth);
  const room = len - l3Offset(depth);
  const etherType = innerEtherType(start, depth);
  if (etherType == ETH_P_IP && ipv4Check(packet, room)) {
    return ipv4Tos(packet) | (ipv4Ttl(packet) << MARK_TTL_SHIFT);
  }
  if (etherType == ETH_P_IPV6 && ipv6Check(packet, room)) {
    return ipv6TrafficClass(packet) | (ipv6HopLimit(packet) << MARK_TTL_SHIFT);
  }
  return 0;
}
