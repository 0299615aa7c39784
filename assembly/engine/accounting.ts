// What became of the output list: sent by the kernel, refused by it, or written to a TAP. Each listed frame is counted
// once, when its fate is known.

import {
  C_DELIVERED,
  C_DELIVERED_BYTES,
  C_ENCAP_OUT,
  C_ENCAP_OUT_BYTES,
  Drop,
  OC_ENCAP_BYTES,
  OC_ENCAP_FRAMES,
  OUT_ENDPOINT,
  OUT_LEN,
  OUT_OVERLAY,
  OUT_SENDER,
  OUT_VNIC,
  VC_RX_BYTES,
  VC_RX_FRAMES,
  W_DELIVER_COUNT,
  W_DELIVER_OUT,
  W_DELIVER_RESULT,
  W_TX_COUNT,
  W_TX_FD,
  W_TX_OUT,
} from '../layout';
import { bump, countEndpoint, drop, overlayCounters, total, vnicCounters } from '../datapath/counters';
import { outAt } from '../datapath/output';
import { w } from '../datapath/worker';
import { dropOfErrno } from './errno';

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

// The kernel refused `run` messages from `from` on with `errno` (positive), or rather the first of them. Answers how
// many are dropped for it: all when the socket's buffer is full, as asking for each would cost a system call; else that
// one.
export function sendFailed(from: u32, run: u32, errno: i32): u32 {
  const reason = dropOfErrno(errno);
  const count = reason == Drop.underlay_busy ? run : 1;
  for (let message = from; message < from + count; message++) {
    const out = outAt(load<u32>(w() + W_TX_OUT + ((<usize>message) << 2)));
    drop(reason, load<u32>(out, OUT_OVERLAY), load<u32>(out, OUT_SENDER));
  }
  return count;
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
