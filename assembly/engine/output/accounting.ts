// What became of the output list: sent by the kernel, refused by it, or written to a TAP. Each frame is counted once,
// when its fate is known; OUT_SETTLED says how many of an entry's that are.

import {
  C_DELIVERED,
  C_DELIVERED_BYTES,
  C_ENCAP_OUT,
  C_ENCAP_OUT_BYTES,
  DELIVER_OUT,
  DELIVER_RESULT,
  DELIVER_SIZE,
  Drop,
  MARK_FRAGMENT,
  OC_ENCAP_FRAMES,
  OUT_BYTES,
  OUT_DROPPED,
  OUT_ENDPOINT,
  OUT_FRAMES,
  OUT_MARK,
  OUT_NEXT,
  OUT_OVERLAY,
  OUT_SENDER,
  OUT_SETTLED,
  OUT_VNIC,
  OVL_SOCKET,
  TX_BYTES,
  TX_FD,
  TX_FRAMES,
  TX_OUT,
  TX_RESULT,
  TX_SIZE,
  VC_RX_FRAMES,
  W_DELIVER_COUNT,
  W_TX_COUNT,
} from '../../layout';
import {
  bumpPair,
  countEndpoint,
  countLost,
  dropFrames,
  overlayCounters,
  pairAt,
  pairBytes,
  pairFrames,
  pairOf,
  total,
  vnicCounters,
} from '../../datapath/counters';
import { upcallTooLong } from '../../datapath/upcall';
import { w } from '../../datapath/worker';
import { overlayAt } from '../../table/records';
import { doubt, sawTooLong, stopSegmenting } from './doubt';
import { dropOfErrno, EINVAL, EIO, EMSGSIZE, refusesSegmentation } from './errno';
import { messageAt } from './message-records';
import { planApart } from './plan';
import { cutLength, deliveryAt, isCut, isWholeUnrefused } from './tap-writes';

// How many messages from `from` on leave by the same socket: they go in one sendmmsg.
export function messageRun(from: u32): u32 {
  const count = load<u32>(w() + W_TX_COUNT);
  const fd = load<i32>(messageAt(from), TX_FD);
  let end = from + 1;
  while (end < count && load<i32>(messageAt(end), TX_FD) == fd) end++;
  return end - from;
}

// The kernel took `count` messages from `from` on. What is counted of an overlay is summed while it stays the same.
export function sent(from: u32, count: u32): void {
  let overlay: u32 = 0;
  let sum = pairOf(0, 0);
  const end = messageAt(from + count);
  for (let message = messageAt(from); message < end; message += TX_SIZE) {
    const out = <usize>load<u32>(message, TX_OUT);
    const its = <u32>load<u16>(out, OUT_OVERLAY);
    if (its != overlay) {
      countSent(overlay, sum);
      overlay = its;
      sum = pairOf(0, 0);
    }
    settleMessage(out, load<u32>(message, TX_FRAMES));
    const more = pairAt(message + TX_FRAMES); // and TX_BYTES
    sum = i64x2.add(sum, more);
    countEndpoint(load<u32>(out, OUT_ENDPOINT), more);
  }
  countSent(overlay, sum);
}

function countSent(overlay: u32, more: v128): void {
  total(C_ENCAP_OUT, pairFrames(more));
  total(C_ENCAP_OUT_BYTES, pairBytes(more));
  bumpPair(overlayCounters(overlay), OC_ENCAP_FRAMES, more); // and OC_ENCAP_BYTES
}

// `frames` of a super-frame, or the whole chain that starts here.
@inline
function settleMessage(out: usize, frames: u32): void {
  let next = <usize>load<u32>(out, OUT_NEXT);
  if (next == 0) store<u32>(out, load<u32>(out, OUT_SETTLED) + frames, OUT_SETTLED);
  else store<u32>(out, 1, OUT_SETTLED);
  for (; next != 0; next = load<u32>(next, OUT_NEXT)) store<u32>(next, 1, OUT_SETTLED);
}

// The kernel refused `run` messages from `from` on with `errno` (positive), or rather the first of them. Answers how
// many are settled by that: all dropped when the socket's buffer is full, as asking for each would cost a system call;
// else that one; 0 when nothing is lost and the list is to be prepared again, datagram by datagram.
export function sendFailed(from: u32, run: u32, errno: i32): u32 {
  if (mayGoApart(messageAt(from), errno)) {
    refuse(messageAt(from), errno);
    return 0;
  }
  const reason = dropOfErrno(errno);
  const count = reason == Drop.underlay_busy ? run : 1;
  for (let index: u32 = 0; index < count; index++) dropMessage(messageAt(from + index), reason);
  return count;
}

function dropMessage(message: usize, reason: Drop): void {
  const frames = load<u32>(message, TX_FRAMES);
  let out = <usize>load<u32>(message, TX_OUT);
  const head = out;
  if (load<u32>(head, OUT_NEXT) == 0) lose(out, reason, frames);
  else {
    for (let left = frames; left > 0; left--) {
      lose(out, reason, 1);
      out = load<u32>(out, OUT_NEXT);
    }
  }
  settleMessage(head, frames);
  if (reason != Drop.exceeds_pmtu) return;
  sawTooLong();
  upcallTooLong(load<u32>(head, OUT_ENDPOINT));
}

// `frames` of an entry go nowhere.
function lose(out: usize, reason: Drop, frames: u32): void {
  store<u16>(out, <u16>reason, OUT_DROPPED);
  dropFrames(reason, load<u16>(out, OUT_OVERLAY), load<u32>(out, OUT_SENDER), frames);
  countLost(load<u32>(out, OUT_ENDPOINT), frames); // endpoint 0, which nobody asks for, has those for VNICs
}

// The kernel has taken every message; with `failures`, TX_RESULT has what it refused one with (uring engine).
export function settleMessages(failures: bool): void {
  const count = load<u32>(w() + W_TX_COUNT);
  if (failures) settleFailures(count);
  else sent(0, count);
  store<u32>(w() + W_TX_COUNT, 0);
}

function settleFailures(count: u32): void {
  let refused: u32 = count;
  for (let index: u32 = 0; index < count; ) {
    const errno = load<i32>(messageAt(index), TX_RESULT);
    const first = index++;
    if (errno == 0) {
      while (index < count && load<i32>(messageAt(index), TX_RESULT) == 0) index++;
      sent(first, index - first);
    } else if (mayGoApart(messageAt(first), errno)) refused = first;
    else dropMessage(messageAt(first), dropOfErrno(errno));
  }
  if (refused < count) refuse(messageAt(refused), load<i32>(messageAt(refused), TX_RESULT));
}

// Whether the datagrams of a message that was refused may leave one by one: the kernel does not cut messages, or
// not those whose datagrams it has to make fragments of.
@inline
function mayGoApart(message: usize, errno: i32): bool {
  if (load<u32>(message, TX_FRAMES) == 1) return false;
  return refusesSegmentation(errno) || (errno == EMSGSIZE && mayFragment(<usize>load<u32>(message, TX_OUT)));
}

@inline
function mayFragment(out: usize): bool {
  return (load<u32>(out, OUT_MARK) & MARK_FRAGMENT) != 0;
}

// What has not left is planned anew, datagram by datagram.
function refuse(message: usize, errno: i32): void {
  const out = <usize>load<u32>(message, TX_OUT);
  const socket = load<u32>(overlayAt(load<u16>(out, OUT_OVERLAY)), OVL_SOCKET);
  if (errno != EIO && mayFragment(out)) {
    // One by one none will be refused, so that they are too long is said here.
    doubt(socket, errno);
    sawTooLong();
    upcallTooLong(load<u32>(out, OUT_ENDPOINT));
  } else if (errno == EINVAL) doubt(socket, errno);
  else stopSegmenting(socket, errno);
  planApart();
}

let deliveredMore: v128 = i64x2(0, 0); // what the writes of one call have delivered, those of one piece left out

// Every TAP write was tried; DELIVER_RESULT has what each answered.
export function delivered(): void {
  const end = deliveryAt(load<u32>(w() + W_DELIVER_COUNT));
  let sum = pairOf(0, 0);
  deliveredMore = sum;
  for (let delivery = deliveryAt(0); delivery < end; delivery += DELIVER_SIZE) {
    const out = <usize>load<u32>(delivery, DELIVER_OUT);
    if (!isWholeUnrefused(delivery)) {
      settleWrite(delivery, out, load<i32>(delivery, DELIVER_RESULT));
      continue;
    }
    const more = pairAt(out + OUT_FRAMES); // and OUT_BYTES
    store<u32>(out, load<u32>(out, OUT_FRAMES), OUT_SETTLED);
    sum = i64x2.add(sum, more);
    bumpPair(vnicCounters(load<u32>(out, OUT_VNIC)), VC_RX_FRAMES, more); // and VC_RX_BYTES
  }
  sum = i64x2.add(sum, deliveredMore);
  total(C_DELIVERED, pairFrames(sum));
  total(C_DELIVERED_BYTES, pairBytes(sum));
}

function settleWrite(delivery: usize, first: usize, result: i32): void {
  if (load<u32>(first, OUT_ENDPOINT) != 0) return settleTunnel(first, result);
  const isLost = result < 0;
  if (isCut(first)) return settle(first, load<u32>(first, OUT_SETTLED) + 1, 1, cutLength(delivery), isLost);
  for (let out = first; out != 0; out = load<u32>(out, OUT_NEXT)) {
    const frames = load<u32>(out, OUT_FRAMES);
    settle(out, frames, frames, load<u32>(out, OUT_BYTES), isLost);
  }
}

// A write to the underlay TAP.
function settleTunnel(out: usize, result: i32): void {
  const frames = load<u32>(out, OUT_FRAMES);
  store<u32>(out, frames, OUT_SETTLED);
  const bytes = load<u32>(out, OUT_BYTES);
  if (result >= 0) {
    countEndpoint(load<u32>(out, OUT_ENDPOINT), pairOf(frames, bytes));
    return countSent(load<u16>(out, OUT_OVERLAY), pairOf(frames, bytes));
  }
  lose(out, dropOfErrno(-result), frames);
}

// `settled` of an entry's frames have met their fate: the last `frames` of them, of `bytes`, now.
@inline
function settle(out: usize, settled: u32, frames: u32, bytes: u32, isLost: bool): void {
  store<u32>(out, settled, OUT_SETTLED);
  if (isLost) return lose(out, Drop.tap_error, frames);
  const more = pairOf(frames, bytes);
  deliveredMore = i64x2.add(deliveredMore, more);
  bumpPair(vnicCounters(load<u32>(out, OUT_VNIC)), VC_RX_FRAMES, more); // and VC_RX_BYTES
}
