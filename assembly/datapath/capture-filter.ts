// Which captures want a frame (the records at HDR_CAPTURE_FILTERS): what can be said of it before its way is known.

import {
  CAPTURE_FILTERS,
  CF_ADDRESS,
  CF_MAC,
  CF_OVERLAY,
  CF_OVERLAY_INCARNATION,
  CF_REASONS,
  CF_SIZE,
  CF_SNAPLEN,
  Drop,
  HDR_CAPTURE_FILTERS,
  OVL_INCARNATION,
} from '../layout';
import { overlayAt } from '../table/records';
import { arpCheck, arpSpa, arpTpa } from '../wire/arp';
import { load64be } from '../wire/bytes';
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, ethCheck, ethDst, ethSrc } from '../wire/ethernet';
import {
  icmpv6Type,
  NEIGHBOUR_ADVERTISEMENT,
  NEIGHBOUR_SOLICITATION,
  ndCheck,
  ndTargetHigh,
  ndTargetLow,
} from '../wire/icmpv6';
import { ipv4Check, ipv4Dst, ipv4Src } from '../wire/ipv4';
import {
  IPPROTO_ICMPV6,
  IPV6_HLEN,
  ipv6Check,
  ipv6DstHigh,
  ipv6DstLow,
  ipv6NextHeader,
  ipv6SrcHigh,
  ipv6SrcLow,
} from '../wire/ipv6';
import { innerEtherType, l3Offset, VLAN_TOWER, vlanDepth } from '../wire/vlan';

const MAPPED: u64 = 0xffff_0000_0000; // ::ffff:0:0/96

@inline
export function filterAt(capture: u32): usize {
  return <usize>HDR_CAPTURE_FILTERS + <usize>capture * CF_SIZE;
}

/** Those of `on` that want a frame of `len` bytes of an overlay (0: of none), if they want it whatever its way is. */
export function wantedBy(on: u32, start: usize, len: u32, overlay: u32): u32 {
  let wanted: u32 = 0;
  for (let capture: u32 = 0; capture < <u32>CAPTURE_FILTERS; capture++) {
    const isWanted = ((on >> capture) & 1) != 0 && wants(filterAt(capture), start, len, overlay);
    wanted |= <u32>isWanted << capture;
  }
  return wanted;
}

function wants(filter: usize, start: usize, len: u32, overlay: u32): bool {
  const its = load<u32>(filter, CF_OVERLAY);
  if (its != 0 && (its != overlay || !isSameOverlay(filter, its))) return false;
  const mac = load<u64>(filter, CF_MAC);
  if (mac != 0 && !(ethCheck(len) && (ethSrc(start) == mac || ethDst(start) == mac))) return false;
  const high = load64be(filter, CF_ADDRESS);
  const low = load64be(filter, CF_ADDRESS + 8);
  return (high == 0 && low == 0) || hasAddress(start, len, high, low);
}

@inline
function isSameOverlay(filter: usize, overlay: u32): bool {
  return load<u32>(filter, CF_OVERLAY_INCARNATION) == load<u32>(overlayAt(overlay), OVL_INCARNATION);
}

/** Whether a capture wants what was dropped for `reason`, or was not. */
@inline
export function wantsFate(capture: u32, reason: Drop): bool {
  const reasons = load<u64>(filterAt(capture), CF_REASONS);
  return reasons == 0 || ((reasons >> reason) & 1) != 0;
}

/** Bytes of a frame that one of these captures wants at most. */
export function snapLength(wanted: u32): u32 {
  let most: u32 = 0;
  for (let capture: u32 = 0; capture < <u32>CAPTURE_FILTERS; capture++) {
    if ((wanted >> capture) & 1) most = max(most, load<u32>(filterAt(capture), CF_SNAPLEN));
  }
  return most;
}

/** Whether the packet inside, an ARP message, or a neighbour solicitation or its answer, is about an address. */
function hasAddress(start: usize, len: u32, high: u64, low: u64): bool {
  const depth = vlanDepth(start, len);
  if (!ethCheck(len) || depth < 0 || depth == VLAN_TOWER) return false;
  const packet = start + l3Offset(depth);
  const room = len - l3Offset(depth);
  const etherType = innerEtherType(start, depth);
  if (etherType == ETH_P_IPV6) return ipv6Check(packet, room) && hasIpv6(packet, room, high, low);
  if (high != 0 || low >> 32 != MAPPED >> 32) return false;
  const address = <u32>low;
  if (etherType == ETH_P_IP) {
    return ipv4Check(packet, room) && (ipv4Src(packet) == address || ipv4Dst(packet) == address);
  }
  if (etherType != ETH_P_ARP || !arpCheck(packet, room)) return false;
  return arpSpa(packet) == address || arpTpa(packet) == address;
}

function hasIpv6(packet: usize, room: u32, high: u64, low: u64): bool {
  if (ipv6SrcHigh(packet) == high && ipv6SrcLow(packet) == low) return true;
  if (ipv6DstHigh(packet) == high && ipv6DstLow(packet) == low) return true;
  const message = packet + IPV6_HLEN;
  if (ipv6NextHeader(packet) != IPPROTO_ICMPV6 || !ndCheck(message, room - IPV6_HLEN)) return false;
  const type = icmpv6Type(message);
  if (type != NEIGHBOUR_SOLICITATION && type != NEIGHBOUR_ADVERTISEMENT) return false;
  return ndTargetHigh(message) == high && ndTargetLow(message) == low;
}
