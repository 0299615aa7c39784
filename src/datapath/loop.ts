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
  OUT_MAX,
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

/**
 * `count` addresses from `first` on. Each is a boxed number made now: an array of nothing but large numbers would be
 * kept unboxed, and every system call would box its argument anew. The null at the end prevents that.
 */
function addresses(first: number, stride: number, count: number): readonly (number | null)[] {
  return [...Array.from({ length: count }, (_, index) => first + index * stride), null];
}

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
  const clockSeconds = word(W_CLOCK);
  const clockNanoseconds = word(W_CLOCK + 8);
  const pollfds = at(W_POLLFDS);
  const messages = addresses(at(W_TX_MMSG), MMSGHDR_SIZE, OUT_MAX);
  const deliveries = addresses(at(W_DELIVER_IOV), IOVEC_SIZE, OUT_MAX);
  const frames = addresses(at(W_TAP_IOV), IOVEC_SIZE, BATCH_MAX);
  const datagrams = at(W_RX_MMSG);
  const holdTimeout = at(W_HOLD_TIMEOUT);
  const noWait = at(W_NO_WAIT);
  u64[(area + W_HOLD_TIMEOUT + 8) >> 3] = BigInt(HOLD_TIMEOUT_NS);

  /** The module reads the time from memory itself: here it would be a boxed number. */
  function lookAtClock(): void {
    clockMonotonic(clockAddress);
  }

  function nowMs(): number {
    lookAtClock();
    return u32[clockSeconds]! * 1000 + u32[clockNanoseconds]! / 1e6;
  }

  function send(): void {
    const count = u32[word(W_TX_COUNT)]!;
    for (let from = 0; from < count; ) {
      const run = datapath.messageRun(from);
      const answer = sendmmsg(i32[word(W_TX_FD) + from]!, messages[from]!, run, MSG_DONTWAIT);
      if (answer > 0) {
        datapath.sent(from, answer);
        from += answer;
      } else if (answer !== -EINTR) {
        from += datapath.sendFailed(from, run, -answer);
      }
    }
  }

  function deliver(): void {
    const count = u32[word(W_DELIVER_COUNT)]!;
    if (count === 0) return;
    for (let index = 0; index < count; index++) {
      const fd = i32[word(W_DELIVER_FD) + index]!;
      i32[word(W_DELIVER_RESULT) + index] = writev(fd, deliveries[index]!, 1);
    }
    datapath.delivered();
  }

  function flush(): void {
    if (datapath.prepare() === 0) return;
    send();
    deliver();
  }

  function settle(): void {
    while (!datapath.turn()) flush();
    flush();
  }

  function receive(fd: number, socket: number): void {
    const count = recvmmsg(fd, datagrams, BATCH_MAX, MSG_DONTWAIT);
    for (let from = 0; from < count; ) {
      from = datapath.decapBatch(socket, from, count);
      flush();
    }
  }

  function read(fd: number, vnic: number): number {
    let count = 0;
    let answer = 0;
    while (count < BATCH_MAX) {
      answer = readv(fd, frames[count]!, 1);
      if (answer < 0) break;
      i32[word(W_TAP_LEN) + count++] = answer;
    }
    for (let from = 0; from < count; ) {
      from = datapath.encapBatch(vnic, from, count);
      flush();
    }
    return answer;
  }

  function serve(entries: number): void {
    for (let entry = 1; entry < entries; entry++) {
      const pollfd = word(W_POLLFDS) + entry * 2;
      if (i32[pollfd + 1]! >>> 16 === 0) continue; // no revents
      const fd = i32[pollfd]!;
      const index = u32[word(W_POLL_INDEX) + entry]!;
      if (index < SOCKETS_MAX) {
        receive(fd, index);
        continue;
      }
      const answer = read(fd, index - SOCKETS_MAX);
      if (answer !== -EBADFD && answer !== -EIO) continue;
      i32[pollfd] = -1; // ppoll passes over it from now on
      options.onVnicGone(index - SOCKETS_MAX);
    }
  }

  let entries = datapath.pollSet();
  let lastWorkMs = 0;
  while (Atomics.load(u32, HDR_STOP >> 2) === 0) {
    const spin = busyPollMs > 0 && nowMs() - lastWorkMs < busyPollMs;
    const timeout = spin ? noWait : datapath.isHolding() ? holdTimeout : 0;
    const ready = ppoll(pollfds, entries, timeout);
    // The wake-up is taken before the turn is counted: whoever reads the count after it may rely on his own wake-up.
    if (ready > 0 && i32[word(W_POLLFDS) + 1]! >>> 16 !== 0) clearEventfd(eventfd);
    Atomics.add(u32, word(W_TURN), 1);
    const isStale = datapath.pollSetChanged(); // then what ppoll said belongs to the old set
    if (isStale) entries = datapath.pollSet();
    if (ready <= 0 && !datapath.isHolding()) continue;
    lookAtClock();
    settle();
    if (ready <= 0 || isStale) continue;
    serve(entries);
    if (busyPollMs > 0) lastWorkMs = nowMs();
  }
}
