// Runs: the super-frames that grow while the output list is looked through, one per flow, at most RUNS_MAX side by
// side. A run is a head, whose headers become those of the super-frame, and the payloads of the frames after it.
// borrowed: a run holds addresses of listed frames, so it is closed or forgotten before the list is sent.

import {
  OUT_FRAME,
  OUT_JOINED,
  OUT_LEN,
  OUT_NEXT,
  OUT_PAYLOAD,
  OUT_PAYLOAD_LEN,
  OUT_VNET,
  RUNS_MAX,
  RUN_SIZE,
  W_RUNS,
} from '../../layout';
import { segmentation } from '../../datapath/frame';
import { w } from '../../datapath/worker';
import { Segment } from '../../offload/flow-of';
import { append, begin, SuperFrame } from '../../offload/gro';
import { writeHeaders } from '../../offload/gro-headers';
import { isPartialSegment, markPartial } from '../../offload/partial';
import { vnetIsClear } from '../../wire/virtio';

/** A record of RUN_SIZE bytes; a key of 0: it is free. */
@unmanaged
export class Run extends SuperFrame {
  vnic: u32;
  /** Where the head's entry of the output list is. */
  first: usize;
  /** That of the frame that joined last. */
  last: usize;
}

@inline
function runAt(index: u32): Run {
  if (offsetof<Run>() > <usize>RUN_SIZE) ERROR('a run is longer than RUN_SIZE');
  return changetype<Run>(w() + W_RUNS + <usize>index * RUN_SIZE);
}

@inline
function isOpen(run: Run): bool {
  return run.key != 0;
}

// No run is open: most lists have none. Not known of what an instance before this one has left.
let isIdle: bool = false;

/** Forgets all runs; nothing is written anywhere. */
export function forgetRuns(): void {
  if (isIdle) return;
  isIdle = true;
  for (let index: u32 = 0; index < <u32>RUNS_MAX; index++) runAt(index).key = 0;
}

/** The open run of a flow; the address 0: none. */
@inline
export function findRun(key: u64): Run {
  if (isIdle) return changetype<Run>(0);
  const end = changetype<usize>(runAt(RUNS_MAX));
  for (let at = changetype<usize>(runAt(0)); at < end; at += RUN_SIZE) {
    if (changetype<Run>(at).key == key) return changetype<Run>(at);
  }
  return changetype<Run>(0);
}

// A free record; when there is none, the run that has waited longest for a frame is closed.
function makeRoom(): Run {
  let oldest = runAt(0);
  for (let index: u32 = 0; index < <u32>RUNS_MAX; index++) {
    const run = runAt(index);
    if (!isOpen(run)) return run;
    if (run.last < oldest.last) oldest = run;
  }
  closeRun(oldest);
  return oldest;
}

/** Opens a run of one entry of the list. False: there can be none. */
export function openRun(out: usize, segment: Segment, vnic: u32): bool {
  if (segment.key == 0) return false; // one flow in 2^64 looks like a free record
  const run = makeRoom();
  isIdle = false;
  const from = changetype<usize>(segment);
  const to = changetype<usize>(run);
  for (let at: usize = 0; at < offsetof<Segment>(); at += 8) store<u64>(to + at, load<u64>(from + at));
  begin(run);
  run.vnic = vnic;
  run.first = out;
  run.last = out;
  return true;
}

/** An entry, which continues the run, becomes its last frame. */
@inline
export function growRun(run: Run, out: usize, segment: Segment): void {
  store<u32>(run.last, <u32>out, OUT_NEXT);
  store<u32>(out, 1, OUT_JOINED);
  store<u32>(out, load<u32>(out, OUT_FRAME) + run.headers, OUT_PAYLOAD);
  store<u32>(out, segment.payload, OUT_PAYLOAD_LEN);
  run.last = out;
  if (append(run, segment.frame, segment.payload)) closeRun(run);
}

/** Closes the runs of one VNIC. */
export function closeRunsOf(vnic: u32): void {
  for (let index: u32 = 0; index < <u32>RUNS_MAX; index++) {
    const run = runAt(index);
    if (isOpen(run) && run.vnic == vnic) closeRun(run);
  }
}

/** Closes every run. */
export function closeRuns(): void {
  if (isIdle) return;
  for (let index: u32 = 0; index < <u32>RUNS_MAX; index++) {
    if (isOpen(runAt(index))) closeRun(runAt(index));
  }
  isIdle = true;
}

/** Closes a run; what is more than one frame becomes a super-frame, and what is one stays alone. */
export function closeRun(run: Run): void {
  run.key = 0;
  const out = run.first;
  if (run.frames == 1) {
    if (run.mayBePartial) markSegment(out, run);
    return;
  }
  store<u32>(out, <u32>run.frame, OUT_PAYLOAD);
  store<u32>(out, <u32>run.headers + run.payload, OUT_PAYLOAD_LEN);
  writeHeaders(run, out + OUT_VNET);
}

/** An entry that stays alone and may have a partial checksum: if it has, its VNIC is told so. */
@inline
export function markSegment(out: usize, segment: Segment): void {
  if (isPartialSegment(segment)) markEntry(out);
}

/** The same of one of which no more is known. */
export function markEntry(out: usize): void {
  if (!vnetIsClear(out + OUT_VNET)) return;
  const len = markPartial(segmentation(), load<u32>(out, OUT_FRAME), load<u32>(out, OUT_LEN), out + OUT_VNET);
  if (len != 0) store<u32>(out, len, OUT_LEN);
}
