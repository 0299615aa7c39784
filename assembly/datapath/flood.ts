// Flooding: a frame for which no single endpoint can be named goes to every endpoint of its overlay's flood list
// (head-end replication; an underlay multicast group is one endpoint of it, RFC 7348 section 4.2). Only what a VNIC of
// this host sent is ever flooded.
//
// A list that an overlay names does not change: the host writes another one, names that, and uses the place of the old
// one again when every worker has begun a new turn, with its output list empty.

import { Drop, OVL_FLAGS, OVL_FLAG_FLOOD_UNKNOWN, OVL_FLOOD } from '../layout';
import { floodListAt, overlayAt } from '../table/records';
import { ethDst, ethIsChatter } from '../wire/ethernet';
import { drop } from './counters';
import { Frame } from './frame';
import { outFlood } from './output';

// Whether the overlay has someone to flood to.
@inline
export function hasFloodList(overlay: u32): bool {
  return load<u32>(overlayAt(overlay), OVL_FLOOD) != 0;
}

// Whether unicast to unknown MACs is flooded.
@inline
export function floodsUnknown(overlay: u32): bool {
  return (load<u32>(overlayAt(overlay), OVL_FLAGS) & OVL_FLAG_FLOOD_UNKNOWN) != 0;
}

export function flood(frame: Frame, overlay: u32, vnic: u32): void {
  assert(vnic != 0);
  const list = atomic.load<u32>(overlayAt(overlay), OVL_FLOOD);
  if (list == 0) {
    const isChatter = ethIsChatter(ethDst(frame.start));
    return drop(frame, isChatter ? Drop.host_chatter : Drop.no_flood_list, overlay, vnic);
  }
  outFlood(frame, overlay, floodListAt(list), vnic);
}
