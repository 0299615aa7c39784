// What an FDB entry means for a unicast frame.

import { Drop, FDB_FLAG_LEARNED, FdbKind, OVL_ANY_MAC_VNIC } from '../layout';
import { fdbFlags, fdbIndex, fdbKind } from '../table/fdb';
import { overlayAt } from '../table/records';
import { drop } from './counters';
import { Frame } from './frame';
import { outDeliver, outDeliverAlone, outEncap } from './output';

// `vnic` is the sender, 0 for a frame from the underlay, which must not go back there.
@inline
export function forward(frame: Frame, overlay: u32, vnic: u32, value: u32): void {
  const kind = fdbKind(value);
  if (kind == FdbKind.remote) {
    if (vnic == 0) return toBridge(frame, overlay, value);
    return outEncap(frame, overlay, fdbIndex(value), vnic);
  }
  if (kind == FdbKind.local) {
    if (fdbIndex(value) == vnic) return drop(frame, Drop.hairpin, overlay, vnic);
    return outDeliverAlone(frame, overlay, fdbIndex(value), vnic);
  }
  drop(frame, <Drop>fdbIndex(value), overlay, vnic);
}

// A frame from the underlay for a MAC that is known elsewhere. What was only learned may be out of date, and the MAC
// behind a VNIC that carries any by now: that VNIC gets the frame. What we were told is not doubted.
function toBridge(frame: Frame, overlay: u32, value: u32): void {
  const anyMac = load<u32>(overlayAt(overlay), OVL_ANY_MAC_VNIC);
  if (anyMac == 0 || !(fdbFlags(value) & FDB_FLAG_LEARNED)) return drop(frame, Drop.no_local_port, overlay, 0);
  outDeliver(frame, overlay, anyMac, 0);
}
