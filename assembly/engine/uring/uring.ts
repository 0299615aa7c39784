// The uring engine: standing multishot requests bring frames and datagrams, and what the datapath listed goes out as
// SEND, SENDMSG, WRITE and WRITEV. A turn is one system call and one call of `uringTurn`, in this order:
//
//  1. settle    results of what was submitted last time (only failures have completions), slots given back
//  2. adopt     requests follow the tables (multishot.ts)
//  3. held, injected frames
//  4. reap      completions: frames to encap, datagrams to decap, until the output list is full
//  5. emit      the output list as submissions (output/plan.ts)
//
// Sockets and TAPs are non-blocking, so a send is over when the system call that submitted it returns.

import {
  CQE_SIZE,
  CQ_ENTRIES,
  DELIVER_RESULT,
  EMIT_MAX,
  TX_RESULT,
  W_CQES,
  W_CQ_HEAD,
  W_CQ_TAIL,
  W_DATAGRAMS_LEFT,
  W_FRAMES_LEFT,
  W_IN_HAND,
  W_OUT_COUNT,
  W_RINGS,
  W_SQES,
  W_SQ_HEAD,
  W_SQ_TAIL,
} from '../../layout';
import { isReplicating } from '../../datapath/replicate';
import { upcallNotify } from '../../datapath/upcall';
import { w } from '../../datapath/worker';
import {
  completionAt,
  cqAdvance,
  cqFirst,
  cqeFlags,
  cqeResult,
  cqeUser,
  cqeUserHigh,
  cqWaiting,
  IORING_CQE_F_BUFFER,
  sqRoom,
  sqWaiting,
  uringAttach,
} from '../../ring/uring';
import { delivered, settleMessages } from '../output/accounting';
import { armAll, armStart } from './multishot';
import { OUTGOING, Request, requestOf, submissionsBegin, submissionsEnd } from '../submissions';
import { turn } from '../turn';
import { prepare } from '../output/plan';
import { slotsRelease, slotsStart } from './buffers';
import { reap, URING_MORE } from './reap';

const EMIT_ROOM: u32 = 2 * EMIT_MAX; // submissions of one emission

let isOut: bool = false; // submissions of the output list are with the kernel

function attach(): void {
  const rings = w() + W_RINGS;
  uringAttach(
    w() + W_SQES,
    rings + load<u32>(w() + W_SQ_HEAD),
    rings + load<u32>(w() + W_SQ_TAIL),
    rings + load<u32>(w() + W_CQ_HEAD),
    rings + load<u32>(w() + W_CQ_TAIL),
    rings + load<u32>(w() + W_CQES),
  );
}

// The ring is open, and the places of its indexes are in the worker's area.
export function uringStart(): void {
  attach();
  isOut = false;
  slotsStart();
  armStart();
}

// Submissions for the next system call.
export function uringToSubmit(): u32 {
  return sqWaiting();
}

// A turn, after a system call. Answers URING_*.
export function uringTurn(): u32 {
  if (isOut && sqWaiting() > 0) return URING_MORE; // the kernel has not taken all: what it has not is not sent
  if (isOut) settle();
  if (sqRoom() < EMIT_ROOM) return URING_MORE;
  if (emit()) return URING_MORE; // what there was no room for, or was planned anew
  slotsRelease();
  let answer = armAll() ? 0 : URING_MORE;
  answer |= turn() ? reap() : URING_MORE;
  if (emit() || cqWaiting() > 0 || isReplicating()) answer |= URING_MORE;
  upcallNotify();
  return answer;
}

// Step 1: the completions of sends and writes are failures, all others have succeeded. They are taken out from among
// those that wait for step 4: while what the host injects fills the output list in every turn, step 4 does not happen,
// and a full queue would end the multishot requests.
function settle(): void {
  const failures = hasFailures();
  if (failures) takeFailures();
  settleMessages(failures);
  delivered();
  isOut = false;
}

function hasFailures(): bool {
  let seen: u32 = 0;
  let at = cqFirst();
  for (let left = cqWaiting(); left > 0; ) {
    const run = min(left, CQ_ENTRIES - (at & (CQ_ENTRIES - 1))); // up to where the queue begins again
    const end = completionAt(at) + <usize>run * CQE_SIZE;
    let cqe = completionAt(at);
    for (; cqe + 4 * CQE_SIZE <= end; cqe += 4 * CQE_SIZE) {
      seen |= cqeUserHigh(cqe) | cqeUserHigh(cqe + CQE_SIZE);
      seen |= cqeUserHigh(cqe + 2 * CQE_SIZE) | cqeUserHigh(cqe + 3 * CQE_SIZE);
    }
    for (; cqe < end; cqe += CQE_SIZE) seen |= cqeUserHigh(cqe);
    at += run;
    left -= run;
  }
  return (seen & OUTGOING) != 0;
}

function takeFailures(): void {
  const oldest = cqFirst();
  let first = oldest + cqWaiting(); // of those that stay
  for (let at = first; at != oldest; at--) {
    const cqe = completionAt(at - 1);
    const user = cqeUser(cqe);
    const request = requestOf(user);
    if (request == Request.send) store<i32>(<usize><u32>user, -cqeResult(cqe), TX_RESULT);
    else if (request == Request.write) store<i32>(<usize><u32>user, cqeResult(cqe), DELIVER_RESULT);
    else if (--first != at - 1) memory.copy(completionAt(first), cqe, CQE_SIZE);
  }
  cqAdvance(first - oldest);
}

// Step 5. Whether anything was submitted. Its fate is known after the next system call, and the host does not let that
// wait for anything.
function emit(): bool {
  if (sqRoom() < EMIT_ROOM) return load<u32>(w(), W_OUT_COUNT) != 0;
  submissionsBegin();
  if (prepare() == 0) return false;
  isOut = true;
  submissionsEnd();
  return true;
}

// A new instance takes over after a trap: what the kernel had read and nobody has reaped is lost, and counted.
export function abandonCompletions(): void {
  if (load<u32>(w() + W_CQES) == 0) return;
  attach();
  let frames: u32 = 0;
  let datagrams: u32 = 0;
  const count = min(cqWaiting(), <u32>CQ_ENTRIES);
  for (let index = load<u32>(w(), W_IN_HAND); index < count; index++) {
    const cqe = completionAt(cqFirst() + index);
    if (!(cqeFlags(cqe) & IORING_CQE_F_BUFFER)) continue;
    if (requestOf(cqeUser(cqe)) == Request.read) frames++;
    else datagrams++;
  }
  store<u32>(w(), load<u32>(w(), W_FRAMES_LEFT) + frames, W_FRAMES_LEFT);
  store<u32>(w(), load<u32>(w(), W_DATAGRAMS_LEFT) + datagrams, W_DATAGRAMS_LEFT);
  store<u32>(w(), 0, W_IN_HAND);
  store<u32>(w() + W_CQES, 0);
}
