// Runs: the super-frames that grow while the output list is looked through, one per flow, at most RUNS_MAX side by
// side. A run is a head, whose headers become those of the super-frame, and the payloads of the frames after it.
// borrowed: a run holds addresses of listed frames, so it is closed or forgotten before the list is sent.

import {
  OUT_FRAME,
  OUT_JOINED,
  OUT_NEXT,
  OUT_PAYLOAD,
  OUT_PAYLOAD_LEN,
  OUT_VNET,
  RUNS_MAX,
  RUN_SIZE,
  W_RUNS,
} from '../../layout';
import {
  flowKey,
  frameHeaderLength,
  frameIsIpv4,
  frameKind,
  frameL3,
  frameL4,
  framePayload,
  KIND_TCP,
} from '../../offload/flow-of';
import { outAt } from '../../datapath/output';
import { superTcp, superUdp } from '../../offload/gro-headers';
import { w } from '../../datapath/worker';

// A record, RUN_SIZE bytes. The exported fields are for coalesce.ts to read, and RUN_PSEUDO and RUN_STATE to write.
const KEY: usize = 0; // u64 the flow, 0: the record is free
const VNIC: usize = KEY + 8; // u32
const HEAD: usize = VNIC + 4; // u32 index of the first frame in the output list
const TAIL: usize = HEAD + 4; // u32 of the last
const FRAMES: usize = TAIL + 4; // u32
export const RUN_FRAME: usize = FRAMES + 4; // u32 where the head's bytes are
export const RUN_SEGMENT: usize = RUN_FRAME + 4; // u32 payload bytes of each frame but the last
const BYTES: usize = RUN_SEGMENT + 4; // u32 payload bytes of all
export const RUN_L3: usize = BYTES + 4; // u16 offsets from the start of the head
export const RUN_L4: usize = RUN_L3 + 2; // u16
export const RUN_HEADERS: usize = RUN_L4 + 2; // u16 bytes of all headers
const KIND: usize = RUN_HEADERS + 2; // u8 KIND_*
const IS_IPV4: usize = KIND + 1; // u8
export const RUN_NEXT_SEQ: usize = IS_IPV4 + 1; // u32 TCP: the sequence number that comes next
const LAST_FLAGS: usize = RUN_NEXT_SEQ + 4; // u32 TCP: PSH and FIN of the last frame
export const RUN_PSEUDO: usize = LAST_FLAGS + 4; // u32 sum of addresses and protocol, set when the head was verified
export const RUN_STATE: usize = RUN_PSEUDO + 4; // u32 RUN_*
/** The head's checksums are right. */
export const RUN_VERIFIED: u32 = 1;
/** The frames all have the head's IPv4 id, which DF makes meaningless. */
export const RUN_FIXED_ID: u32 = 2;

@inline
function runAt(index: u32): usize {
  return w() + W_RUNS + <usize>index * RUN_SIZE;
}

@inline
function isOpen(run: usize): bool {
  return load<u64>(run, KEY) != 0;
}

/** Frames of a run so far. */
@inline
export function runFrames(run: usize): u32 {
  return load<u32>(run, FRAMES);
}

/** Bytes from the IP header to the end of the payload if `more` were added. */
@inline
export function runIpLength(run: usize, more: u32): u32 {
  return <u32>load<u16>(run, RUN_HEADERS) - <u32>load<u16>(run, RUN_L3) + load<u32>(run, BYTES) + more;
}

/** Forgets all runs; nothing is written anywhere. */
export function forgetRuns(): void {
  for (let index: u32 = 0; index < <u32>RUNS_MAX; index++) store<u64>(runAt(index), 0, KEY);
}

/** The open run of the flow that was told last, 0: none. */
@inline
export function findRun(): usize {
  const key = flowKey();
  const end = runAt(RUNS_MAX);
  for (let run = runAt(0); run < end; run += RUN_SIZE) {
    if (load<u64>(run, KEY) == key) return run;
  }
  return 0;
}

// A free record; when there is none, the run that has waited longest for a frame is closed.
function makeRoom(): usize {
  let oldest = runAt(0);
  for (let index: u32 = 0; index < <u32>RUNS_MAX; index++) {
    const run = runAt(index);
    if (!isOpen(run)) return run;
    if (load<u32>(run, TAIL) < load<u32>(oldest, TAIL)) oldest = run;
  }
  closeRun(oldest);
  return oldest;
}

/** Opens a run of one, of the frame that was told last: entry `index` of the list, at `frame`. */
export function openRun(index: u32, frame: usize, vnic: u32, nextSeq: u32): void {
  if (flowKey() == 0) return; // one flow in 2^64 looks like a free record
  const run = makeRoom();
  store<u64>(run, flowKey(), KEY);
  store<u32>(run, vnic, VNIC);
  store<u32>(run, index, HEAD);
  store<u32>(run, index, TAIL);
  store<u32>(run, 1, FRAMES);
  store<u32>(run, <u32>frame, RUN_FRAME);
  store<u32>(run, framePayload(), RUN_SEGMENT);
  store<u32>(run, framePayload(), BYTES);
  store<u16>(run, <u16>frameL3(), RUN_L3);
  store<u16>(run, <u16>frameL4(), RUN_L4);
  store<u16>(run, <u16>frameHeaderLength(), RUN_HEADERS);
  store<u8>(run, <u8>frameKind(), KIND);
  store<u8>(run, <u8>frameIsIpv4(), IS_IPV4);
  store<u32>(run, nextSeq, RUN_NEXT_SEQ);
  store<u32>(run, 0, LAST_FLAGS);
  store<u32>(run, 0, RUN_STATE);
}

/** Entry `index`, the frame that was told last, becomes the last of a run. `flags`: TCP_PSH, TCP_FIN of it. */
@inline
export function growRun(run: usize, index: u32, flags: u32): void {
  const out = outAt(index);
  store<u32>(outAt(load<u32>(run, TAIL)), index, OUT_NEXT);
  store<u32>(out, 1, OUT_JOINED);
  store<u32>(out, load<u32>(out, OUT_FRAME) + frameHeaderLength(), OUT_PAYLOAD);
  store<u32>(out, framePayload(), OUT_PAYLOAD_LEN);
  store<u32>(run, index, TAIL);
  store<u32>(run, load<u32>(run, FRAMES) + 1, FRAMES);
  store<u32>(run, load<u32>(run, BYTES) + framePayload(), BYTES);
  store<u32>(run, load<u32>(run, RUN_NEXT_SEQ) + framePayload(), RUN_NEXT_SEQ);
  store<u32>(run, flags, LAST_FLAGS);
}

/** Closes the runs of one VNIC. */
export function closeRunsOf(vnic: u32): void {
  for (let index: u32 = 0; index < <u32>RUNS_MAX; index++) {
    const run = runAt(index);
    if (isOpen(run) && load<u32>(run, VNIC) == vnic) closeRun(run);
  }
}

/** Closes every run. */
export function closeRuns(): void {
  for (let index: u32 = 0; index < <u32>RUNS_MAX; index++) {
    if (isOpen(runAt(index))) closeRun(runAt(index));
  }
}

/** Closes a run; what is more than one frame becomes a super-frame, and what is one stays as it is. */
export function closeRun(run: usize): void {
  store<u64>(run, 0, KEY);
  if (load<u32>(run, FRAMES) == 1) return;
  const frame = <usize>load<u32>(run, RUN_FRAME);
  const headers = <u32>load<u16>(run, RUN_HEADERS);
  const segment = load<u32>(run, RUN_SEGMENT);
  const isIpv4 = <bool>load<u8>(run, IS_IPV4);
  const l3 = <u32>load<u16>(run, RUN_L3);
  const l4 = <u32>load<u16>(run, RUN_L4);
  const payload = load<u32>(run, BYTES);
  const pseudo = load<u32>(run, RUN_PSEUDO);
  const out = outAt(load<u32>(run, HEAD));
  store<u32>(out, <u32>frame, OUT_PAYLOAD);
  store<u32>(out, headers + segment, OUT_PAYLOAD_LEN);
  if (load<u8>(run, KIND) == <u8>KIND_TCP) {
    const flags = load<u32>(run, LAST_FLAGS);
    superTcp(frame, isIpv4, l3, l4, headers, payload, segment, flags, pseudo, out + OUT_VNET);
  } else {
    superUdp(frame, isIpv4, l3, l4, headers, payload, segment, pseudo, out + OUT_VNET);
  }
}
