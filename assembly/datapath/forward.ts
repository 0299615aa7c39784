// What an FDB entry means for a unicast frame.

import { Drop, FDB_FLAG_LEARNED, FdbKind, OVL_ANY_MAC_VNIC } from '../layout';
import { fdbFlags, fdbIndex, fdbKind } from '../table/fdb';
import { overlayAt } from '../table/records';
import { drop } from './counters';
import { outDeliver, outEncap } from './output';

// `vnic` is the sender, 0 for a frame from the underlay, which must not go back there.
@inline
export function forward(frame: usize, len: u32, overlay: u32, vnic: u32, value: u32): void {
  const kind = fdbKind(value);
  if (kind == FdbKind.remote) {
    if (vnic == 0) return toBridge(frame, len, overlay, value);
    return outEncap(frame, len, overlay, fdbIndex(value), vnic);
  }
  if (kind == FdbKind.local) {
    if (fdbIndex(value) == vnic) return drop(Drop.hairpin, overlay, vnic);
    return outDeliver(frame, len, overlay, fdbIndex(value), vnic);
  }
  drop(<Drop>fdbIndex(value), overlay, vnic);
}

// A frame from the underlay for a MAC that is known elsewhere. What was only learned may be out of date, and the MAC
// behind a VNIC that carries any by now: that VNIC gets the frame. What we were told is not doubted.
function toBridge(frame: usize, len: u32, overlay: u32, value: u32): void {
  const anyMac = load<u32>(overlayAt(overlay), OVL_ANY_MAC_VNIC);
  if (anyMac == 0 || !(fdbFlags(value) & FDB_FLAG_LEARNED)) return drop(Drop.no_local_port, overlay, 0);
  outDeliver(frame, len, overlay, anyMac, 0);
}
