// The standing requests of the uring engine: a multishot read on every TAP, a multishot receive on every socket, a
// multishot poll on the eventfd. They follow the tables: what is new is armed; what is gone, or has another descriptor,
// is cancelled, and only when its last completion has come is the change adopted. Until then the host must not close
// the descriptor: a request holds its file, and a TAP that is held stays.

import {
  CONTROL_SIZE,
  EMIT_MAX,
  BUFFER_GROUP_TAP,
  BUFFER_GROUP_UDP,
  HDR_CONFIG_GENERATION,
  MSG_CONTROLLEN,
  MSG_NAMELEN,
  RX_NAME_SIZE,
  SOCKETS_MAX,
  SOCK_LIVE,
  UNDERLAY_TAP,
  VNICS_MAX,
  VNIC_FLAGS,
  W_ARMED_SOCKETS,
  W_ARMED_VNICS,
  W_CONFIG_SEEN,
  W_EVENTFD,
  W_RECVMSG,
  W_SOCKET_FDS,
  W_VNIC_FDS,
} from '../../layout';
import { w } from '../../datapath/worker';
import {
  IORING_OP_ASYNC_CANCEL,
  IORING_OP_POLL_ADD,
  IORING_OP_READ_MULTISHOT,
  IORING_OP_RECVMSG,
  IOSQE_BUFFER_SELECT,
  sqeAddress,
  sqeBufferGroup,
  sqeIoprio,
  NO_OFFSET,
  sqeOffset,
  sqeOpFlags,
  sqRoom,
  submission,
} from '../../ring/uring';
import { socketAt, vnicAt } from '../../table/records';
import { address } from '../descriptors';
import { Request, userOf } from '../submissions';

const POLLIN: u32 = 1;
const IORING_POLL_ADD_MULTI: u32 = 1;
const IORING_RECV_MULTISHOT: u16 = 2;
const RESERVE: u32 = 2 * EMIT_MAX + 1; // submissions that are kept for the output list
const VNICS_A_BIT: u32 = VNICS_MAX / 64;
const ALL: u64 = ~0;
const NO_SOCKET: u64 = 1; // index 0 means none

// Instead of a descriptor. What lies below NONE is one whose request is being cancelled, see `cancelled`.
const NONE: i32 = -1;
const GONE: i32 = 0x4000_0000; // the interface vanished, or the socket refuses, and the host has been told

// What has to be compared with the tables: all, when their generation is another one, else what has ended. A flood
// that takes all buffers ends a read in every turn, and to look at 1024 VNICs then costs as much as to send its frames:
// their records fill the first-level cache.
let staleSockets: u64 = 0; // a bit each
let staleVnics: u64 = 0; // a bit for VNICS_A_BIT of them
let generation: u32 = 0; // that these are of

let cancelling: u32 = 0; // cancelled requests whose last completion has not come
let isWakeArmed: bool = false;

@inline
function armedVnic(index: u32): usize {
  return w() + W_ARMED_VNICS + ((<usize>index) << 2);
}

@inline
function armedSocket(index: u32): usize {
  return w() + W_ARMED_SOCKETS + ((<usize>index) << 2);
}

// No request stands.
export function armStart(): void {
  cancelling = 0;
  isWakeArmed = false;
  allAreStale();
  memory.fill(armedVnic(0), 0xff, VNICS_MAX * 4); // NONE
  memory.fill(armedSocket(0), 0xff, SOCKETS_MAX * 4);
  memory.fill(w() + W_RECVMSG, 0, 56);
  store<u32>(w() + W_RECVMSG, RX_NAME_SIZE, MSG_NAMELEN);
  store<u64>(w() + W_RECVMSG, CONTROL_SIZE, MSG_CONTROLLEN);
}

function allAreStale(): void {
  staleSockets = ALL ^ NO_SOCKET;
  staleVnics = ALL;
}

// Brings the requests in line with the tables. False: there was no room for all, call again when these are submitted.
export function armAll(): bool {
  const now = atomic.load<u32>(HDR_CONFIG_GENERATION);
  if (now != generation) allAreStale();
  generation = now;
  if (load<u32>(w(), W_CONFIG_SEEN) == now && (staleSockets | staleVnics) == 0 && isWakeArmed) return true;
  if (!isWakeArmed) armWake();
  followSockets();
  followVnics();
  if (cancelling == 0 && (staleSockets | staleVnics) == 0) atomic.store<u32>(w() + W_CONFIG_SEEN, now);
  return sqRoom() > RESERVE;
}

function followSockets(): void {
  for (let left = staleSockets; left != 0; left &= left - 1) {
    const index = <u32>ctz(left);
    const fd = load<i32>(w() + W_SOCKET_FDS + ((<usize>index) << 2));
    const wanted = load<u32>(socketAt(index), SOCK_LIVE) && fd >= 0 ? fd : NONE;
    if (follow(armedSocket(index), wanted, Request.receive, index)) staleSockets &= ~socketBit(index);
  }
}

function followVnics(): void {
  for (let left = staleVnics; left != 0; left &= left - 1) {
    const first = <u32>ctz(left) * VNICS_A_BIT;
    let isDone = true;
    for (let index = first; index < first + VNICS_A_BIT; index++) isDone = followVnic(index) && isDone;
    if (isDone) staleVnics &= ~vnicBit(first);
  }
}

function followVnic(index: u32): bool {
  const fd = load<i32>(w() + W_VNIC_FDS + ((<usize>index) << 2));
  const wanted = load<u32>(vnicAt(index), VNIC_FLAGS) && fd >= 0 ? fd : NONE;
  return follow(armedVnic(index), wanted, Request.read, index);
}

@inline
function socketBit(index: u32): u64 {
  return (<u64>1) << index;
}

@inline
function vnicBit(index: u32): u64 {
  return (<u64>1) << (index / VNICS_A_BIT);
}

@inline
function cancelled(fd: i32): i32 {
  return NONE - 1 - fd;
}

// One target: `armed` is where its descriptor stands. False: not there yet.
function follow(armed: usize, wanted: i32, request: Request, index: u32): bool {
  const fd = load<i32>(armed);
  if (fd < NONE) return false;
  if (fd == GONE && wanted != NONE) return true;
  if (fd == GONE) store<i32>(armed, NONE);
  if (fd == GONE || fd == wanted) return true;
  if (sqRoom() <= RESERVE) return false;
  if (fd == NONE) {
    if (request == Request.read) armRead(index, wanted);
    else armReceive(index, wanted);
    return true;
  }
  store<i32>(armed, cancelled(fd));
  cancelling++;
  const sqe = submission(IORING_OP_ASYNC_CANCEL, 0, -1, userOf(Request.cancel, 0));
  sqeAddress(sqe, userOf(request, index), 0);
  return false;
}

// The last completion of a request has come.
export function disarmedVnic(index: u32, isGone: bool): void {
  disarmed(armedVnic(index), isGone);
  staleVnics |= vnicBit(index);
}

export function disarmedSocket(index: u32, isRefused: bool): void {
  disarmed(armedSocket(index), isRefused);
  staleSockets |= socketBit(index);
}

// Receives that failed are armed again.
export function armRefused(): void {
  for (let index: u32 = 1; index < <u32>SOCKETS_MAX; index++) {
    if (load<i32>(armedSocket(index)) == GONE) store<i32>(armedSocket(index), NONE);
  }
  staleSockets = ALL ^ NO_SOCKET;
}

export function disarmedWake(): void {
  isWakeArmed = false;
}

function disarmed(armed: usize, isGone: bool): void {
  const wasCancelled = load<i32>(armed) < NONE;
  if (wasCancelled) cancelling--;
  store<i32>(armed, isGone && !wasCancelled ? GONE : NONE);
}

function armRead(index: u32, fd: i32): void {
  const sqe = submission(IORING_OP_READ_MULTISHOT, IOSQE_BUFFER_SELECT, fd, userOf(Request.read, index));
  sqeOffset(sqe, NO_OFFSET);
  sqeBufferGroup(sqe, <u16>BUFFER_GROUP_TAP);
  store<i32>(armedVnic(index), fd);
}

function armReceive(index: u32, fd: i32): void {
  const sqe = submission(IORING_OP_RECVMSG, IOSQE_BUFFER_SELECT, fd, userOf(Request.receive, index));
  sqeAddress(sqe, address(w() + W_RECVMSG), 1);
  sqeIoprio(sqe, IORING_RECV_MULTISHOT);
  sqeBufferGroup(sqe, <u16>BUFFER_GROUP_UDP);
  store<i32>(armedSocket(index), fd);
}

function armWake(): void {
  isWakeArmed = true;
  const sqe = submission(IORING_OP_POLL_ADD, 0, load<i32>(w(), W_EVENTFD), userOf(Request.wake, 0));
  sqeAddress(sqe, 0, IORING_POLL_ADD_MULTI);
  sqeOpFlags(sqe, POLLIN);
}
