// The uring engine: standing multishot requests bring frames and datagrams, and what the datapath listed goes out as
// SENDMSG and WRITEV. A turn is one system call and one call of `uringTurn`, in this order:
//
//  1. settle    results of what was submitted last time (only failures have completions), slots given back
//  2. adopt     requests follow the tables (multishot.ts)
//  3. held, injected frames
//  4. reap      completions: frames to encap, datagrams to decap, until the output list is full
//  5. emit      the output list as submissions (output/plan.ts)
//
// Sockets and TAPs are non-blocking, so a send is over when the system call that submitted it returns.

import {
  CMSG_SIZE,
  CQE_SIZE,
  CQ_ENTRIES,
  EMIT_MAX,
  IOVEC_SIZE,
  MMSGHDR_SIZE,
  RECVMSG_HLEN,
  RX_NAME_SIZE,
  UNDERLAY_TAP,
  W_CQES,
  W_CQ_HEAD,
  W_CQ_TAIL,
  W_DATAGRAMS_LEFT,
  W_DELIVER_COUNT,
  W_DELIVER_FD,
  W_DELIVER_FIRST,
  W_DELIVER_IOV,
  W_DELIVER_IOVS,
  W_DELIVER_RESULT,
  W_FRAMES_LEFT,
  W_IN_HAND,
  W_OUT_COUNT,
  W_REFUSED_ERRNO,
  W_REFUSED_SOCKET,
  W_RINGS,
  W_SQES,
  W_SQ_HEAD,
  W_SQ_TAIL,
  W_TX_COUNT,
  W_TX_FD,
  W_TX_MMSG,
  W_TX_RESULT,
  W_VNIC_GONE,
} from '../../layout';
import { upcallNotify } from '../../datapath/upcall';
import { w } from '../../datapath/worker';
import {
  completion,
  cqAdvance,
  cqeBuffer,
  cqeFlags,
  cqeResult,
  cqeUser,
  cqWaiting,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
  IORING_OP_SENDMSG,
  IORING_OP_WRITEV,
  IOSQE_CQE_SKIP_SUCCESS,
  sqeAddress,
  sqeNoOffset,
  sqeOpFlags,
  sqRoom,
  sqWaiting,
  submission,
  uringAttach,
} from '../../ring/uring';
import { socketOwner } from '../../table/records';
import { delivered, settleMessages } from '../output/accounting';
import { EAGAIN, ENOBUFS } from '../output/errno';
import { armAll, armStart, disarmedSocket, disarmedVnic, disarmedWake, Request, requestOf, userOf } from './multishot';
import { address, joinedSize } from '../descriptors';
import { datagramsOf, decapMessage, isResumed } from '../intake';
import { takeRead } from '../tunnel-intake';
import { turn } from '../turn';
import { prepare } from '../output/plan';
import { slotsRelease, slotsStart, tapSlot, tapSlotUsed, udpSlot, udpSlotUsed } from './buffers';

// What the host is to do after a turn.
export const URING_MORE: u32 = 1; // not to wait: there is more to do at once
export const URING_VNIC_GONE: u32 = 2; // W_VNIC_GONE says which
export const URING_SOCKET_REFUSED: u32 = 4; // W_REFUSED_SOCKET says which

const MSG_DONTWAIT: u32 = 0x40;
const MSG_TRUNC: u32 = 0x20;
const EINTR: i32 = 4;
const ECANCELED: i32 = 125;
const EMIT_ROOM: u32 = 2 * EMIT_MAX; // submissions of one emission

let answer: u32 = 0; // of the turn under way
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
  answer = 0;
  if (isOut && sqWaiting() > 0) return URING_MORE; // the kernel has not taken all: what it has not is not sent
  if (isOut) settle();
  if (sqRoom() < EMIT_ROOM) return URING_MORE;
  if (emit()) return URING_MORE; // what there was no room for, or was planned anew
  slotsRelease();
  if (!armAll()) answer |= URING_MORE;
  if (turn()) reap();
  else answer |= URING_MORE;
  if (emit() || cqWaiting() > 0) answer |= URING_MORE;
  upcallNotify();
  return answer;
}

// Step 1: the completions of sends and writes are failures, all others have succeeded. They are taken out from among
// those that wait for step 4: while what the host injects fills the output list in every turn, step 4 does not happen,
// and a full queue would end the multishot requests.
function settle(): void {
  const count = cqWaiting();
  let first = count; // of those that stay
  for (let index = count; index > 0; index--) {
    const cqe = completion(index - 1);
    const user = cqeUser(cqe);
    const request = requestOf(user);
    if (request == Request.send) store<i32>(w() + W_TX_RESULT + ((<usize>(<u32>user)) << 2), -cqeResult(cqe));
    else if (request == Request.write) store<i32>(w() + W_DELIVER_RESULT + ((<usize>(<u32>user)) << 2), cqeResult(cqe));
    else if (--first != index - 1) memory.copy(completion(first), cqe, CQE_SIZE);
  }
  cqAdvance(first);
  settleMessages();
  delivered();
  isOut = false;
}

// Step 5. Whether anything was submitted. Its fate is known after the next system call, and the host does not let that
// wait for anything.
function emit(): bool {
  if (sqRoom() < EMIT_ROOM) return load<u32>(w(), W_OUT_COUNT) != 0;
  if (prepare() == 0) return false;
  isOut = true;
  const messages = load<u32>(w() + W_TX_COUNT);
  const deliveries = load<u32>(w() + W_DELIVER_COUNT);
  for (let index: u32 = 0; index < messages; index++) submitMessage(index);
  for (let index: u32 = 0; index < deliveries; index++) submitDelivery(index);
  return true;
}

function submitMessage(index: u32): void {
  store<i32>(w() + W_TX_RESULT + ((<usize>index) << 2), 0);
  const fd = load<i32>(w() + W_TX_FD + ((<usize>index) << 2));
  const sqe = submission(IORING_OP_SENDMSG, IOSQE_CQE_SKIP_SUCCESS, fd, userOf(Request.send, index));
  sqeAddress(sqe, address(w() + W_TX_MMSG + <usize>index * MMSGHDR_SIZE), 1);
  sqeOpFlags(sqe, MSG_DONTWAIT);
}

function submitDelivery(index: u32): void {
  const at = (<usize>index) << 2;
  store<i32>(w() + W_DELIVER_RESULT + at, 0);
  const fd = load<i32>(w() + W_DELIVER_FD + at);
  const sqe = submission(IORING_OP_WRITEV, IOSQE_CQE_SKIP_SUCCESS, fd, userOf(Request.write, index));
  const vectors = w() + W_DELIVER_IOV + <usize>load<u32>(w() + W_DELIVER_FIRST + at) * IOVEC_SIZE;
  sqeAddress(sqe, address(vectors), load<u32>(w() + W_DELIVER_IOVS + at));
  sqeNoOffset(sqe);
}

// Step 4. Stops when the output list is full, and the completion in hand then stays; and at an interface that vanished,
// as the host is told of one a turn.
function reap(): void {
  while (cqWaiting() > 0 && !(answer & (URING_VNIC_GONE | URING_SOCKET_REFUSED))) {
    const cqe = completion(0);
    const user = cqeUser(cqe);
    const request = requestOf(user);
    if (request == Request.read || request == Request.receive) {
      store<u32>(w(), 1, W_IN_HAND);
      const isTaken = take(request, <u32>user, cqe);
      store<u32>(w(), 0, W_IN_HAND);
      if (!isTaken) return;
    } else if (request == Request.wake && !(cqeFlags(cqe) & IORING_CQE_F_MORE)) {
      answer |= URING_MORE; // nobody could wake this worker
      disarmedWake();
    }
    cqAdvance(1);
  }
}

function take(request: Request, index: u32, cqe: usize): bool {
  if (cqeFlags(cqe) & IORING_CQE_F_BUFFER) {
    const slot = cqeBuffer(cqe);
    const len = <u32>max(cqeResult(cqe), 0);
    if (request == Request.read) {
      if (index != UNDERLAY_TAP) store<u32>(w(), 1, W_FRAMES_LEFT);
      if (!takeRead(tapSlot(slot), len, index)) return false;
      tapSlotUsed(slot, len);
    } else {
      if (!decapReceived(udpSlot(slot), len, index)) return false;
      udpSlotUsed(slot, len);
    }
  }
  if (!(cqeFlags(cqe) & IORING_CQE_F_MORE)) ended(request, index, -cqeResult(cqe));
  return true;
}

// What a multishot receive put into a buffer: struct io_uring_recvmsg_out { u32 namelen, controllen, payloadlen, flags;
// }, room for the sockaddr it came from, room for control data, the payload.
function decapReceived(at: usize, len: u32, socket: u32): bool {
  const name = at + RECVMSG_HLEN;
  const control = name + RX_NAME_SIZE;
  const payload = control + CMSG_SIZE;
  const bytes = min(load<u32>(at, 8), len - <u32>(payload - at));
  const joined = joinedSize(control, load<u32>(at, 4));
  const isCut = (load<u32>(at, 12) & MSG_TRUNC) != 0;
  if (!isResumed()) store<u32>(w(), datagramsOf(bytes, joined), W_DATAGRAMS_LEFT);
  return decapMessage(payload, bytes, joined, isCut, socketOwner(socket), name);
}

// A standing request is over: cancelled, out of slots, or it failed, as it does when its interface has vanished
// (EBADFD). A socket that refuses is armed again when the host says so; all others are in the next turn, when there are
// slots.
function ended(request: Request, index: u32, errno: i32): void {
  answer |= URING_MORE;
  const isRefused = errno > 0 && errno != ECANCELED && errno != ENOBUFS && errno != EAGAIN && errno != EINTR;
  if (request == Request.receive) disarmedSocket(index, isRefused);
  else disarmedVnic(index, isRefused);
  if (!isRefused) return;
  if (request == Request.receive) {
    store<u32>(w() + W_REFUSED_SOCKET, index);
    store<i32>(w() + W_REFUSED_ERRNO, errno);
    answer |= URING_SOCKET_REFUSED;
    return;
  }
  store<u32>(w(), index, W_VNIC_GONE);
  answer |= URING_VNIC_GONE;
}

// A new instance takes over after a trap: what the kernel had read and nobody has reaped is lost, and counted.
export function abandonCompletions(): void {
  if (load<u32>(w() + W_CQES) == 0) return;
  attach();
  let frames: u32 = 0;
  let datagrams: u32 = 0;
  const count = min(cqWaiting(), <u32>CQ_ENTRIES);
  for (let index = load<u32>(w(), W_IN_HAND); index < count; index++) {
    const cqe = completion(index);
    if (!(cqeFlags(cqe) & IORING_CQE_F_BUFFER)) continue;
    if (requestOf(cqeUser(cqe)) == Request.read) frames++;
    else datagrams++;
  }
  store<u32>(w(), load<u32>(w(), W_FRAMES_LEFT) + frames, W_FRAMES_LEFT);
  store<u32>(w(), load<u32>(w(), W_DATAGRAMS_LEFT) + datagrams, W_DATAGRAMS_LEFT);
  store<u32>(w(), 0, W_IN_HAND);
  store<u32>(w() + W_CQES, 0);
}
