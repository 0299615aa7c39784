// Runs: the super-frames that grow while the output list is looked through, one per flow. A run is a head, whose
// headers become those of the super-frame, and the payloads of the frames after it. It stands in one of the RUN_WAYS
// places that the hash of its flow's key names: where all are taken, the run is closed that has waited longest for a
// frame. Keys stand by themselves, as those of a set are compared at once; and a bit of each run says whether it is
// open.
// borrowed: a run holds addresses of listed frames, so it is closed or forgotten before the list is sent.

import {
  OUT_FRAME,
  OUT_JOINED,
  OUT_LEN,
  OUT_NEXT,
  OUT_PAYLOAD,
  OUT_PAYLOAD_LEN,
  OUT_VNET,
  RUN_SIZE,
  RUN_WAYS,
  RUNS_MAX,
  W_RUN_KEYS,
  W_RUNS,
} from '../../layout';
import { segmentation } from '../../datapath/frame';
import { w } from '../../datapath/worker';
import { Segment } from '../../offload/flow-of';
import { append, begin, SuperFrame } from '../../offload/gro';
import { writeHeaders } from '../../offload/gro-headers';
import { isPartialSegment, markPartial } from '../../offload/partial';
import { vnetIsClear } from '../../wire/virtio';

const WAYS: u32 = RUN_WAYS;
const SETS: u32 = RUNS_MAX / WAYS;
const SET_SHIFT: u64 = 64 - 4; // of 16 sets
const SET_SIZE: usize = WAYS * 8; // bytes of its keys
const ALL: u32 = (1 << WAYS) - 1;
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15; // 2^64 over the golden ratio: neighbours are far apart

/** A record of RUN_SIZE bytes. */
@unmanaged
export class Run extends SuperFrame {
  vnic: u32;
  /** Where the head's entry of the output list is. */
  first: usize;
  /** That of the frame that joined last. */
  last: usize;
}

let open: u64 = 0; // a bit for each run

@inline
function runAt(index: u32): Run {
  if (offsetof<Run>() > <usize>RUN_SIZE) ERROR('a run is longer than RUN_SIZE');
  return changetype<Run>(w() + W_RUNS + <usize>index * RUN_SIZE);
}

@inline
function indexOf(run: Run): u32 {
  return <u32>(changetype<usize>(run) - (w() + W_RUNS)) / RUN_SIZE;
}

// Of a key: the first of the runs that it may be of.
@inline
function setOf(key: u64): u32 {
  if (SETS != 16) ERROR('SET_SHIFT is that of 16 sets');
  return <u32>((key * MULTIPLIER) >> SET_SHIFT) * WAYS;
}

// A bit for each open run of a set.
@inline
function openOf(set: u32): u32 {
  return <u32>(open >> set) & ALL;
}

// The same of those that have the key, open or not.
@inline
function waysOf(set: u32, key: u64): u32 {
  const keys = w() + W_RUN_KEYS + (<usize>(set / WAYS)) * SET_SIZE;
  const wanted = i64x2.splat(key);
  const low = i64x2.bitmask(i64x2.eq(v128.load(keys), wanted));
  return <u32>(low | (i64x2.bitmask(i64x2.eq(v128.load(keys, 16), wanted)) << 2));
}

/** Forgets all runs; nothing is written anywhere. */
@inline
export function forgetRuns(): void {
  open = 0;
}

/** The open run of a flow; the address 0: none. */
@inline
export function findRun(key: u64): Run {
  if (open == 0) return changetype<Run>(0);
  const set = setOf(key);
  const ways = waysOf(set, key) & openOf(set);
  return ways == 0 ? changetype<Run>(0) : runAt(set + <u32>ctz<u32>(ways));
}

// Where a run of the set may be opened: if all are open, the one that has waited longest for a frame is closed.
function makeRoom(set: u32): u32 {
  const free = openOf(set) ^ ALL;
  if (free != 0) return set + <u32>ctz<u32>(free);
  let oldest = set;
  for (let index = set + 1; index < set + WAYS; index++) {
    if (runAt(index).last < runAt(oldest).last) oldest = index;
  }
  closeRun(runAt(oldest));
  return oldest;
}

/** Opens a run of one entry of the list. */
export function openRun(out: usize, segment: Segment, vnic: u32): void {
  const index = makeRoom(setOf(segment.key));
  open |= (<u64>1) << index;
  store<u64>(w() + W_RUN_KEYS + ((<usize>index) << 3), segment.key);
  const run = runAt(index);
  copySegment(changetype<usize>(run), changetype<usize>(segment));
  begin(run);
  run.vnic = vnic;
  run.first = out;
  run.last = out;
}

@inline
function copySegment(to: usize, from: usize): void {
  if (offsetof<Segment>() != 24) ERROR('a segment has another size than what is copied');
  v128.store(to, v128.load(from));
  store<u64>(to, load<u64>(from, 16), 16);
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
  for (let left = open; left != 0; left &= left - 1) {
    const run = runAt(<u32>ctz<u64>(left));
    if (run.vnic == vnic) closeRun(run);
  }
}

/** Closes every run. */
export function closeRuns(): void {
  for (let left = open; left != 0; left &= left - 1) closeRun(runAt(<u32>ctz<u64>(left)));
}

/** Closes a run; what is more than one frame becomes a super-frame, and what is one stays alone. */
export function closeRun(run: Run): void {
  open &= ~((<u64>1) << indexOf(run));
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
