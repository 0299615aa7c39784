// What became of the output list: sent by the kernel, refused by it, or written to a TAP. Each frame is counted once,
// when its fate is known; OUT_SETTLED says how many of an entry's that are.

import {
  C_DELIVERED,
  C_DELIVERED_BYTES,
  C_ENCAP_OUT,
  C_ENCAP_OUT_BYTES,
  Drop,
  OC_ENCAP_BYTES,
  OC_ENCAP_FRAMES,
  OUT_BYTES,
  OUT_ENDPOINT,
  OUT_FRAMES,
  OUT_NEXT,
  OUT_OVERLAY,
  OUT_SENDER,
  OUT_SETTLED,
  OUT_VNIC,
  OVL_SOCKET,
  VC_RX_BYTES,
  VC_RX_FRAMES,
  W_DELIVER_COUNT,
  W_DELIVER_OUT,
  W_DELIVER_RESULT,
  W_TX_BYTES,
  W_TX_COUNT,
  W_TX_FD,
  W_TX_FRAMES,
  W_TX_OUT,
  W_TX_RESULT,
} from '../../layout';
import { bump, countEndpoint, dropFrames, overlayCounters, total, vnicCounters } from '../../datapath/counters';
import { outAt } from '../../datapath/output';
import { upcallTooLong } from '../../datapath/upcall';
import { w } from '../../datapath/worker';
import { overlayAt } from '../../table/records';
import { doubt, sawTooLong, stopSegmenting } from './doubt';
import { dropOfErrno, EINVAL, refusesSegmentation } from './errno';
import { planApart } from './plan';
import { cutLength, isCut } from './tap-writes';

@inline
function ofMessage(array: usize, message: u32): u32 {
  return load<u32>(w() + array + ((<usize>message) << 2));
}

// How many messages from `from` on leave by the same socket: they go in one sendmmsg.
export function messageRun(from: u32): u32 {
  const count = load<u32>(w() + W_TX_COUNT);
  const fd = ofMessage(W_TX_FD, from);
  let end = from + 1;
  while (end < count && ofMessage(W_TX_FD, end) == fd) end++;
  return end - from;
}

// The kernel took `count` messages from `from` on. What is counted of an overlay is summed while it stays the same.
export function sent(from: u32, count: u32): void {
  let overlay: u32 = 0;
  let frames: u32 = 0;
  let bytes: u32 = 0;
  for (let message = from; message < from + count; message++) {
    const out = outAt(ofMessage(W_TX_OUT, message));
    const its = load<u32>(out, OUT_OVERLAY);
    if (its != overlay) {
      countSent(overlay, frames, bytes);
      overlay = its;
      frames = 0;
      bytes = 0;
    }
    const more = ofMessage(W_TX_FRAMES, message);
    settleMessage(out, more);
    frames += more;
    bytes += ofMessage(W_TX_BYTES, message);
    countEndpoint(load<u32>(out, OUT_ENDPOINT), more, ofMessage(W_TX_BYTES, message));
  }
  countSent(overlay, frames, bytes);
}

function countSent(overlay: u32, frames: u32, bytes: u32): void {
  total(C_ENCAP_OUT, frames);
  total(C_ENCAP_OUT_BYTES, bytes);
  const counters = overlayCounters(overlay);
  bump(counters, OC_ENCAP_FRAMES, frames);
  bump(counters, OC_ENCAP_BYTES, bytes);
}

// `frames` of a super-frame, or the whole chain that starts here.
@inline
function settleMessage(out: usize, frames: u32): void {
  let next = load<u32>(out, OUT_NEXT);
  store<u32>(out, load<u32>(out, OUT_SETTLED) + (next == 0 ? frames : 1), OUT_SETTLED);
  while (next != 0) {
    const other = outAt(next);
    store<u32>(other, 1, OUT_SETTLED);
    next = load<u32>(other, OUT_NEXT);
  }
}

// The kernel refused `run` messages from `from` on with `errno` (positive), or rather the first of them. Answers how
// many are settled by that: all dropped when the socket's buffer is full, as asking for each would cost a system call;
// else that one; 0 when nothing is lost and the list is to be prepared again, datagram by datagram.
export function sendFailed(from: u32, run: u32, errno: i32): u32 {
  if (ofMessage(W_TX_FRAMES, from) > 1 && refusesSegmentation(errno)) {
    refuse(from, errno);
    return 0;
  }
  const reason = dropOfErrno(errno);
  const count = reason == Drop.underlay_busy ? run : 1;
  for (let message = from; message < from + count; message++) dropMessage(message, reason);
  return count;
}

function dropMessage(message: u32, reason: Drop): void {
  const frames = ofMessage(W_TX_FRAMES, message);
  let out = outAt(ofMessage(W_TX_OUT, message));
  const head = out;
  if (load<u32>(head, OUT_NEXT) == 0) {
    dropFrames(reason, load<u32>(out, OUT_OVERLAY), load<u32>(out, OUT_SENDER), frames);
  } else {
    for (let left = frames; left > 0; left--) {
      dropFrames(reason, load<u32>(out, OUT_OVERLAY), load<u32>(out, OUT_SENDER), 1);
      out = outAt(load<u32>(out, OUT_NEXT));
    }
  }
  settleMessage(head, frames);
  if (reason != Drop.exceeds_pmtu) return;
  sawTooLong();
  upcallTooLong(load<u32>(head, OUT_ENDPOINT));
}

// The kernel has taken every message; W_TX_RESULT has what it refused one with (uring engine).
export function settleMessages(): void {
  const count = load<u32>(w() + W_TX_COUNT);
  let refused: u32 = count;
  for (let message: u32 = 0; message < count; ) {
    const errno = <i32>ofMessage(W_TX_RESULT, message);
    const first = message++;
    if (errno == 0) {
      while (message < count && ofMessage(W_TX_RESULT, message) == 0) message++;
      sent(first, message - first);
    } else if (ofMessage(W_TX_FRAMES, first) > 1 && refusesSegmentation(errno)) refused = first;
    else dropMessage(first, dropOfErrno(errno));
  }
  store<u32>(w() + W_TX_COUNT, 0);
  if (refused < count) refuse(refused, <i32>ofMessage(W_TX_RESULT, refused));
}

// What has not left is planned anew, datagram by datagram.
function refuse(message: u32, errno: i32): void {
  const socket = load<u32>(overlayAt(load<u32>(outAt(ofMessage(W_TX_OUT, message)), OUT_OVERLAY)), OVL_SOCKET);
  if (errno == EINVAL) doubt(socket, errno);
  else stopSegmenting(socket, errno);
  planApart();
}

// Every TAP write was tried; W_DELIVER_RESULT has what each answered.
export function delivered(): void {
  const count = load<u32>(w() + W_DELIVER_COUNT);
  for (let delivery: u32 = 0; delivery < count; delivery++) {
    const result = <i32>ofMessage(W_DELIVER_RESULT, delivery);
    const isLost = result < 0;
    let out = outAt(ofMessage(W_DELIVER_OUT, delivery));
    if (load<u32>(out, OUT_ENDPOINT) != 0) {
      settleTunnel(out, result);
      continue;
    }
    if (isCut(out)) {
      settle(out, load<u32>(out, OUT_SETTLED) + 1, 1, cutLength(delivery), isLost);
      continue;
    }
    settleDelivery(out, isLost);
    for (let next = load<u32>(out, OUT_NEXT); next != 0; next = load<u32>(out, OUT_NEXT)) {
      out = outAt(next);
      settleDelivery(out, isLost);
    }
  }
}

// A write to the underlay TAP.
function settleTunnel(out: usize, result: i32): void {
  const frames = load<u32>(out, OUT_FRAMES);
  store<u32>(out, frames, OUT_SETTLED);
  const bytes = load<u32>(out, OUT_BYTES);
  if (result >= 0) {
    countEndpoint(load<u32>(out, OUT_ENDPOINT), frames, bytes);
    return countSent(load<u32>(out, OUT_OVERLAY), frames, bytes);
  }
  dropFrames(dropOfErrno(-result), load<u32>(out, OUT_OVERLAY), load<u32>(out, OUT_SENDER), frames);
}

@inline
function settleDelivery(out: usize, isLost: bool): void {
  const frames = load<u32>(out, OUT_FRAMES);
  settle(out, frames, frames, load<u32>(out, OUT_BYTES), isLost);
}

// `settled` of an entry's frames have met their fate: the last `frames` of them, of `bytes`, now.
@inline
function settle(out: usize, settled: u32, frames: u32, bytes: u32, isLost: bool): void {
  store<u32>(out, settled, OUT_SETTLED);
  if (isLost) return dropFrames(Drop.tap_error, load<u32>(out, OUT_OVERLAY), load<u32>(out, OUT_SENDER), frames);
  total(C_DELIVERED, frames);
  total(C_DELIVERED_BYTES, bytes);
  const counters = vnicCounters(load<u32>(out, OUT_VNIC));
  bump(counters, VC_RX_FRAMES, frames);
  bump(counters, VC_RX_BYTES, bytes);
}
