// The GRO list: frames of one flow that go to a VNIC one behind the other become a super-frame, which its kernel takes
// in one piece. What may be joined says offload/gro.ts.
//
//  1. flowOf      which flow, and may a super-frame have the frame in it at all?
//  2. findRun     the flow's run; the frame joins it, or closes it
//  3. openRun     a frame that joined none may begin one
//
// Order: a run leaves at the place of its head. So nothing of a flow may stand between the frames of its run: what
// belongs to the flow and does not join closes its run, and what cannot be told closes those of its VNIC.

import { OUT_ENDPOINT, OUT_FRAME, OUT_FRAMES, OUT_LEN, OUT_VNET, OUT_VNIC, W_GRO_SEGMENT } from '../../layout';
import { outAt } from '../../datapath/output';
import { w } from '../../datapath/worker';
import { FlowOf, flowOf, Segment } from '../../offload/flow-of';
import { continues, mayBegin, mayJoin, verifyHead, verifyNext } from '../../offload/gro';
import { vnetIsClear } from '../../wire/virtio';
import { closeRun, closeRuns, closeRunsOf, findRun, forgetRuns, growRun, openRun, Run } from './gro-flows';

/** Forgets all open runs: before a list is coalesced. */
export function coalesceBegin(): void {
  forgetRuns();
}

/** Closes every open run: after the last entry of a list. */
export function coalesceEnd(): void {
  closeRuns();
}

/**
 * Looks at entry `index` of the output list; entries come in the order of the list. One that goes to a VNIC joins an
 * earlier one's run, begins a run, or stays alone. `kinds`: KIND_TCP, KIND_UDP, what its VNIC takes super-frames of.
 */
export function coalesce(index: u32, kinds: u32): void {
  const out = outAt(index);
  if (load<u32>(out, OUT_ENDPOINT) != 0) return;
  const vnic = load<u32>(out, OUT_VNIC);
  const segment = changetype<Segment>(w() + W_GRO_SEGMENT);
  const flow = flowOf(segment, load<u32>(out, OUT_FRAME), load<u32>(out, OUT_LEN), vnic);
  if (flow == FlowOf.None) return;
  if (flow == FlowOf.Unknown) return closeRunsOf(vnic);
  const run = findRun(segment.key);
  const fits = mayJoin(segment, kinds) && isComplete(out);
  if (changetype<usize>(run) != 0) {
    if (fits && joins(run, segment)) return growRun(run, index, segment);
    closeRun(run);
  }
  if (fits && mayBegin(segment, kinds)) openRun(index, segment, vnic);
}

// One frame, with nothing left to its receiver.
@inline
function isComplete(out: usize): bool {
  return load<u32>(out, OUT_FRAMES) == 1 && vnetIsClear(out + OUT_VNET);
}

// The sums, which cost most, come last.
@inline
function joins(run: Run, segment: Segment): bool {
  const frame = segment.frame;
  const payload = segment.payload;
  return continues(run, frame, payload) && verifyHead(run) && verifyNext(run, frame, payload);
}
