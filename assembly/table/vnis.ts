// VNI -> overlay index. One 64-bit word a slot (VNI + 1 in the low half, the overlay in the high half), so a reader
// always sees a whole one. The table is at most half full. Written by the host, read by every worker.

import { OVL_HEADER, VNI_BASE, VNI_MASK, VNI_SLOTS, VNI_SLOT_SIZE } from '../layout';
import { vxlanStamp } from '../wire/vxlan';
import { hash64 } from './hash';
import { overlayAt } from './records';

const GONE: u64 = u64.MAX_VALUE; // no VNI + 1 has all bits set

@inline
function slotOf(index: u32): usize {
  return <usize>VNI_BASE + <usize>index * VNI_SLOT_SIZE;
}

// The overlay of a VNI, 0 when there is none.
export function overlayOfVni(vni: u32): u32 {
  let index = <u32>hash64(vni) & VNI_MASK;
  for (let probes = 0; probes < VNI_SLOTS; probes++) {
    const word = atomic.load<u64>(slotOf(index));
    if (word == 0) return 0;
    if (<u32>word == vni + 1) return <u32>(word >> 32);
    index = (index + 1) & VNI_MASK;
  }
  return 0;
}

// Puts a VNI that is not there yet, and its header into the overlay's record: datagrams only copy it.
export function vniPut(vni: u32, overlay: u32): void {
  vxlanStamp(overlayAt(overlay) + OVL_HEADER, vni);
  let index = <u32>hash64(vni) & VNI_MASK;
  while (true) {
    const word = load<u64>(slotOf(index));
    if (word == 0 || word == GONE) break;
    index = (index + 1) & VNI_MASK;
  }
  atomic.store<u64>(slotOf(index), ((<u64>overlay) << 32) | (vni + 1));
}

export function vniRemove(vni: u32): void {
  let index = <u32>hash64(vni) & VNI_MASK;
  for (let probes = 0; probes < VNI_SLOTS; probes++) {
    const word = load<u64>(slotOf(index));
    if (word == 0) return;
    if (<u32>word == vni + 1) {
      atomic.store<u64>(slotOf(index), GONE);
      sweep(index);
      return;
    }
    index = (index + 1) & VNI_MASK;
  }
}

// Removed slots before an empty one guard nothing.
function sweep(last: u32): void {
  if (load<u64>(slotOf((last + 1) & VNI_MASK)) != 0) return;
  for (let index = last; load<u64>(slotOf(index)) == GONE; index = (index - 1) & VNI_MASK) {
    atomic.store<u64>(slotOf(index), 0);
  }
}
