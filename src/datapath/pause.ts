/** How a worker waits: it looks again and again for a while after it had work, then it sleeps. */
import { W_CLOCK, W_SIZE, WORKERS_BASE } from '../../assembly/layout.js';
import { clockMonotonic } from '../system/syscalls.js';
import type { Views } from './memory.js';

export class Pause {
  readonly #u32: Uint32Array;
  readonly #address: number;
  readonly #seconds: number;
  readonly #nanoseconds: number;
  readonly #busyPollMs: number;
  #lastWorkMs = 0;

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

  #nowMs(): number {
    this.lookAtClock();
    return this.#u32[this.#seconds]! * 1000 + this.#u32[this.#nanoseconds]! / 1e6;
  }

  /** Whether to look again without sleeping. */
  get isSpinning(): boolean {
    return this.#busyPollMs > 0 && this.#nowMs() - this.#lastWorkMs < this.#busyPollMs;
  }

  /** There was something to do just now. */
  hadWork(): void {
    if (this.#busyPollMs > 0) this.#lastWorkMs = this.#nowMs();
  }
}
