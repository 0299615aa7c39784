// The GRO list: frames of one flow that go to a VNIC one behind the other become a super-frame, which its kernel takes
// in one piece. What may be joined says offload/gro.ts.
//
//  1. flowOf      which flow, and may a super-frame have the frame in it at all?
//  2. findRun     the flow's run; the frame joins it, or closes it
//  3. openRun     a frame that joined none may begin one
//  4. mark…       one that stays alone may have a partial checksum (offload/partial.ts)
//
// Order: a run leaves at the place of its head. So nothing of a flow may stand between the frames of its run: what
// belongs to the flow and does not join closes its run, and what cannot be told closes those of its VNIC.

import {
  OUT_FRAME,
  OUT_LEN,
  OUT_SENDER,
  OUT_VNET,
  OUT_VNIC,
  W_GRO_SEGMENT,
} from '../../layout';
import { w } from '../../datapath/worker';
import { ACCEPT_PARTIAL, FlowOf, flowOf, Segment } from '../../offload/flow-of';
import { continues, isPartialNext, mayBegin, mayJoin, verifyHead, verifyNext } from '../../offload/gro';
import { VNET_GSO_NONE, vnetFlags, vnetGsoType } from '../../wire/virtio';
import {
  closeRun,
  closeRuns,
  closeRunsOf,
  findRun,
  forgetRuns,
  growRun,
  markEntry,
  markSegment,
  openRun,
  Run,
} from './gro-flows';
import { planCut } from './tap-writes';

/** Forgets all open runs: before a list is coalesced. */
export function coalesceBegin(): void {
  forgetRuns();
}

/** Closes every open run: after the last entry of a list. */
export function coalesceEnd(): void {
  closeRuns();
}

/**
 * Looks at an entry of the output list that goes to a VNIC; entries come in the list's order. It joins an earlier one's
 * run, begins a run, or stays alone. `kinds`: KIND_TCP, KIND_UDP, what its VNIC takes super-frames of; ACCEPT_PARTIAL.
 * A frame with a partial checksum that stays alone is marked as one.
 */
@inline
export function coalesce(out: usize, kinds: u32): void {
  const vnic = load<u32>(out, OUT_VNIC);
  const segment = changetype<Segment>(w() + W_GRO_SEGMENT);
  const flow = flowOf(segment, load<u32>(out, OUT_FRAME), load<u32>(out, OUT_LEN), vnic);
  if (flow == FlowOf.None) return;
  const isSuper = vnetGsoType(out + OUT_VNET) != VNET_GSO_NONE;
  if (isSuper) planCut(out, kinds);
  if (flow == FlowOf.Unknown) {
    closeRunsOf(vnic);
    if (!isSuper && mayBePartial(out, kinds)) markEntry(out);
    return;
  }
  const run = findRun(segment.key);
  const fits = !isSuper && mayJoin(segment, kinds);
  if (changetype<usize>(run) != 0) {
    if (fits && joins(run, segment, out, kinds)) return growRun(run, out, segment);
    closeRun(run);
  }
  segment.mayBePartial = !isSuper && mayBePartial(out, kinds);
  if (fits && mayBegin(segment, kinds)) return openRun(out, segment, vnic);
  if (segment.mayBePartial) markSegment(out, segment);
}

// Whether the checksum may be a partial one: this is said of the frame, or may be so of what the underlay brings.
@inline
function mayBePartial(out: usize, kinds: u32): bool {
  return vnetFlags(out + OUT_VNET) != 0 || ((kinds & ACCEPT_PARTIAL) != 0 && load<u32>(out, OUT_SENDER) == 0);
}

// The sums, which cost most, come last.
@inline
function joins(run: Run, segment: Segment, out: usize, kinds: u32): bool {
  const frame = segment.frame;
  const payload = segment.payload;
  if (!continues(run, frame, payload) || !verifyHead(run)) return false;
  if (run.isPartial && joinsPartial(run, segment, out, kinds)) return true;
  return verifyNext(run, frame, payload) || joinsPartial(run, segment, out, kinds);
}

function joinsPartial(run: Run, segment: Segment, out: usize, kinds: u32): bool {
  return mayBePartial(out, kinds) && isPartialNext(run, segment.frame, segment.payload);
}
