// What nearly every frame is like, looked at in one go: such a frame passes the steps of encap.ts and decap.ts that
// look for something else, which are the rules, without being looked at again.

import {
  FRAME_MAX,
  OVL_FLAGS,
  OVL_FLAG_LIVE,
  VNET_SIZE,
  VNIC_FLAGS,
  VNIC_FLAG_GUARDED,
  VNIC_FLAG_LIVE,
  VNIC_MAC,
} from '../layout';
import { overlayAt } from '../table/records';
import { ETH_HLEN, ethSrc, MULTICAST } from '../wire/ethernet';
import { vnetIsPlain } from '../wire/virtio';
import { vlanHas } from '../wire/vlan';

const LIVE: u32 = OVL_FLAG_LIVE & VNIC_FLAG_LIVE; // the same bit
const NOBODY: u64 = u64.MAX_VALUE; // no MAC
const SHORTEST: u32 = VNET_SIZE + ETH_HLEN;
const LONGEST: u32 = VNET_SIZE + FRAME_MAX;

/** The source of what may be ordinary: the VNIC's MAC, while it and its overlay are there and nobody looks closer. */
@inline
export function ordinarySource(sender: usize, overlay: u32, captures: bool): u64 {
  const flags = load<u32>(sender, VNIC_FLAGS);
  const isLive = (flags & load<u32>(overlayAt(overlay), OVL_FLAGS) & LIVE) != 0;
  return isLive && !captures && !(flags & VNIC_FLAG_GUARDED) ? load<u64>(sender, VNIC_MAC) : NOBODY;
}

/**
 * Whether what a TAP's read answered is complete, neither too short nor too long, from the MAC `own`, to a single one
 * (`key` is that of its destination), and without a tag.
 */
@inline
export function isOrdinaryRead(at: usize, len: u32, key: u64, own: u64): bool {
  const frame = at + VNET_SIZE;
  const isUsual = ((ethSrc(frame) ^ own) | (key & MULTICAST)) == 0;
  return isUsual & (len - SHORTEST <= LONGEST - SHORTEST) & vnetIsPlain(at) & !vlanHas(frame);
}

/**
 * Whether a frame from the underlay is neither too short nor longer than `longest`, which is ETH_HLEN at least, from a
 * single MAC and to one, and without a tag.
 */
@inline
export function isOrdinaryReceived(frame: usize, len: u32, key: u64, source: u64, longest: u32): bool {
  const isUnicast = (source != 0) & (((source | key) & MULTICAST) == 0);
  return isUnicast & (len - ETH_HLEN <= longest - ETH_HLEN) & !vlanHas(frame);
}
