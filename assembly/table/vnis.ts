// Socket and VNI -> overlay index: overlays on different sockets may have the same VNI. One 64-bit word a slot (key + 1
// in the low half, the overlay in the high half), so a reader always sees a whole one. The table is at most half full.
// Written by the host, read by every worker.

import {
  OVL_HEADER, OVL_POLICY, OVL_SOCKET, OVL_VNI, SOCK_ENCAPSULATION, VNI_BASE, VNI_MASK, VNI_SLOTS, VNI_SLOT_SIZE,
  VNI_SOCKET_SHIFT,
} from '../layout';
import { tunnelStamp } from '../wire/tunnel';
import { hash64 } from './hash';
import { overlayAt, socketAt } from './records';

const GONE: u64 = u64.MAX_VALUE; // no key + 1 has all bits set

@inline
function keyOf(socket: u32, vni: u32): u32 {
  return (socket << VNI_SOCKET_SHIFT) | vni;
}

function keyOfOverlay(overlay: u32): u32 {
  const record = overlayAt(overlay);
  return keyOf(load<u32>(record, OVL_SOCKET), load<u32>(record, OVL_VNI));
}

@inline
function slotOf(index: u32): usize {
  return <usize>VNI_BASE + <usize>index * VNI_SLOT_SIZE;
}

// The overlay that has the VNI on the socket, 0 when there is none.
export function overlayOfVni(socket: u32, vni: u32): u32 {
  const key = keyOf(socket, vni);
  let index = <u32>hash64(key) & VNI_MASK;
  for (let probes = 0; probes < VNI_SLOTS; probes++) {
    const word = atomic.load<u64>(slotOf(index));
    if (word == 0) return 0;
    if (<u32>word == key + 1) return <u32>(word >> 32);
    index = (index + 1) & VNI_MASK;
  }
  return 0;
}

// Writes an overlay's header into its record, from what that and its socket's say: datagrams only copy it.
export function overlayStamp(overlay: u32): void {
  const record = overlayAt(overlay);
  const kind = load<u32>(socketAt(load<u32>(record, OVL_SOCKET)), SOCK_ENCAPSULATION);
  tunnelStamp(record + OVL_HEADER, kind, load<u32>(record, OVL_VNI), load<u32>(record, OVL_POLICY));
}

// Puts an overlay whose record is written, and that is not there yet.
export function vniPut(overlay: u32): void {
  overlayStamp(overlay);
  const key = keyOfOverlay(overlay);
  let index = <u32>hash64(key) & VNI_MASK;
  while (true) {
    const word = load<u64>(slotOf(index));
    if (word == 0 || word == GONE) break;
    index = (index + 1) & VNI_MASK;
  }
  atomic.store<u64>(slotOf(index), ((<u64>overlay) << 32) | (key + 1));
}

// Removes an overlay whose record is still what it was.
export function vniRemove(overlay: u32): void {
  const key = keyOfOverlay(overlay);
  let index = <u32>hash64(key) & VNI_MASK;
  for (let probes = 0; probes < VNI_SLOTS; probes++) {
    const word = load<u64>(slotOf(index));
    if (word == 0) return;
    if (<u32>word == key + 1) {
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
