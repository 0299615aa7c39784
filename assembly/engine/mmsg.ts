// The mmsg engine: frames come by readv into the frame slots, datagrams by recvmmsg into the datagram slots, and what the
// datapath listed goes out by sendmmsg and writev. This file writes the descriptors and does the accounting; the host's
// loop makes the system calls. In the order of a turn:
//
//  1. pollSet      which descriptors to wait for
//  2. turn         answers that came for held frames, deadlines, injected frames
//  3. encapBatch   the frames just read from one TAP          decapBatch   the datagrams just read from one socket
//  4. prepare      the output list as mmsghdr and iovec       sent, sendFailed, delivered: what became of it
//
// Steps 2 and 3 answer before their work is done when the output list is full; the host then sends and calls again.

import {
  BATCH_MAX,
  C_DECAP_IN,
  C_DECAP_IN_BYTES,
  C_DELIVERED,
  C_DELIVERED_BYTES,
  C_ENCAP_IN,
  C_ENCAP_IN_BYTES,
  C_ENCAP_OUT,
  C_ENCAP_OUT_BYTES,
  Drop,
  EP_SOCKADDR,
  EP_SOCKADDR_LEN,
  FRAME_MAX,
  HDR_CONFIG_GENERATION,
  HDR_MEMORY_BASE,
  HEADROOM,
  IOVEC_SIZE,
  MMSGHDR_SIZE,
  MSG_FLAGS,
  MSG_IOV,
  MSG_IOVLEN,
  MSG_LEN,
  MSG_NAME,
  MSG_NAMELEN,
  OC_ENCAP_BYTES,
  OC_ENCAP_FRAMES,
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_LEN,
  OUT_MAX,
  OUT_OVERLAY,
  OUT_SENDER,
  OUT_SIZE,
  OUT_VNIC,
  OVL_SOCKET,
  POLLFD_SIZE,
  SLOT_SIZE,
  SOCKETS_MAX,
  SOCK_FD,
  SOCK_LIVE,
  VC_RX_BYTES,
  VC_RX_FRAMES,
  VC_TX_BYTES,
  VC_TX_FRAMES,
  VNICS_MAX,
  VNIC_FD,
  VNIC_FLAGS,
  VXLAN_HLEN,
  W_CONFIG_SEEN,
  W_DELIVER_COUNT,
  W_DELIVER_FD,
  W_DELIVER_IOV,
  W_DELIVER_OUT,
  W_DELIVER_RESULT,
  W_EVENTFD,
  W_OUT,
  W_OUT_COUNT,
  W_POLLFDS,
  W_POLL_INDEX,
  W_RX_IOV,
  W_RX_MMSG,
  W_RX_SLOTS,
  W_TAP_IOV,
  W_TAP_LEN,
  W_TAP_SLOTS,
  W_TX_COUNT,
  W_TX_FD,
  W_TX_IOV,
  W_TX_MMSG,
  W_TX_OUT,
} from '../layout';
import { bump, countEndpoint, drop, overlayCounters, total, vnicCounters } from '../datapath/counters';
import { decapDatagram } from '../datapath/decap';
import { encapFrame } from '../datapath/encap';
import { settleHeld } from '../datapath/hold';
import { injectAll, injectRelease } from '../datapath/inject';
import { upcallNotify } from '../datapath/upcall';
import { beginPass, w } from '../datapath/worker';
import { endpointAt, overlayAt, socketAt, vnicAt } from '../table/records';
import { dropOfErrno } from './errno';

const POLLIN: u16 = 1;
const MSG_TRUNC: u32 = 0x20;

// What the kernel calls an offset of this memory.
@inline
function address(offset: usize): u64 {
  return load<u64>(HDR_MEMORY_BASE) + offset;
}

@inline
function iovec(at: usize, base: usize, len: u32): void {
  store<u64>(at, address(base));
  store<u64>(at, len, 8);
}

@inline
function tapFrame(index: u32): usize {
  return w() + W_TAP_SLOTS + <usize>index * SLOT_SIZE + HEADROOM;
}

@inline
function rxDatagram(index: u32): usize {
  return w() + W_RX_SLOTS + <usize>index * SLOT_SIZE;
}

// Writes what never changes in the descriptors: where frames and datagrams are read to, and how messages are shaped.
export function mmsgStart(): void {
  for (let index: u32 = 0; index < <u32>BATCH_MAX; index++) {
    iovec(w() + W_TAP_IOV + <usize>index * IOVEC_SIZE, tapFrame(index), FRAME_MAX + 1);
    const vector = w() + W_RX_IOV + <usize>index * IOVEC_SIZE;
    iovec(vector, rxDatagram(index), VXLAN_HLEN + FRAME_MAX);
    shape(w() + W_RX_MMSG + <usize>index * MMSGHDR_SIZE, vector);
  }
  for (let index: u32 = 0; index < <u32>OUT_MAX; index++) {
    shape(w() + W_TX_MMSG + <usize>index * MMSGHDR_SIZE, w() + W_TX_IOV + <usize>index * IOVEC_SIZE);
  }
}

function shape(message: usize, vector: usize): void {
  memory.fill(message, 0, MMSGHDR_SIZE);
  store<u64>(message, address(vector), MSG_IOV);
  store<u64>(message, 1, MSG_IOVLEN);
}

// Fills the pollfd array: the eventfd, every socket, every VNIC. Answers how many.
export function pollSet(): u32 {
  store<u32>(w(), atomic.load<u32>(HDR_CONFIG_GENERATION), W_CONFIG_SEEN);
  let count: u32 = 0;
  count = poll(count, load<i32>(w(), W_EVENTFD), 0);
  for (let index: u32 = 1; index < <u32>SOCKETS_MAX; index++) {
    if (load<u32>(socketAt(index), SOCK_LIVE)) count = poll(count, load<i32>(socketAt(index), SOCK_FD), index);
  }
  for (let index: u32 = 1; index < <u32>VNICS_MAX; index++) {
    if (load<u32>(vnicAt(index), VNIC_FLAGS)) {
      count = poll(count, load<i32>(vnicAt(index), VNIC_FD), SOCKETS_MAX + index);
    }
  }
  return count;
}

function poll(count: u32, fd: i32, index: u32): u32 {
  const entry = w() + W_POLLFDS + <usize>count * POLLFD_SIZE;
  store<i32>(entry, fd);
  store<u16>(entry, POLLIN, 4);
  store<u16>(entry, 0, 6);
  store<u32>(w() + W_POLL_INDEX + ((<usize>count) << 2), index);
  return count + 1;
}

// Whether sockets or VNICs have changed since pollSet.
export function pollSetChanged(): bool {
  return load<u32>(w(), W_CONFIG_SEEN) != atomic.load<u32>(HDR_CONFIG_GENERATION);
}

// Starts a turn. False: send, then call again.
export function turn(nowMs: f64): bool {
  beginPass(nowMs);
  injectRelease();
  const settled = settleHeld();
  return injectAll() && settled;
}

// Frames `from` to `count` of those read from a VNIC (lengths in W_TAP_LEN). Answers the first not taken.
export function encapBatch(vnic: u32, from: u32, count: u32, nowMs: f64): u32 {
  beginPass(nowMs);
  if (from == 0) countFrames(vnic, count);
  let index = from;
  while (index < count && encapFrame(tapFrame(index), load<u32>(w() + W_TAP_LEN + ((<usize>index) << 2)), vnic)) index++;
  upcallNotify();
  return index;
}

function countFrames(vnic: u32, count: u32): void {
  let bytes: u64 = 0;
  for (let index: u32 = 0; index < count; index++) bytes += load<u32>(w() + W_TAP_LEN + ((<usize>index) << 2));
  total(C_ENCAP_IN, count);
  total(C_ENCAP_IN_BYTES, bytes);
  bump(vnicCounters(vnic), VC_TX_FRAMES, count);
  bump(vnicCounters(vnic), VC_TX_BYTES, bytes);
}

// Datagrams `from` to `count` of those received on a socket. Answers the first not taken.
export function decapBatch(socket: u32, from: u32, count: u32, nowMs: f64): u32 {
  beginPass(nowMs);
  if (from == 0) countDatagrams(count);
  let index = from;
  while (index < count) {
    const message = w() + W_RX_MMSG + <usize>index * MMSGHDR_SIZE;
    const truncated = (load<u32>(message, MSG_FLAGS) & MSG_TRUNC) != 0;
    if (!decapDatagram(rxDatagram(index), load<u32>(message, MSG_LEN), truncated, socket)) break;
    index++;
  }
  upcallNotify();
  return index;
}

function countDatagrams(count: u32): void {
  let bytes: u64 = 0;
  for (let index: u32 = 0; index < count; index++) {
    bytes += load<u32>(w() + W_RX_MMSG + <usize>index * MMSGHDR_SIZE, MSG_LEN);
  }
  total(C_DECAP_IN, count);
  total(C_DECAP_IN_BYTES, bytes);
}

// Turns the output list into messages (W_TX_COUNT of them) and TAP writes (W_DELIVER_COUNT). Answers how many in all.
export function prepare(): u32 {
  const count = load<u32>(w() + W_OUT_COUNT);
  let messages: u32 = 0;
  let deliveries: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    const out = outAt(index);
    if (load<u32>(out, OUT_ENDPOINT) != 0) prepareMessage(out, messages++, index);
    else prepareDelivery(out, deliveries++, index);
  }
  store<u32>(w() + W_TX_COUNT, messages);
  store<u32>(w() + W_DELIVER_COUNT, deliveries);
  store<u32>(w() + W_OUT_COUNT, 0);
  return count;
}

@inline
function outAt(index: u32): usize {
  return w() + W_OUT + <usize>index * OUT_SIZE;
}

function prepareMessage(out: usize, message: u32, index: u32): void {
  const endpoint = endpointAt(load<u32>(out, OUT_ENDPOINT));
  const header = w() + W_TX_MMSG + <usize>message * MMSGHDR_SIZE;
  store<u64>(header, address(endpoint + EP_SOCKADDR), MSG_NAME);
  store<u32>(header, load<u32>(endpoint, EP_SOCKADDR_LEN), MSG_NAMELEN);
  const vector = w() + W_TX_IOV + <usize>message * IOVEC_SIZE;
  iovec(vector, load<u32>(out, OUT_FRAME) - VXLAN_HLEN, load<u32>(out, OUT_LEN) + VXLAN_HLEN);
  const socket = socketAt(load<u32>(overlayAt(load<u32>(out, OUT_OVERLAY)), OVL_SOCKET));
  store<i32>(w() + W_TX_FD + ((<usize>message) << 2), load<i32>(socket, SOCK_FD));
  store<u32>(w() + W_TX_OUT + ((<usize>message) << 2), index);
}

function prepareDelivery(out: usize, delivery: u32, index: u32): void {
  iovec(w() + W_DELIVER_IOV + <usize>delivery * IOVEC_SIZE, load<u32>(out, OUT_FRAME), load<u32>(out, OUT_LEN));
  const fd = load<i32>(vnicAt(load<u32>(out, OUT_VNIC)), VNIC_FD);
  store<i32>(w() + W_DELIVER_FD + ((<usize>delivery) << 2), fd);
  store<u32>(w() + W_DELIVER_OUT + ((<usize>delivery) << 2), index);
}

// How many messages from `from` on leave by the same socket: they go in one sendmmsg.
export function messageRun(from: u32): u32 {
  const count = load<u32>(w() + W_TX_COUNT);
  const fd = load<i32>(w() + W_TX_FD + ((<usize>from) << 2));
  let end = from + 1;
  while (end < count && load<i32>(w() + W_TX_FD + ((<usize>end) << 2)) == fd) end++;
  return end - from;
}

// The kernel took `count` messages from `from` on.
export function sent(from: u32, count: u32): void {
  for (let message = from; message < from + count; message++) {
    const out = outAt(load<u32>(w() + W_TX_OUT + ((<usize>message) << 2)));
    const bytes = load<u32>(out, OUT_LEN);
    total(C_ENCAP_OUT, 1);
    total(C_ENCAP_OUT_BYTES, bytes);
    const counters = overlayCounters(load<u32>(out, OUT_OVERLAY));
    bump(counters, OC_ENCAP_FRAMES, 1);
    bump(counters, OC_ENCAP_BYTES, bytes);
    countEndpoint(load<u32>(out, OUT_ENDPOINT), bytes);
  }
}

// The kernel refused one message with `errno` (positive).
export function sendFailed(message: u32, errno: i32): void {
  const out = outAt(load<u32>(w() + W_TX_OUT + ((<usize>message) << 2)));
  drop(dropOfErrno(errno), load<u32>(out, OUT_OVERLAY), load<u32>(out, OUT_SENDER));
}

// Every TAP write was tried; W_DELIVER_RESULT has what each answered.
export function delivered(): void {
  const count = load<u32>(w() + W_DELIVER_COUNT);
  for (let delivery: u32 = 0; delivery < count; delivery++) {
    const out = outAt(load<u32>(w() + W_DELIVER_OUT + ((<usize>delivery) << 2)));
    if (load<i32>(w() + W_DELIVER_RESULT + ((<usize>delivery) << 2)) < 0) {
      drop(Drop.tap_error, load<u32>(out, OUT_OVERLAY), load<u32>(out, OUT_SENDER));
      continue;
    }
    const bytes = load<u32>(out, OUT_LEN);
    total(C_DELIVERED, 1);
    total(C_DELIVERED_BYTES, bytes);
    const counters = vnicCounters(load<u32>(out, OUT_VNIC));
    bump(counters, VC_RX_FRAMES, 1);
    bump(counters, VC_RX_BYTES, bytes);
  }
}
