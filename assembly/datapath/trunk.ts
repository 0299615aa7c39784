// A TAP that several VNICs share: the outermost 802.1Q tag of a frame says whose it is, and with that its overlay. The
// tag goes before anybody else sees the frame, and comes back where one is written to the TAP (output/tap-writes.ts).
//
//  1. whose     by VLAN id, 0 for a frame without a tag; where nobody has it, and where the tag is another kind's
//               (802.1ad) or cut, the frame is dropped
//  2. tag       comes off: priority bits are lost, tags inside are the overlay's VLAN policy's
//  3. its way   as if the VNIC had a TAP to itself (encap-reads.ts)
//
// Each read is finished before the next is looked at: what has not been taken must be as it was read, since the uring
// engine comes again with it.

import { Drop, READ_AT, READ_LEN, VNET_SIZE, VNIC_TRUNK } from '../layout';
import { trunkAt, vnicAt } from '../table/records';
import { ethCheck, ethDst, ethIsChatter } from '../wire/ethernet';
import { vnetShift } from '../wire/virtio';
import { isVlanTagged, stripTag, VLAN_HLEN, vlanDepth, vlanId } from '../wire/vlan';
import { captureSent, captureVerdict, isCapturing } from './capture';
import { countEncapIn, drop } from './counters';
import { encapReads, frameOf } from './encap-reads';
import { countSegments, Frame } from './frame';
import { outHasRoom } from './output-list';
import { readAt } from './reads';

// Whether VNICs share the TAP with this record.
@inline
export function isTrunk(tap: u32): bool {
  return load<u32>(vnicAt(tap), VNIC_TRUNK) != 0;
}

// As encapReads, of a trunk.
export function trunkReads(tap: u32, from: u32, count: u32): u32 {
  const members = trunkAt(load<u32>(vnicAt(tap), VNIC_TRUNK));
  let index = from;
  for (; index < count && outHasRoom(); index++) {
    const read = readAt(index);
    const frame = <usize>load<u32>(read, READ_AT) + VNET_SIZE;
    const len = max(load<u32>(read, READ_LEN), VNET_SIZE) - VNET_SIZE;
    const isTagged = isVlanTagged(frame, len);
    const vlan = isTagged ? vlanId(frame) : 0;
    const vnic = load<u32>(members + ((<usize>vlan) << 2));
    if (vnic == 0 || (!isTagged && vlanDepth(frame, len) != 0)) {
      refuse(read, tap);
      continue;
    }
    if (isTagged) untag(read);
    encapReads(vnic, index, index + 1);
  }
  return index;
}

// Step 2. The virtio_net_hdr stands right before the frame, also where that has moved to.
function untag(read: usize): void {
  const at = <usize>load<u32>(read, READ_AT);
  const len = load<u32>(read, READ_LEN);
  stripTag(at + VNET_SIZE, len - VNET_SIZE);
  memory.copy(at + VLAN_HLEN, at, VNET_SIZE);
  vnetShift(at + VLAN_HLEN, VLAN_HLEN);
  store<u32>(read, <u32>at + VLAN_HLEN, READ_AT);
  store<u32>(read, len - VLAN_HLEN, READ_LEN);
}

// It is nobody's.
function refuse(read: usize, tap: u32): void {
  const frame = frameOf(load<u32>(read, READ_AT), load<u32>(read, READ_LEN));
  countSegments(frame);
  const captures = isCapturing();
  if (captures) captureSent(frame, 0, tap);
  drop(frame, reasonOf(frame), 0, tap);
  if (captures) captureVerdict(frame);
  countEncapIn(1, frame.frames, frame.bytes, tap);
}

// What the interface's own kernel sends unasked has no tag, and nobody misses it.
function reasonOf(frame: Frame): Drop {
  if (!ethCheck(frame.len)) return Drop.truncated;
  return frame.depth == 0 && ethIsChatter(ethDst(frame.start)) ? Drop.host_chatter : Drop.vlan_unknown;
}
