// Completions of the standing requests (step 4 of a turn, see uring.ts): frames to encap, datagrams to decap, and
// requests that are over.

import {
  BATCH_MAX,
  C_DECAP_IN,
  C_DECAP_IN_BYTES,
  C_ENCAP_IN,
  C_ENCAP_IN_BYTES,
  CONTROL_SIZE,
  CQE_SIZE,
  RECEIVED_LEN,
  RECEIVED_SIZE,
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
  cqAhead,
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
import { outIsHeavy } from '../../datapath/output-list';
import { receivedAt, receivedPut } from '../../datapath/received';
import { socketOwner } from '../../table/records';
import { EAGAIN, ENOBUFS } from '../output/errno';
import { disarmedSocket, disarmedVnic, disarmedWake } from './multishot';
import { arrivalOf, joinedSize, saidOf, saysMore, tosKind } from '../descriptors';
import { datagramsOf, decapMessage, decapReceived, isResumed } from '../intake';
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
const CONTROL_LEN: usize = 4; // in struct io_uring_recvmsg_out
const PAYLOAD_LEN: usize = 8;
const MESSAGE_FLAGS: usize = 12;
const MSG_TRUNC: u32 = 0x20;
const EINTR: i32 = 4;
const ECANCELED: i32 = 125;

let answer: u32 = 0;
let kind: u64 = 0; // tosKind of the messages in hand; not local, because V8 would make it anew for each

// Stops when the output list is full, and what is not taken then stays; and at an interface that vanished, as the host
// is told of one a turn. Answers URING_*.
export function reap(): u32 {
  answer = 0;
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

// Reads of one TAP that completed one behind the other are a batch. The underlay's are taken one by one, because each
// may be many datagrams. A VNIC whose super-frames have filled the output list by what they are cut into has had its
// share of the turn: what else it has sent goes behind what others have, so that VNICs take turns.
function takeRun(user: u64): bool {
  const tap = <u32>user;
  const most: u32 = tap == UNDERLAY_TAP ? 1 : min(cqAhead(), <u32>BATCH_MAX);
  const first = completionAt(cqFirst());
  let cqe = first;
  const end = first + <usize>most * CQE_SIZE;
  let used = tapSlotsNext();
  let read = readAt(0);
  while (cqe < end) {
    const flags = cqeFlags(cqe);
    if (cqeUser(cqe) != user || !(flags & IORING_CQE_F_BUFFER)) break;
    const slot = bufferOf(flags);
    used = slotPut(used, slot);
    read = readPut(read, tapSlot(slot), <u32>max(cqeResult(cqe), 0));
    cqe += CQE_SIZE;
    if (!(flags & IORING_CQE_F_MORE)) break;
  }
  const count = <u32>(cqe - first) / CQE_SIZE;
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
  const last = count == 0 ? first : cqe - CQE_SIZE;
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

// Messages of one socket that completed one behind the other, up to one of which more has to be known than where it is.
// What is not taken, for want of room in the output list, stays: then the answer is false. The loop calls nothing and
// has one branch for all that may be wrong, because each takes as long as what is asked.
function takeReceived(user: u64): bool {
  const most = min(cqAhead(), <u32>RX_MAX);
  let cqe = completionAt(cqFirst());
  kind = tosKind(controlOf(udpSlot(bufferOf(cqeFlags(cqe)))));
  const stop = cqe + <usize>most * CQE_SIZE;
  const start = receivedAt(0);
  let end = start;
  let used = udpSlotsNext();
  let bytes: u32 = 0;
  for (; cqe < stop; cqe += CQE_SIZE) {
    const flags = cqeFlags(cqe);
    const slot = bufferOf(flags);
    const at = udpSlot(slot);
    const len = <u32>cqeResult(cqe);
    const size = len - <u32>RECEIVED_HLEN;
    const wrong = (cqeUser(cqe) ^ user) | isNotOneOfMany(flags) | isNotWhole(at, size);
    if ((wrong | saysMore(controlOf(at), load<u32>(at, CONTROL_LEN), kind)) != 0) break;
    end = receivedPut(end, at + RECEIVED_HLEN, size, at + RECVMSG_HLEN);
    used = slotPut(used, slot);
    bytes += len;
  }
  return end == start ? takeOther(user) : takePlain(<u32>user, end, bytes);
}

// 0: a completion has a buffer, and is not the last one of its request.
@inline
function isNotOneOfMany(flags: u32): u64 {
  return ~flags & (IORING_CQE_F_BUFFER | IORING_CQE_F_MORE);
}

// 0: the payload of a message is those `size` bytes, and was not cut off.
@inline
function isNotWhole(at: usize, size: u32): u64 {
  return (load<u64>(at, PAYLOAD_LEN) & ~((<u64>~MSG_TRUNC) << 32)) ^ size; // and MESSAGE_FLAGS
}

// `bytes` of messages that a socket received, whose records end at `end`.
function takePlain(socket: u32, end: usize, bytes: u32): bool {
  const start = receivedAt(0);
  const count = <u32>(end - start) / RECEIVED_SIZE;
  store<u32>(w(), count, W_IN_HAND);
  expectDatagrams(count);
  const stop = decapReceived(start, end, socketOwner(socket));
  store<u32>(w(), 0, W_IN_HAND);
  const taken = <u32>(stop - start) / RECEIVED_SIZE;
  let left: u32 = 0;
  for (let at = stop; at < end; at += RECEIVED_SIZE) left += load<u32>(at, RECEIVED_LEN) + <u32>RECEIVED_HLEN;
  udpSlotsUsed(taken, bytes - left);
  if (taken < count) {
    cqAdvance(taken);
    expectDatagrams(0); // what stays is counted when it is taken
    return false;
  }
  cqAdvance(count);
  return true;
}

// A single completion: of a message that is not as others are, the last one of its request, or of none.
function takeOther(user: u64): bool {
  const socket = <u32>user;
  const cqe = completionAt(cqFirst());
  const flags = cqeFlags(cqe);
  if (flags & IORING_CQE_F_BUFFER) {
    const slot = bufferOf(flags);
    const len = <u32>max(cqeResult(cqe), 0);
    store<u32>(w(), 1, W_IN_HAND);
    const isTaken = decapOne(udpSlot(slot), len, socketOwner(socket));
    store<u32>(w(), 0, W_IN_HAND);
    if (!isTaken) return false;
    slotPut(udpSlotsNext(), slot);
    udpSlotsUsed(1, len);
  }
  if (!(flags & IORING_CQE_F_MORE)) ended(Request.receive, socket, -cqeResult(cqe));
  cqAdvance(1);
  return true;
}

// What a multishot receive put into a buffer: struct io_uring_recvmsg_out { u32 namelen, controllen, payloadlen, flags;
// }, room for the sockaddr it came from, room for control data, the payload.
function decapOne(at: usize, len: u32, owner: u32): bool {
  const said = saidOf(controlOf(at), load<u32>(at, CONTROL_LEN));
  const joined = joinedSize(said);
  const size = payloadOf(at, len);
  arriveWith(arrivalOf(said));
  if (!isResumed()) expectDatagrams(datagramsOf(size, joined));
  return decapMessage(at + RECEIVED_HLEN, size, joined, isCut(at), owner, at + RECVMSG_HLEN);
}

@inline
function controlOf(at: usize): usize {
  return at + RECVMSG_HLEN + RX_NAME_SIZE;
}

// Bytes of the payload of which so much is there.
@inline
function payloadOf(at: usize, len: u32): u32 {
  return min(load<u32>(at, PAYLOAD_LEN), len - <u32>RECEIVED_HLEN);
}

@inline
function isCut(at: usize): bool {
  return (load<u32>(at, MESSAGE_FLAGS) & MSG_TRUNC) != 0;
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
