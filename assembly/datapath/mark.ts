// What the outer header of a frame's datagram says beside addresses and ports, as one word (MARK_* of the layout): what
// the overlay says, and what the overlay copies from the IP header inside: ECN (RFC 6040 section 4.1), DSCP, TTL, and
// whether it may be fragmented.

import { MARK_FRAGMENT, MARK_TOS, MARK_TTL_SHIFT, OVL_MARK, OVL_MARK_COPIED } from '../layout';
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, ethIs } from '../wire/ethernet';
import { IPV4_HLEN, ipv4Check, ipv4HasDf, ipv4Tos, ipv4Ttl } from '../wire/ipv4';
import { ipv6Check, ipv6HopLimit, ipv6TrafficClass } from '../wire/ipv6';
import { innerEtherType, l3Offset, VLAN_TOWER } from '../wire/vlan';
import { Frame } from './frame';

// `overlay` is the overlay's record.
@inline
export function outerMark(frame: Frame, overlay: usize): u32 {
  const copied = load<u32>(overlay, OVL_MARK_COPIED);
  const own = load<u32>(overlay, OVL_MARK);
  return copied == 0 ? own : own | innerMark(frame, copied);
}

// Of what is copied, what a frame's own IP header says.
@inline
function innerMark(frame: Frame, copied: u32): u32 {
  return saysNothing(frame.start, frame.len, copied) ? 0 : closerMark(frame, copied);
}

// Whether that is 0, as far as one look tells: most often it is an untagged one whose TOS or traffic class says 0, and
// no more is copied.
@inline
function saysNothing(frame: usize, len: u32, copied: u32): bool {
  const packet = frame + ETH_HLEN;
  const isIpv4 = ethIs(frame, ETH_P_IP) & (len >= ETH_HLEN + IPV4_HLEN);
  if (isIpv4) return ((ipv4Tos(packet) | ~MARK_TOS) & copied) == 0;
  if (!ethIs(frame, ETH_P_IPV6) || !ipv6Check(packet, len - ETH_HLEN)) return false;
  return ((ipv6TrafficClass(packet) | ~MARK_TOS) & copied) == 0;
}

// IPv6 is as IPv4 with DF (RFC 8200 section 5); of what is not IP all is 0, and it may be fragmented.
function closerMark(frame: Frame, copied: u32): u32 {
  const depth = frame.depth;
  if (depth < 0 || depth >= VLAN_TOWER) return MARK_FRAGMENT & copied;
  const packet = frame.start + l3Offset(depth);
  const room = frame.len - l3Offset(depth);
  const etherType = innerEtherType(frame.start, depth);
  if (etherType == ETH_P_IP && room >= IPV4_HLEN) {
    const mark = ipv4Mark(packet) & copied;
    if (mark == 0) return 0;
    if (ipv4Check(packet, room)) return ipv4HasDf(packet) ? mark & ~MARK_FRAGMENT : mark;
  } else if (etherType == ETH_P_IPV6 && ipv6Check(packet, room)) {
    return (ipv6TrafficClass(packet) | (ipv6HopLimit(packet) << MARK_TTL_SHIFT)) & copied;
  }
  return MARK_FRAGMENT & copied;
}

// Of a packet without DF.
@inline
function ipv4Mark(packet: usize): u32 {
  return ipv4Tos(packet) | (ipv4Ttl(packet) << MARK_TTL_SHIFT) | MARK_FRAGMENT;
}
