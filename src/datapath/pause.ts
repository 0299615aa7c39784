/**
 * How a worker waits. Waking up costs more than looking again, so while work comes at short intervals the worker looks
 * again and again, for at most the busy-poll time, before it sleeps. When work comes seldom, it sleeps at once.
 */
import { W_CLOCK, W_SIZE, WORKERS_BASE } from '../../assembly/layout.js';
import { clockMonotonic, schedYield } from '../system/syscalls.js';
import type { Views } from './memory.js';

const MEMORY = 4; // how many gaps the mean remembers

export class Pause {
  readonly #u32: Uint32Array;
  readonly #address: number;
  readonly #seconds: number;
  readonly #nanoseconds: number;
  readonly #busyPollMs: number;
  #lastWorkMs = 0;
  /** Between one piece of work and the next, as a moving mean. */
  #gapMs = Number.POSITIVE_INFINITY;

  constructor({ u32, address }: Views, worker: number, busyPollUs: number) {
    const clock = WORKERS_BASE + worker * W_SIZE + W_CLOCK;
    this.#u32 = u32;
    this.#address = address + clock;
    this.#seconds = clock >> 2;
    this.#nanoseconds = (clock + 8) >> 2;
    this.#busyPollMs = busyPollUs / 1000;
  }

  /** Writes the time into the shared memory, where the module reads it: on its way there it would be a boxed number. */
  lookAtClock(): void {
    clockMonotonic(this.#address);
  }

  /** Milliseconds of the monotonic clock. */
  nowMs(): number {
    this.lookAtClock();
    return this.#seenMs();
  }

  /** The time when the clock was looked at last. */
  #seenMs(): number {
    return this.#u32[this.#seconds]! * 1000 + this.#u32[this.#nanoseconds]! / 1e6;
  }

  /** Whether to look again without sleeping. Then others that want this processor have had their turn. */
  spin(): boolean {
    if (this.#gapMs > this.#busyPollMs || this.nowMs() - this.#lastWorkMs > this.#busyPollMs) return false;
    schedYield();
    return true;
  }

  /** There was something to do when the clock was looked at last. */
  hadWork(): void {
    if (this.#busyPollMs === 0) return;
    const now = this.#seenMs();
    const gap = Math.min(now - this.#lastWorkMs, 2 * this.#busyPollMs); // one long pause is soon forgotten
    this.#gapMs = Number.isFinite(this.#gapMs) ? this.#gapMs + (gap - this.#gapMs) / MEMORY : gap;
    this.#lastWorkMs = now;
  }
}
