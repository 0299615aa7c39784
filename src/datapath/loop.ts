/**
 * The loop of one worker with the mmsg engine, in the packet's order: wait, answer what waited, decap what came from
 * the underlay, encap what came from the VNICs; after each step send what it listed. The Wasm module decides; this file
 * only makes the system calls, a few per batch, and hands over their results. borrowed: every buffer and descriptor is
 * inside the shared memory and belongs to this worker.
 */
import {
  BATCH_MAX,
  HDR_STOP,
  IOVEC_SIZE,
  MMSGHDR_SIZE,
  SOCKETS_MAX,
  W_CLOCK,
  W_DELIVER_COUNT,
  W_DELIVER_FD,
  W_DELIVER_IOV,
  W_DELIVER_RESULT,
  W_EVENTFD,
  W_HOLD_TIMEOUT,
  W_NO_WAIT,
  W_POLL_INDEX,
  W_POLLFDS,
  W_RX_MMSG,
  W_SIZE,
  W_TAP_IOV,
  W_TAP_LEN,
  W_TURN,
  W_TX_COUNT,
  W_TX_FD,
  W_TX_MMSG,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { clearEventfd } from '../system/eventfd.js';
import { clockMonotonic, ppoll, readv, recvmmsg, sendmmsg, writev } from '../system/syscalls.js';
import type { Views } from './memory.js';
import type { DatapathExports } from './module.js';

const MSG_DONTWAIT = 0x40;
const EINTR = 4;
const EIO = 5;
const EBADFD = 77; // what a TAP answers whose interface was deleted
const HOLD_TIMEOUT_NS = 50_000_000; // how late a lookup deadline may be noticed

/** Runs until the host asks to stop. `onVnicGone` is told of a TAP whose interface vanished. */
export function runLoop(
  datapath: DatapathExports,
  views: Views,
  options: { readonly worker: number; readonly busyPollUs: number; readonly onVnicGone: (vnic: number) => void },
): void {
  const { i32, u32, u64, address } = views;
  const area = WORKERS_BASE + options.worker * W_SIZE;
  const at = (offset: number): number => address + area + offset;
  const word = (offset: number): number => (area + offset) >> 2;

  const eventfd = i32[word(W_EVENTFD)]!;
  const busyPollMs = options.busyPollUs / 1000;
  const clockAddress = at(W_CLOCK);
  const clockSeconds = (area + W_CLOCK) >> 3;
  const pollfds = at(W_POLLFDS);
  const messages = at(W_TX_MMSG);
  const deliveries = at(W_DELIVER_IOV);
  const frames = at(W_TAP_IOV);
  const datagrams = at(W_RX_MMSG);
  u64[(area + W_HOLD_TIMEOUT + 8) >> 3] = BigInt(HOLD_TIMEOUT_NS);

  function now(): number {
    clockMonotonic(clockAddress);
    return u32[clockSeconds << 1]! * 1000 + u32[(clockSeconds << 1) + 2]! / 1e6;
  }

  function send(): void {
    const count = u32[word(W_TX_COUNT)]!;
    for (let from = 0; from < count; ) {
      const run = datapath.messageRun(from);
      const answer = sendmmsg(i32[word(W_TX_FD) + from]!, messages + from * MMSGHDR_SIZE, run, MSG_DONTWAIT);
      if (answer > 0) {
        datapath.sent(from, answer);
        from += answer;
      } else if (answer !== -EINTR) {
        datapath.sendFailed(from, -answer);
        from++;
      }
    }
  }

  function deliver(): void {
    const count = u32[word(W_DELIVER_COUNT)]!;
    if (count === 0) return;
    for (let index = 0; index < count; index++) {
      const fd = i32[word(W_DELIVER_FD) + index]!;
      i32[word(W_DELIVER_RESULT) + index] = writev(fd, deliveries + index * IOVEC_SIZE, 1);
    }
    datapath.delivered();
  }

  function flush(): void {
    if (datapath.prepare() === 0) return;
    send();
    deliver();
  }

  function settle(nowMs: number): void {
    while (!datapath.turn(nowMs)) flush();
    flush();
  }

  function receive(fd: number, socket: number, nowMs: number): void {
    const count = recvmmsg(fd, datagrams, BATCH_MAX, MSG_DONTWAIT);
    for (let from = 0; from < count; ) {
      from = datapath.decapBatch(socket, from, count, nowMs);
      flush();
    }
  }

  function read(fd: number, vnic: number, nowMs: number): number {
    let count = 0;
    let answer = 0;
    while (count < BATCH_MAX) {
      answer = readv(fd, frames + count * IOVEC_SIZE, 1);
      if (answer < 0) break;
      i32[word(W_TAP_LEN) + count++] = answer;
    }
    for (let from = 0; from < count; ) {
      from = datapath.encapBatch(vnic, from, count, nowMs);
      flush();
    }
    return answer;
  }

  function serve(entries: number, nowMs: number): void {
    for (let entry = 1; entry < entries; entry++) {
      const pollfd = word(W_POLLFDS) + entry * 2;
      if (i32[pollfd + 1]! >>> 16 === 0) continue; // no revents
      const fd = i32[pollfd]!;
      const index = u32[word(W_POLL_INDEX) + entry]!;
      if (index < SOCKETS_MAX) {
        receive(fd, index, nowMs);
        continue;
      }
      const answer = read(fd, index - SOCKETS_MAX, nowMs);
      if (answer !== -EBADFD && answer !== -EIO) continue;
      i32[pollfd] = -1; // ppoll passes over it from now on
      options.onVnicGone(index - SOCKETS_MAX);
    }
  }

  let entries = datapath.pollSet();
  let lastWorkMs = 0;
  while (Atomics.load(u32, HDR_STOP >> 2) === 0) {
    const spin = busyPollMs > 0 && now() - lastWorkMs < busyPollMs;
    const timeout = spin ? at(W_NO_WAIT) : datapath.isHolding() ? at(W_HOLD_TIMEOUT) : 0;
    const ready = ppoll(pollfds, entries, timeout);
    // The wake-up is taken before the turn is counted: whoever reads the count after it may rely on his own wake-up.
    if (ready > 0 && i32[word(W_POLLFDS) + 1]! >>> 16 !== 0) clearEventfd(eventfd);
    Atomics.add(u32, word(W_TURN), 1);
    const isStale = datapath.pollSetChanged(); // then what ppoll said belongs to the old set
    if (isStale) entries = datapath.pollSet();
    if (ready <= 0 && !datapath.isHolding()) continue;
    const nowMs = now();
    settle(nowMs);
    if (ready > 0 && !isStale) {
      serve(entries, nowMs);
      lastWorkMs = nowMs;
    }
  }
}
