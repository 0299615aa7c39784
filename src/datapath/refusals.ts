/**
 * System calls that fail though no frame is to blame: one that waits, or reads. It would fail again at once, so that a
 * worker would use all of a processor without a word. Each failure is counted, the first one is told to the host, and
 * the call is tried again after a while.
 */
import { C_IO_REFUSED, W_COUNTERS, W_SIZE, WORKERS_BASE } from '../../assembly/layout.js';
import { EAGAIN, EINTR } from '../system/errno.js';
import type { Views } from './memory.js';

export interface Refusal {
  readonly call: 'ppoll' | 'recvmmsg' | 'readv' | 'io_uring_enter' | 'recvmsg';
  /** Of the socket or VNIC that was read; 0: the call waits for all. */
  readonly index: number;
  /** Positive. */
  readonly errno: number;
}

const DELAY_MS = 1;
/** What works again is noticed as late as this. */
const DELAY_MAX_MS = 100;
/** A failure after so long is a new one: it is told again. */
const CALM_MS = 60_000;

/** Whether a call that answered this is to be looked after; all others say "nothing there", or "interrupted". */
export function isRefusal(answer: number): boolean {
  return answer < 0 && answer !== -EAGAIN && answer !== -EINTR;
}

export class Refusals {
  readonly #counts: BigUint64Array;
  readonly #counter: number;
  readonly #tell: (refusal: Refusal) => void;
  readonly #known = new Map<string, { delayMs: number; atMs: number }>();

  constructor({ u64 }: Views, worker: number, tell: (refusal: Refusal) => void) {
    this.#counts = u64;
    this.#counter = (WORKERS_BASE + worker * W_SIZE + W_COUNTERS + C_IO_REFUSED) >> 3;
    this.#tell = tell;
  }

  /** Answers how many milliseconds to wait before the call is tried again. */
  add(refusal: Refusal, nowMs: number): number {
    this.#counts[this.#counter]! += 1n;
    const key = `${refusal.call} ${refusal.index} ${refusal.errno}`;
    const before = this.#known.get(key);
    const isNew = before === undefined || nowMs - before.atMs > CALM_MS;
    const delayMs = isNew ? DELAY_MS : Math.min(before.delayMs * 2, DELAY_MAX_MS);
    this.#known.set(key, { delayMs, atMs: nowMs });
    if (isNew) this.#tell(refusal);
    return delayMs;
  }
}
