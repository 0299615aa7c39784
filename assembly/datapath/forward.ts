// What an FDB entry means for a unicast frame.

import { Drop, FdbKind } from '../layout';
import { fdbIndex, fdbKind } from '../table/fdb';
import { drop } from './counters';
import { outDeliver, outEncap } from './output';

// `vnic` is the sender, 0 for a frame from the underlay, which must not go back there.
@inline
export function forward(frame: usize, len: u32, overlay: u32, vnic: u32, value: u64): void {
  const kind = fdbKind(value);
  if (kind == FdbKind.remote) {
    if (vnic == 0) return drop(Drop.no_local_port, overlay, 0);
    return outEncap(frame, len, overlay, fdbIndex(value), vnic);
  }
  if (kind == FdbKind.local) {
    if (fdbIndex(value) == vnic) return drop(Drop.hairpin, overlay, vnic);
    return outDeliver(frame, len, overlay, fdbIndex(value), vnic);
  }
  drop(<Drop>fdbIndex(value), overlay, vnic);
}
