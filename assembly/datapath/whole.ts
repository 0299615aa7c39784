// A frame from the underlay that is longer than its overlay's MTU allows: a kernel on the same machine hands over
// super-frames as they are inside it (offload/partial.ts).

import { FRAME_MAX, OVL_FLAGS, OVL_FLAG_ACCEPT_PARTIAL, OVL_FRAME_MAX, VXLAN_HLEN } from '../layout';
import { describeSuperFrame } from '../offload/partial';
import { overlayAt } from '../table/records';
import { ETH_HLEN } from '../wire/ethernet';
import { VLAN_HLEN } from '../wire/vlan';
import { countDecapMore } from './counters';
import { Frame, isSuperFrame, segmentation } from './frame';
import { groVnet } from './gro-message';

// Step 4, of a frame that is longer than the MTU allows without tags. False: it is longer than any.
export function fits(frame: Frame, overlay: u32): bool {
  const record = overlayAt(overlay);
  const len = frame.len;
  const most = load<u32>(record, OVL_FRAME_MAX) + <u32>max(frame.depth, 0) * VLAN_HLEN;
  if (len <= most || isSuperFrame(frame)) return true;
  return (load<u32>(record, OVL_FLAGS) & OVL_FLAG_ACCEPT_PARTIAL && takeWhole(frame, overlay)) || len <= <u32>FRAME_MAX;
}

// A frame longer than the MTU allows: if it is a super-frame that came in one datagram, it is taken as that, and counts
// as the frames it stands for.
function takeWhole(frame: Frame, overlay: u32): bool {
  const gso = segmentation();
  const mtu = load<u32>(overlayAt(overlay), OVL_FRAME_MAX) - ETH_HLEN;
  if (!describeSuperFrame(gso, frame.start, frame.len, mtu, 0, groVnet())) return false;
  const size = gso.headers + gso.bytes;
  const more = gso.count - 1;
  const bytes = size + more * gso.headers;
  countDecapMore(more, bytes - frame.len + more * VXLAN_HLEN);
  frame.len = size;
  frame.vnet = groVnet();
  frame.frames = gso.count;
  frame.bytes = bytes;
  return true;
}
