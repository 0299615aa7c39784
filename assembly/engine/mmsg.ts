// The mmsg engine: frames come by readv into the frame slots, datagrams by recvmmsg into the datagram slots, and what
// the datapath listed goes out by sendmmsg and writev. This file writes the descriptors and does the accounting; the
// host's loop makes the system calls. In the order of a turn:
//
//  1. pollSet      which descriptors to wait for (poll.ts)
//  2. turn         answers that came for held frames, deadlines, injected frames
//  3. encapBatch   the frames just read from one TAP          decapBatch   the datagrams just read from one socket
//  4. prepare      the output list as mmsghdr and iovec
//  5. sent, sendFailed, delivered: what became of it (accounting.ts)
//
// Steps 2 and 3 answer before their work is done when the output list is full; the host then sends and calls again.

import {
  BATCH_MAX,
  C_DECAP_IN,
  C_DECAP_IN_BYTES,
  C_ENCAP_IN,
  C_ENCAP_IN_BYTES,
  EP_SOCKADDR,
  EP_SOCKADDR_LEN,
  FRAME_MAX,
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
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_LEN,
  OUT_MAX,
  OUT_OVERLAY,
  OUT_VNIC,
  OVL_SOCKET,
  SLOT_SIZE,
  SOCK_FD,
  VC_TX_BYTES,
  VC_TX_FRAMES,
  VNIC_FD,
  VXLAN_HLEN,
  W_DELIVER_COUNT,
  W_DELIVER_FD,
  W_DELIVER_IOV,
  W_DELIVER_OUT,
  W_OUT_COUNT,
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
import { bump, total, vnicCounters } from '../datapath/counters';
import { decapDatagram } from '../datapath/decap';
import { encapFrame } from '../datapath/encap';
import { settleHeld } from '../datapath/hold';
import { injectAll, injectRelease } from '../datapath/inject';
import { outAt } from '../datapath/output';
import { upcallNotify } from '../datapath/upcall';
import { beginPass, w } from '../datapath/worker';
import { endpointAt, overlayAt, socketAt, vnicAt } from '../table/records';

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
function tapLength(index: u32): u32 {
  return load<u32>(w() + W_TAP_LEN + ((<usize>index) << 2));
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

// Starts a turn. False: send, then call again.
export function turn(): bool {
  beginPass();
  injectRelease();
  const settled = settleHeld();
  const injected = injectAll();
  upcallNotify();
  return injected && settled;
}

// Frames `from` to `count` of those read from a VNIC (lengths in W_TAP_LEN). Answers the first not taken.
export function encapBatch(vnic: u32, from: u32, count: u32): u32 {
  beginPass();
  if (from == 0) countFrames(vnic, count);
  let index = from;
  while (index < count && encapFrame(tapFrame(index), tapLength(index), vnic)) index++;
  upcallNotify();
  return index;
}

function countFrames(vnic: u32, count: u32): void {
  let bytes: u64 = 0;
  for (let index: u32 = 0; index < count; index++) bytes += tapLength(index);
  total(C_ENCAP_IN, count);
  total(C_ENCAP_IN_BYTES, bytes);
  bump(vnicCounters(vnic), VC_TX_FRAMES, count);
  bump(vnicCounters(vnic), VC_TX_BYTES, bytes);
}

// Datagrams `from` to `count` of those received on a socket. Answers the first not taken.
export function decapBatch(socket: u32, from: u32, count: u32): u32 {
  beginPass();
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
