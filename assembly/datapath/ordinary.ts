// What nearly every frame is like, looked at in one go: such a frame passes the steps of encap.ts and decap.ts that
// look for something else, which are the rules, without being looked at again.

import {
  FRAME_MAX,
  FdbKind,
  MARK_TOS,
  OVL_FLAGS,
  OVL_FLAG_LIVE,
  OVL_MARK_COPIED,
  VNET_SIZE,
  VNIC_FLAGS,
  VNIC_FLAG_GUARDED,
  VNIC_FLAG_LIVE,
} from '../layout';
import { fdbKind } from '../table/fdb';
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, ethFrom, ethIs, ethSourceAndType, ethSrc, MULTICAST } from '../wire/ethernet';
import { IPV4_HLEN, ipv4Tos } from '../wire/ipv4';
import { ipv6Check, ipv6TrafficClass } from '../wire/ipv6';
import { vnetMarks } from '../wire/virtio';
import { vlanHas } from '../wire/vlan';

const LIVE: u32 = OVL_FLAG_LIVE & VNIC_FLAG_LIVE; // the same bit
const SHORTEST: u32 = VNET_SIZE + ETH_HLEN + IPV4_HLEN;
const LONGEST: u32 = VNET_SIZE + FRAME_MAX;

/**
 * Whether frames of a VNIC may be ordinary: it and its overlay are there, nobody looks closer, and of what they say no
 * more is copied into outer headers than TOS or traffic class. `record` is the overlay's.
 */
@inline
export function mayBeOrdinary(sender: usize, record: usize, captures: bool): bool {
  const flags = load<u32>(sender, VNIC_FLAGS);
  const isLive = (flags & load<u32>(record, OVL_FLAGS) & LIVE) != 0;
  return isLive && !captures && !(flags & VNIC_FLAG_GUARDED) && !(load<u32>(record, OVL_MARK_COPIED) & ~MARK_TOS);
}

/**
 * Whether what a TAP's read answered is complete, neither too short nor too long, without a tag, from the MAC `own` to
 * a single one, which lives behind an endpoint (`value` is what the FDB says of it), and says nothing that its outer
 * header has to copy (`copied`: which bits of a packet's TOS or traffic class).
 */
@inline
export function isOrdinaryRead(at: usize, len: u32, value: u32, own: u64, copied: u32): bool {
  const frame = at + VNET_SIZE;
  const unusual = vnetMarks(at) | (load<u8>(frame) & <u32>MULTICAST) | (fdbKind(value) ^ FdbKind.remote);
  const isUsual = (unusual == 0) & (len - SHORTEST <= LONGEST - SHORTEST);
  if (ethSourceAndType(frame) != ethFrom(own, ETH_P_IP)) return isUsual && isOrdinaryOther(frame, len, own, copied);
  return isUsual & ((ipv4Tos(frame + ETH_HLEN) & copied) == 0);
}

// The same of one that is not IPv4.
function isOrdinaryOther(frame: usize, len: u32, own: u64, copied: u32): bool {
  if (ethSrc(frame) != own || vlanHas(frame)) return false;
  if (!ethIs(frame, ETH_P_IPV6)) return true;
  const packet = frame + ETH_HLEN;
  return ipv6Check(packet, len - VNET_SIZE - ETH_HLEN) && (ipv6TrafficClass(packet) & copied) == 0;
}

/** Whether a frame from the underlay is from a single MAC, which is `source`, and has no tag. */
@inline
export function isOrdinarySender(frame: usize, source: u64): bool {
  return (source != 0) & ((source & MULTICAST) == 0) & (ethIs(frame, ETH_P_IP) || !vlanHas(frame));
}
