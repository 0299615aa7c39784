// What the outer IP header of a message said, and what becomes of that when its datagrams are decapsulated.
//
//  1. fragments    counted, or dropped in an overlay that refuses them (RFC 7348 section 4.3 leaves it to the receiver)
//  2. congestion   RFC 6040 section 4.2, whatever the sender's mode is. What a router has marked on the way is carried
//                  into the packet inside; one whose sender does not know of ECN is dropped, which is all it can hear.
//
//   inside    outside: Not-ECT   ECT(0)    ECT(1)    CE
//   Not-ECT            Not-ECT   Not-ECT   Not-ECT   dropped
//   ECT(0)             ECT(0)    ECT(0)    ECT(1)    CE
//   ECT(1)             ECT(1)    ECT(1)    ECT(1)    CE
//   CE                 CE        CE        CE        CE
//
// What is not IP inside has no such bits, and is left alone.

import { ARRIVED_IN_FRAGMENTS, Drop, OC_FRAGMENTS, OVL_FLAG_ECN, OVL_FLAG_REFUSE_FRAGMENTS } from '../layout';
import { CE, ECN, ECT_0, ECT_1, NOT_ECT } from '../wire/ecn';
import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { ipv4ChangeTos, ipv4Check, ipv4Tos } from '../wire/ipv4';
import { ipv6Check, ipv6SetTrafficClass, ipv6TrafficClass } from '../wire/ipv6';
import { innerEtherType, l3Offset } from '../wire/vlan';
import { bump, overlayCounters } from './counters';
import { Frame } from './frame';

let arrived: u32 = 0;

/**
 * The datagrams that are taken next came with this TOS or traffic class, and ARRIVED_IN_FRAGMENTS. An engine says so
 * before it takes any of a message.
 */
@inline
export function arriveWith(tos: u32): void {
  arrived = tos & (ARRIVED_IN_FRAGMENTS | ECN);
}

/** Nearly always 0: no congestion mark, no fragments, nothing to do. */
@inline
export function arrival(): u32 {
  return arrived;
}

/**
 * Why a frame of `depth` tags (0..2) for an overlay with these flags is not to be delivered after how it came; else its
 * congestion mark is right.
 */
export function refusedArrival(frame: Frame, depth: i32, overlay: u32, flags: u32): Drop {
  if (arrived & ARRIVED_IN_FRAGMENTS) {
    if (flags & OVL_FLAG_REFUSE_FRAGMENTS) return Drop.outer_fragment;
    bump(overlayCounters(overlay), OC_FRAGMENTS, 1); // what the kernel has put together is never joined with others
  }
  if (!(flags & OVL_FLAG_ECN)) return Drop.none;
  const outer = arrived & ECN;
  const packet = frame.start + l3Offset(depth);
  const len = frame.len - l3Offset(depth);
  const etherType = innerEtherType(frame.start, depth);
  if (etherType == ETH_P_IP && ipv4Check(packet, len)) return intoIpv4(packet, outer);
  if (etherType == ETH_P_IPV6 && ipv6Check(packet, len)) return intoIpv6(packet, outer);
  return Drop.none;
}

function intoIpv4(packet: usize, outer: u32): Drop {
  const tos = ipv4Tos(packet);
  if (isLost(tos & ECN, outer)) return Drop.ce_not_ect;
  const ecn = combined(tos & ECN, outer);
  if (ecn != (tos & ECN)) ipv4ChangeTos(packet, (tos & ~ECN) | ecn);
  return Drop.none;
}

function intoIpv6(packet: usize, outer: u32): Drop {
  const trafficClass = ipv6TrafficClass(packet);
  if (isLost(trafficClass & ECN, outer)) return Drop.ce_not_ect;
  ipv6SetTrafficClass(packet, (trafficClass & ~ECN) | combined(trafficClass & ECN, outer));
  return Drop.none;
}

@inline
function isLost(inner: u32, outer: u32): bool {
  return outer == CE && inner == NOT_ECT;
}

@inline
function combined(inner: u32, outer: u32): u32 {
  if (outer == CE) return CE;
  return outer == ECT_1 && inner == ECT_0 ? ECT_1 : inner;
}
