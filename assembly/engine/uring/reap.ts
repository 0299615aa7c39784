// Completions of the standing requests (step 4 of a turn, see uring.ts): frames to encap, datagrams to decap, and
// requests that are over.

import {
  BATCH_MAX,
  C_DECAP_IN,
  C_DECAP_IN_BYTES,
  C_ENCAP_IN,
  C_ENCAP_IN_BYTES,
  CONTROL_SIZE,
  RECVMSG_HLEN,
  RX_MAX,
  RX_NAME_SIZE,
  UNDERLAY_TAP,
  W_COUNTERS,
  W_IN_HAND,
  W_REFUSED_ERRNO,
  W_REFUSED_SOCKET,
  W_VNIC_GONE,
} from '../../layout';
import { expectDatagrams, expectFrames } from '../../datapath/counters';
import { readAt, readPut } from '../../datapath/reads';
import { arriveWith } from '../../datapath/arrival';
import { w } from '../../datapath/worker';
import {
  completionAt,
  cqAdvance,
  cqDefer,
  bufferOf,
  cqeFlags,
  cqeResult,
  cqeUser,
  cqFirst,
  cqWaiting,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
} from '../../ring/uring';
import { outHasRoom, outIsHeavy } from '../../datapath/output-list';
import { decapAhead, decapBegin, decapLooksAhead, decapSettle, deliverOrdinary } from '../../datapath/decap';
import { socketOwner } from '../../table/records';
import { EAGAIN, ENOBUFS } from '../output/errno';
import { disarmedSocket, disarmedVnic, disarmedWake } from './multishot';
import { arrivalOf, joinedSize, saidOf } from '../descriptors';
import { datagramsOf, decapMessage, isResumed } from '../intake';
import { Request, requestOf } from '../submissions';
import { takeReads } from '../tunnel-intake';
import { slotPut, tapSlot, tapSlotsNext, tapSlotsUsed, udpSlot, udpSlotsNext, udpSlotsUsed } from './buffers';

// What the host is to do after a turn.
export const URING_MORE: u32 = 1; // not to wait: there is more to do at once
export const URING_VNIC_GONE: u32 = 2; // W_VNIC_GONE says which
export const URING_SOCKET_REFUSED: u32 = 4; // W_REFUSED_SOCKET says which

// Bytes that the kernel sends in the time that it needs for a datagram. A read is one frame, unless it is a
// super-frame: that has the difference.
const WORK_OF_FRAME: u32 = 1024;
const RECEIVED_HLEN: usize = RECVMSG_HLEN + RX_NAME_SIZE + CONTROL_SIZE; // before a datagram in its slot
const MSG_TRUNC: u32 = 0x20;
const EINTR: i32 = 4;
const ECANCELED: i32 = 125;

let answer: u32 = 0;

// Stops when the output list is full, and what is not taken then stays; and at an interface that vanished, as the host
// is told of one a turn. Answers URING_*.
export function reap(): u32 {
  answer = 0;
  lookAhead();
  while (cqWaiting() > 0 && !(answer & (URING_VNIC_GONE | URING_SOCKET_REFUSED))) {
    const cqe = completionAt(cqFirst());
    const user = cqeUser(cqe);
    const request = requestOf(user);
    if (request == Request.read) {
      if (!takeRun(user)) return answer;
      continue;
    }
    if (request == Request.receive) {
      if (!takeReceived(user)) return answer;
      continue;
    }
    if (request == Request.wake && !(cqeFlags(cqe) & IORING_CQE_F_MORE)) {
      answer |= URING_MORE; // nobody could wake this worker
      disarmedWake();
    }
    cqAdvance(1);
  }
  return answer;
}

// What the FDB will be asked for by the datagrams that have come.
function lookAhead(): void {
  if (!decapLooksAhead()) return;
  const first = cqFirst();
  const end = first + min(cqWaiting(), <u32>RX_MAX);
  for (let at = first; at != end; at++) {
    const cqe = completionAt(at);
    if (requestOf(cqeUser(cqe)) != Request.receive || !(cqeFlags(cqe) & IORING_CQE_F_BUFFER)) continue;
    decapAhead(udpSlot(bufferOf(cqeFlags(cqe))) + RECEIVED_HLEN);
  }
}

// Reads of one TAP that completed one behind the other are a batch. The underlay's are taken one by one, because each
// may be many datagrams. A VNIC whose super-frames have filled the output list by what they are cut into has had its
// share of the turn: what else it has sent goes behind what others have, so that VNICs take turns.
function takeRun(user: u64): bool {
  const tap = <u32>user;
  const most: u32 = tap == UNDERLAY_TAP ? 1 : min(cqWaiting(), <u32>BATCH_MAX);
  const first = cqFirst();
  let used = tapSlotsNext();
  let read = readAt(0);
  let count: u32 = 0;
  while (count < most) {
    const cqe = completionAt(first + count);
    const flags = cqeFlags(cqe);
    if ((cqeUser(cqe) != user) | !(flags & IORING_CQE_F_BUFFER)) break;
    const slot = bufferOf(flags);
    used = slotPut(used, slot);
    read = readPut(read, tapSlot(slot), <u32>max(cqeResult(cqe), 0));
    count++;
    if (!(flags & IORING_CQE_F_MORE)) break;
  }
  store<u32>(w(), count, W_IN_HAND);
  const before = workIn();
  const taken = takeReads(tap, 0, count);
  const work = workIn() - before; // none of what the underlay TAP had that is no datagram
  tapSlotsUsed(taken, work - min(work, taken * WORK_OF_FRAME));
  store<u32>(w(), 0, W_IN_HAND);
  if (taken < count) {
    cqAdvance(taken);
    expectFrames(0); // what stays is counted when it is taken
    if (taken > 0 && outIsHeavy()) cqDefer(user, readAt(0));
    return false;
  }
  const last = completionAt(first + max(count, 1) - 1);
  if (!(cqeFlags(last) & IORING_CQE_F_MORE)) ended(Request.read, tap, -cqeResult(last));
  cqAdvance(max(count, 1));
  return true;
}

// The work that has come so far, in bytes, modulo 2^32: what it is on the wire, and what each frame costs beside.
@inline
function workIn(): u32 {
  const totals = w() + W_COUNTERS;
  const frames = <u32>(load<u64>(totals, C_ENCAP_IN) + load<u64>(totals, C_DECAP_IN));
  const bytes = <u32>(load<u64>(totals, C_ENCAP_IN_BYTES) + load<u64>(totals, C_DECAP_IN_BYTES));
  return bytes + frames * WORK_OF_FRAME;
}

// Messages of one socket that completed one behind the other. One that is not taken, for want of room in the output
// list, stays: then the answer is false.
function takeReceived(user: u64): bool {
  const socket = <u32>user;
  const owner = socketOwner(socket);
  const first = cqFirst();
  const most = cqWaiting();
  let used = udpSlotsNext();
  let messages: u32 = 0;
  let bytes: u32 = 0;
  let count: u32 = 0;
  let isRoom = true;
  decapBegin(owner);
  while (count < most) {
    const cqe = completionAt(first + count);
    if (cqeUser(cqe) != user) break;
    const flags = cqeFlags(cqe);
    if (flags & IORING_CQE_F_BUFFER) {
      const slot = bufferOf(flags);
      const len = <u32>max(cqeResult(cqe), 0);
      isRoom = decapReceived(udpSlot(slot), len, owner, count);
      if (!isRoom) break;
      used = slotPut(used, slot);
      messages++;
      bytes += len;
    }
    count++;
    if (flags & IORING_CQE_F_MORE) continue;
    ended(Request.receive, socket, -cqeResult(cqe));
    break;
  }
  decapSettle();
  store<u32>(w(), 0, W_IN_HAND);
  udpSlotsUsed(messages, bytes);
  cqAdvance(count);
  return isRoom;
}

// What a multishot receive put into a buffer: struct io_uring_recvmsg_out { u32 namelen, controllen, payloadlen, flags;
// }, room for the sockaddr it came from, room for control data, the payload. `before`: completions in hand that were
// taken.
@inline
function decapReceived(at: usize, len: u32, owner: u32, before: u32): bool {
  const payload = at + RECEIVED_HLEN;
  const bytes = min(load<u32>(at, 8), len - <u32>(payload - at));
  const said = saidOf(at + RECVMSG_HLEN + RX_NAME_SIZE, load<u32>(at, 4));
  const joined = joinedSize(said);
  const isCut = (load<u32>(at, 12) & MSG_TRUNC) != 0;
  arriveWith(arrivalOf(said));
  const from = at + RECVMSG_HLEN;
  if (joined == 0 && outHasRoom() && deliverOrdinary(payload, bytes, isCut, from, true)) return true;
  return decapOther(payload, bytes, joined, isCut, owner, from, before);
}

// For the books, should this trap, ordinary ones count as left until they are settled.
function decapOther(at: usize, len: u32, joined: u32, isCut: bool, owner: u32, from: usize, before: u32): bool {
  decapSettle();
  store<u32>(w(), before + 1, W_IN_HAND);
  if (!isResumed()) expectDatagrams(datagramsOf(len, joined));
  return decapMessage(at, len, joined, isCut, owner, from);
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
