/**
 * The loop of one worker with the uring engine: one `io_uring_enter` submits what the turn before listed and brings
 * what has come since; the module does the rest, on rings inside the shared memory. borrowed: rings, buffers and
 * descriptors belong to this worker, and to the kernel while a request is under way.
 */
import {
  BUFFER_GROUP_TAP,
  BUFFER_GROUP_UDP,
  CQ_ENTRIES,
  HDR_STOP,
  RX_MAX,
  SQ_ENTRIES,
  TAP_SLOTS,
  W_CQ_HEAD,
  W_CQ_TAIL,
  W_CQES,
  W_ENTER_ARG,
  W_GSO_REFUSED,
  W_GSO_SOCKET,
  W_HOLD_TIMEOUT,
  W_REFUSED_ERRNO,
  W_REFUSED_SOCKET,
  W_RINGS,
  W_RINGS_SIZE,
  W_SIZE,
  W_SQ_HEAD,
  W_SQ_TAIL,
  W_SQES,
  W_TAP_RING,
  W_TURN,
  W_UDP_RING,
  W_URING_FD,
  W_VNIC_GONE,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { ETIME, systemError } from '../system/errno.js';
import { cancelAll, enter, openUring, registerBufferRing } from '../system/uring.js';
import { GETEVENTS_ARG_SIZE, IORING_ENTER_EXT_ARG, IORING_ENTER_GETEVENTS } from '../system/uring-abi.js';
import { HOLD_TIMEOUT_NS, type LoopOptions } from './loop.js';
import type { Views } from './memory.js';
import type { DatapathExports } from './module.js';
import { Pause } from './pause.js';
import { isRefusal, type Refusal, Refusals } from './refusals.js';
import { Sleeper } from './wakes.js';

// What uringTurn answers, see assembly/engine/uring/reap.ts.
const MORE = 1;
const VNIC_GONE = 2;
const SOCKET_REFUSED = 4;

const ARG_TIMESPEC = 16;

/** A ring that refuses this often in a row is beyond help: the next thread opens a fresh one. */
const REFUSALS_MAX = 10;

/** Opens this thread's ring in the worker's area and tells the module where its indexes are. */
function openRing({ u8, i32, u32, u64, address }: Views, area: number): number {
  const start = address + area;
  u8.fill(0, area + W_RINGS, area + W_RINGS + W_RINGS_SIZE);
  const ring = openUring({
    entries: SQ_ENTRIES,
    cqEntries: CQ_ENTRIES,
    rings: start + W_RINGS,
    sqes: start + W_SQES,
  });
  i32[(area + W_URING_FD) >> 2] = ring.fd;
  u32[(area + W_SQ_HEAD) >> 2] = ring.sq.head;
  u32[(area + W_SQ_TAIL) >> 2] = ring.sq.tail;
  u32[(area + W_CQ_HEAD) >> 2] = ring.cq.head;
  u32[(area + W_CQ_TAIL) >> 2] = ring.cq.tail;
  u32[(area + W_CQES) >> 2] = ring.cq.cqes;
  registerBufferRing(ring.fd, { address: start + W_TAP_RING, entries: TAP_SLOTS, bufferGroup: BUFFER_GROUP_TAP });
  registerBufferRing(ring.fd, { address: start + W_UDP_RING, entries: RX_MAX, bufferGroup: BUFFER_GROUP_UDP });
  u64[(area + W_HOLD_TIMEOUT + 8) >> 3] = HOLD_TIMEOUT_NS;
  u64[(area + W_ENTER_ARG + ARG_TIMESPEC) >> 3] = BigInt(start + W_HOLD_TIMEOUT);
  return ring.fd;
}

/** Runs until the host asks to stop. */
export function runUring(datapath: DatapathExports, views: Views, options: LoopOptions): void {
  const { i32, u32 } = views;
  const area = WORKERS_BASE + options.worker * W_SIZE;
  const word = (offset: number): number => (area + offset) >> 2;
  const ring = openRing(views, area);
  const argument = views.address + area + W_ENTER_ARG;
  const pause = new Pause(views, options.worker, options.busyPollUs);
  const sleeper = new Sleeper(views, options.worker);
  const refusals = new Refusals(views, options.worker, options.onRefusal);
  let refusedInARow = 0;
  /** When receives that failed are armed again; infinite: none has. */
  let retryAtMs = Number.POSITIVE_INFINITY;
  datapath.uringStart();

  const refused = (refusal: Refusal): number => refusals.add(refusal, pause.nowMs());

  function tell(answer: number): void {
    if (answer & SOCKET_REFUSED) {
      const refusal = {
        call: 'recvmsg',
        index: u32[word(W_REFUSED_SOCKET)]!,
        errno: i32[word(W_REFUSED_ERRNO)]!,
      } as const;
      retryAtMs = pause.nowMs() + refused(refusal);
    }
    if (answer & VNIC_GONE) options.onVnicGone(u32[word(W_VNIC_GONE)]!);
    if (i32[word(W_GSO_REFUSED)] === 0) return;
    options.onGsoRefused(u32[word(W_GSO_SOCKET)]!, i32[word(W_GSO_REFUSED)]!);
    i32[word(W_GSO_REFUSED)] = 0;
  }

  /** Submits what is queued; with `mayWait`, until something completes, or held frames have to be looked at. */
  function cross(mayWait: boolean): void {
    const isHolding = Boolean(datapath.isHolding());
    const waits = mayWait && sleeper.fallAsleep(isHolding);
    const least = waits ? 1 : 0;
    const hasDeadline = waits && (isHolding || retryAtMs !== Number.POSITIVE_INFINITY);
    const flags = hasDeadline ? IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG : IORING_ENTER_GETEVENTS;
    const size = hasDeadline ? GETEVENTS_ARG_SIZE : 0;
    const answer = enter(ring, datapath.uringToSubmit(), least, flags, hasDeadline ? argument : 0, size);
    if (answer !== -ETIME && isRefusal(answer)) helpless(-answer);
    else refusedInARow = 0;
  }

  function helpless(errno: number): void {
    const delayMs = refused({ call: 'io_uring_enter', index: 0, errno });
    if (++refusedInARow === REFUSALS_MAX) throw systemError('io_uring_enter', errno);
    sleeper.rest(delayMs);
  }

  function retry(): void {
    if (pause.nowMs() < retryAtMs) return;
    retryAtMs = Number.POSITIVE_INFINITY;
    datapath.uringRetry();
    answer = MORE;
  }

  let answer = MORE;
  while (Atomics.load(u32, HDR_STOP >> 2) === 0) {
    if (retryAtMs !== Number.POSITIVE_INFINITY) retry();
    cross((answer & MORE) === 0 && !pause.spin());
    sleeper.wakeUp();
    Atomics.add(u32, word(W_TURN), 1);
    pause.lookAtClock();
    answer = datapath.uringTurn();
    if (answer & MORE) pause.hadWork();
    tell(answer);
  }
  cancelAll(ring);
}
