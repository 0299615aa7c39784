// Completions of the standing requests (step 4 of a turn, see uring.ts): frames to encap, datagrams to decap, and
// requests that are over.

import {
  BATCH_MAX,
  CONTROL_SIZE,
  RECVMSG_HLEN,
  RX_MAX,
  RX_NAME_SIZE,
  UNDERLAY_TAP,
  W_DATAGRAMS_LEFT,
  W_IN_HAND,
  W_REFUSED_ERRNO,
  W_REFUSED_SOCKET,
  W_VNIC_GONE,
} from '../../layout';
import { expectFrames } from '../../datapath/counters';
import { readLen, readPut } from '../../datapath/reads';
import { arriveWith } from '../../datapath/arrival';
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
} from '../../ring/uring';
import { decapAhead } from '../../datapath/decap';
import { socketOwner } from '../../table/records';
import { EAGAIN, ENOBUFS } from '../output/errno';
import { disarmedSocket, disarmedVnic, disarmedWake, Request, requestOf } from './multishot';
import { arrivalOf, joinedSize } from '../descriptors';
import { datagramsOf, decapMessage, isResumed } from '../intake';
import { takeReads } from '../tunnel-intake';
import { tapSlot, tapSlotsRead, tapSlotUsed, udpSlot, udpSlotUsed } from './buffers';

// What the host is to do after a turn.
export const URING_MORE: u32 = 1; // not to wait: there is more to do at once
export const URING_VNIC_GONE: u32 = 2; // W_VNIC_GONE says which
export const URING_SOCKET_REFUSED: u32 = 4; // W_REFUSED_SOCKET says which

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
    const cqe = completion(0);
    const user = cqeUser(cqe);
    const request = requestOf(user);
    if (request == Request.read) {
      if (!takeRun(user)) return answer;
      continue;
    }
    if (request == Request.receive) {
      store<u32>(w(), 1, W_IN_HAND);
      const isTaken = takeReceived(<u32>user, cqe);
      store<u32>(w(), 0, W_IN_HAND);
      if (!isTaken) return answer;
    } else if (request == Request.wake && !(cqeFlags(cqe) & IORING_CQE_F_MORE)) {
      answer |= URING_MORE; // nobody could wake this worker
      disarmedWake();
    }
    cqAdvance(1);
  }
  return answer;
}

// What the FDB will be asked for by the datagrams that have come.
function lookAhead(): void {
  const count = min(cqWaiting(), <u32>RX_MAX);
  for (let index: u32 = 0; index < count; index++) {
    const cqe = completion(index);
    if (requestOf(cqeUser(cqe)) != Request.receive || !(cqeFlags(cqe) & IORING_CQE_F_BUFFER)) continue;
    decapAhead(udpSlot(cqeBuffer(cqe)) + RECEIVED_HLEN);
  }
}

// Reads of one TAP that completed one behind the other are a batch. The underlay's are taken one by one, because each
// may be many datagrams.
function takeRun(user: u64): bool {
  const tap = <u32>user;
  const most: u32 = tap == UNDERLAY_TAP ? 1 : min(cqWaiting(), <u32>BATCH_MAX);
  let count: u32 = 0;
  let bytes: u32 = 0;
  let flags = IORING_CQE_F_MORE;
  while (count < most && flags & IORING_CQE_F_MORE) {
    const cqe = completion(count);
    if (cqeUser(cqe) != user || !(cqeFlags(cqe) & IORING_CQE_F_BUFFER)) break;
    flags = cqeFlags(cqe);
    const len = <u32>max(cqeResult(cqe), 0);
    readPut(count++, tapSlot(cqeBuffer(cqe)), len);
    bytes += len;
  }
  store<u32>(w(), count, W_IN_HAND);
  const taken = takeReads(tap, 0, count);
  for (let index: u32 = 0; index < taken; index++) tapSlotUsed(cqeBuffer(completion(index)));
  for (let index = taken; index < count; index++) bytes -= readLen(index);
  tapSlotsRead(taken, bytes);
  store<u32>(w(), 0, W_IN_HAND);
  if (taken < count) {
    cqAdvance(taken);
    expectFrames(0); // what stays is counted when it is taken
    return false;
  }
  const last = completion(max(count, 1) - 1);
  if (!(cqeFlags(last) & IORING_CQE_F_MORE)) ended(Request.read, tap, -cqeResult(last));
  cqAdvance(max(count, 1));
  return true;
}

function takeReceived(socket: u32, cqe: usize): bool {
  if (cqeFlags(cqe) & IORING_CQE_F_BUFFER) {
    const slot = cqeBuffer(cqe);
    const len = <u32>max(cqeResult(cqe), 0);
    if (!decapReceived(udpSlot(slot), len, socket)) return false;
    udpSlotUsed(slot, len);
  }
  if (!(cqeFlags(cqe) & IORING_CQE_F_MORE)) ended(Request.receive, socket, -cqeResult(cqe));
  return true;
}

// What a multishot receive put into a buffer: struct io_uring_recvmsg_out { u32 namelen, controllen, payloadlen, flags;
// }, room for the sockaddr it came from, room for control data, the payload.
function decapReceived(at: usize, len: u32, socket: u32): bool {
  const name = at + RECVMSG_HLEN;
  const control = name + RX_NAME_SIZE;
  const payload = at + RECEIVED_HLEN;
  const bytes = min(load<u32>(at, 8), len - <u32>(payload - at));
  const joined = joinedSize(control, load<u32>(at, 4));
  const isCut = (load<u32>(at, 12) & MSG_TRUNC) != 0;
  if (!isResumed()) store<u32>(w(), datagramsOf(bytes, joined), W_DATAGRAMS_LEFT);
  arriveWith(arrivalOf(control, load<u32>(at, 4)));
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
