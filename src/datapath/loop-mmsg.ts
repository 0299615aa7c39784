/**
 * The loop of one worker with the mmsg engine, in the packet's order: wait, answer what waited, decap what came from
 * the underlay, encap what came from the VNICs; after each step send what it listed. The Wasm module decides; this file
 * only makes the system calls, a few per batch, and hands over their results. borrowed: every buffer and descriptor is
 * inside the shared memory and belongs to this worker.
 */
import {
  DELIVER_FD,
  DELIVER_FIRST,
  DELIVER_IOV_MAX,
  DELIVER_RESULT,
  DELIVER_SIZE,
  DELIVER_VECTORS,
  EMIT_MAX,
  HDR_STOP,
  IOVEC_SIZE,
  MMSGHDR_SIZE,
  SOCKETS_MAX,
  TX_FD,
  TX_SIZE,
  W_DELIVER,
  W_DELIVER_COUNT,
  W_DELIVER_IOV,
  W_EVENTFD,
  W_GSO_REFUSED,
  W_GSO_SOCKET,
  W_HOLD_TIMEOUT,
  W_NO_WAIT,
  W_POLL_INDEX,
  W_POLLFDS,
  W_RX_MMSG,
  W_SIZE,
  W_TAP_IOV,
  W_TURN,
  W_TX,
  W_TX_COUNT,
  W_TX_MMSG,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { clearEventfd } from '../system/eventfd.js';
import { ppoll, readv, recvmmsg, sendmmsg, writev } from '../system/syscalls.js';
import { HOLD_TIMEOUT_NS, type LoopOptions } from './loop.js';
import type { Views } from './memory.js';
import type { DatapathExports } from './module.js';
import { Pause } from './pause.js';
import { isRefusal, type Refusal, Refusals } from './refusals.js';
import { Sleeper } from './wakes.js';

const MSG_DONTWAIT = 0x40;
const EINTR = 4;
const EIO = 5;
const EBADFD = 77; // what a TAP answers whose interface was deleted

/**
 * `count` addresses from `first` on. Each is a boxed number made now: an array of nothing but large numbers would be
 * kept unboxed, and every system call would box its argument anew. The null at the end prevents that.
 */
function addresses(first: number, stride: number, count: number): readonly (number | null)[] {
  return [...Array.from({ length: count }, (_, index) => first + index * stride), null];
}

class MmsgLoop {
  readonly #datapath: DatapathExports;
  readonly #views: Views;
  readonly #options: LoopOptions;
  readonly #area: number;
  readonly #pause: Pause;
  readonly #sleeper: Sleeper;
  readonly #messages: readonly (number | null)[];
  readonly #vectors: readonly (number | null)[];
  readonly #nextRead: number;
  readonly #datagrams: number;
  readonly #pollfds: number;
  readonly #holdTimeout: number;
  readonly #noWait: number;
  readonly #refusals: Refusals;
  /** Descriptors that could not be read: the kernel is not asked about them before `#retryAtMs`. */
  #aside: { readonly pollfd: number; readonly fd: number }[] = [];
  #retryAtMs = 0;
  #entries = 0;

  constructor(datapath: DatapathExports, views: Views, options: LoopOptions) {
    this.#datapath = datapath;
    this.#views = views;
    this.#options = options;
    this.#area = WORKERS_BASE + options.worker * W_SIZE;
    this.#pause = new Pause(views, options.worker, options.busyPollUs);
    this.#sleeper = new Sleeper(views, options.worker);
    this.#refusals = new Refusals(views, options.worker, options.onRefusal);
    const at = (offset: number): number => views.address + this.#area + offset;
    this.#messages = addresses(at(W_TX_MMSG), MMSGHDR_SIZE, EMIT_MAX);
    this.#vectors = addresses(at(W_DELIVER_IOV), IOVEC_SIZE, DELIVER_IOV_MAX);
    this.#nextRead = at(W_TAP_IOV);
    this.#datagrams = at(W_RX_MMSG);
    this.#pollfds = at(W_POLLFDS);
    this.#holdTimeout = at(W_HOLD_TIMEOUT);
    this.#noWait = at(W_NO_WAIT);
    views.u64[(this.#area + W_HOLD_TIMEOUT + 8) >> 3] = HOLD_TIMEOUT_NS;
  }

  run(): void {
    const { u32 } = this.#views;
    this.#watchAll();
    while (Atomics.load(u32, HDR_STOP >> 2) === 0) {
      if (this.#aside.length > 0) this.#takeBack();
      const ready = this.#wait();
      const isTold = this.#sleeper.wakeUp();
      Atomics.add(u32, this.#word(W_TURN), 1);
      const isStale = this.#datapath.pollSetChanged(); // then what ppoll said belongs to the old set
      if (isStale) this.#watchAll();
      const isIdle = ready <= 0 && !isTold && !this.#datapath.isReplicating();
      if (isIdle && !this.#datapath.isHolding()) continue;
      this.#pause.lookAtClock();
      this.#settle();
      if (isStale || isIdle) continue;
      if (ready > 0) this.#serve();
      this.#tellGsoRefused();
      this.#pause.hadWork();
    }
  }

  #word(offset: number): number {
    return (this.#area + offset) >> 2;
  }

  #watchAll(): void {
    this.#entries = this.#datapath.pollSet();
    this.#aside = [];
  }

  #wait(): number {
    const { i32 } = this.#views;
    const ready = ppoll(this.#pollfds, this.#entries, this.#timeout());
    if (isRefusal(ready)) this.#sleeper.rest(this.#refused({ call: 'ppoll', index: 0, errno: -ready }));
    const isWoken = ready > 0 && i32[this.#word(W_POLLFDS) + 1]! >>> 16 !== 0;
    if (isWoken) clearEventfd(i32[this.#word(W_EVENTFD)]!);
    return ready;
  }

  #timeout(): number {
    const isHolding = Boolean(this.#datapath.isHolding());
    if (this.#datapath.isReplicating() || this.#pause.spin() || !this.#sleeper.fallAsleep(isHolding))
      return this.#noWait;
    return isHolding || this.#aside.length > 0 ? this.#holdTimeout : 0;
  }

  #refused(refusal: Refusal): number {
    return this.#refusals.add(refusal, this.#pause.nowMs());
  }

  #setAside(entry: number, refusal: Refusal): void {
    const { i32 } = this.#views;
    const pollfd = this.#word(W_POLLFDS) + entry * 2;
    this.#retryAtMs = this.#pause.nowMs() + this.#refused(refusal);
    this.#aside.push({ pollfd, fd: i32[pollfd]! });
    i32[pollfd] = -1; // ppoll passes over it
  }

  #takeBack(): void {
    if (this.#pause.nowMs() < this.#retryAtMs) return;
    for (const { pollfd, fd } of this.#aside) this.#views.i32[pollfd] = fd;
    this.#aside = [];
  }

  #settle(): void {
    while (!this.#datapath.turn()) this.#flush();
    this.#flush();
  }

  #serve(): void {
    const { i32, u32 } = this.#views;
    for (let entry = 1; entry < this.#entries; entry++) {
      const pollfd = this.#word(W_POLLFDS) + entry * 2;
      if (i32[pollfd + 1]! >>> 16 === 0) continue; // no revents
      const fd = i32[pollfd]!;
      const index = u32[this.#word(W_POLL_INDEX) + entry]!;
      if (index < SOCKETS_MAX) {
        const answer = this.#receive(fd, index);
        if (isRefusal(answer)) this.#setAside(entry, { call: 'recvmmsg', index, errno: -answer });
        continue;
      }
      const answer = this.#read(fd, index - SOCKETS_MAX);
      if (answer === -EBADFD || answer === -EIO) {
        i32[pollfd] = -1; // ppoll passes over it from now on
        this.#options.onVnicGone(index - SOCKETS_MAX);
      } else if (isRefusal(answer)) {
        this.#setAside(entry, { call: 'readv', index: index - SOCKETS_MAX, errno: -answer });
      }
    }
  }

  #receive(fd: number, socket: number): number {
    const count = recvmmsg(fd, this.#datagrams, this.#datapath.receiveWanted(), MSG_DONTWAIT);
    for (let from = 0; from < count; ) {
      from = this.#datapath.decapBatch(socket, from, count);
      this.#flush();
    }
    return count;
  }

  #read(fd: number, vnic: number): number {
    let answer = 0;
    this.#datapath.tapBegin();
    do answer = readv(fd, this.#nextRead, 1);
    while (answer >= 0 && this.#datapath.tapTook(answer));
    const count = this.#datapath.tapCount();
    for (let from = 0; from < count; ) {
      from = this.#datapath.encapBatch(vnic, from);
      this.#flush();
    }
    return answer;
  }

  #flush(): void {
    while (this.#datapath.prepare() !== 0) {
      this.#send();
      this.#deliver();
    }
  }

  #send(): void {
    const { i32, u32 } = this.#views;
    const count = u32[this.#word(W_TX_COUNT)]!;
    for (let from = 0; from < count; ) {
      const run = this.#datapath.messageRun(from);
      const fd = i32[this.#word(W_TX + from * TX_SIZE + TX_FD)]!;
      const answer = sendmmsg(fd, this.#messages[from]!, run, MSG_DONTWAIT);
      if (answer > 0) {
        this.#datapath.sent(from, answer);
        from += answer;
      } else if (answer !== -EINTR) {
        const settled = this.#datapath.sendFailed(from, run, -answer);
        if (settled === 0) break; // it is prepared anew
        from += settled;
      }
    }
  }

  #deliver(): void {
    const { i32, u32 } = this.#views;
    const count = u32[this.#word(W_DELIVER_COUNT)]!;
    if (count === 0) return;
    for (let index = 0; index < count; index++) {
      const delivery = this.#word(W_DELIVER + index * DELIVER_SIZE);
      const fd = i32[delivery + (DELIVER_FD >> 2)]!;
      const first = (u32[delivery + (DELIVER_FIRST >> 2)]! - this.#area - W_DELIVER_IOV) / IOVEC_SIZE;
      const vectors = u32[delivery + (DELIVER_VECTORS >> 2)]!;
      i32[delivery + (DELIVER_RESULT >> 2)] = writev(fd, this.#vectors[first]!, vectors);
    }
    this.#datapath.delivered();
  }

  #tellGsoRefused(): void {
    const { i32, u32 } = this.#views;
    const refused = this.#word(W_GSO_REFUSED);
    if (i32[refused] === 0) return;
    this.#options.onGsoRefused(u32[this.#word(W_GSO_SOCKET)]!, i32[refused]!);
    i32[refused] = 0;
  }
}

/** Runs until the host asks to stop. */
export function runMmsg(datapath: DatapathExports, views: Views, options: LoopOptions): void {
  new MmsgLoop(datapath, views, options).run();
}
