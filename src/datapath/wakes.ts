/**
 * How the host wakes a worker: with one write of an eventfd a batch, and only a worker that sleeps.
 *
 * The host first writes what there is to see, then raises W_WAKES, then looks at W_SLEEP. The worker first says in
 * W_SLEEP that it sleeps, then looks at W_WAKES once more. All four are sequentially consistent, so at least one of the
 * two sees what the other wrote: either the worker does not go to sleep, or it is woken.
 */
import { Sleep, W_EVENTFD, W_SIZE, W_SLEEP, W_TURN, W_WAKES, WORKERS_BASE } from '../../assembly/layout.js';
import { openEventfd, signalEventfd } from '../system/eventfd.js';
import { closeFd } from '../system/syscalls.js';
import type { Views } from './memory.js';

/** The host's side, of all workers. */
export class Waker {
  readonly #u32: Uint32Array;
  readonly #eventfds: readonly number[];
  /** Per worker, the least deep sleep that is to end when the code that runs now has; awake: none. */
  readonly #due: Sleep[];
  /** Per worker, the turn it had made when it was woken last. */
  readonly #wokenAt: number[];
  #isDue = false;
  #isClosed = false;

  constructor({ u32, i32 }: Views, workers: number) {
    this.#u32 = u32;
    this.#eventfds = Array.from({ length: workers }, openEventfd);
    this.#due = this.#eventfds.map(() => Sleep.awake);
    this.#wokenAt = this.#eventfds.map(() => -1);
    for (const [worker, eventfd] of this.#eventfds.entries()) i32[this.#word(worker, W_EVENTFD)] = eventfd;
  }

  #word(worker: number, offset: number): number {
    return (WORKERS_BASE + worker * W_SIZE + offset) >> 2;
  }

  #sleepOf(worker: number): Sleep {
    return Atomics.load(this.#u32, this.#word(worker, W_SLEEP));
  }

  /** Turns of the worker's loop so far, modulo 2^32. */
  turnOf(worker: number): number {
    return Atomics.load(this.#u32, this.#word(worker, W_TURN));
  }

  /** Whether the worker sleeps, and nobody has woken it since it fell asleep. */
  sleeps(worker: number): boolean {
    return this.#sleepOf(worker) !== Sleep.awake && this.#wokenAt[worker] !== this.turnOf(worker);
  }

  /** The worker's thread has ended, and says nothing more. */
  forget(worker: number): void {
    Atomics.store(this.#u32, this.#word(worker, W_SLEEP), Sleep.awake);
  }

  /**
   * Makes a worker look at the tables and at its inject ring, once the code that runs now has ended. One that sleeps
   * less deeply than `least` is left alone: what there is concerns it only when it wakes by itself.
   */
  wake(worker: number, least: Sleep): void {
    const due = this.#due[worker]!;
    this.#due[worker] = due === Sleep.awake ? least : Math.min(due, least);
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => this.#wakeDue());
  }

  #wakeDue(): void {
    this.#isDue = false;
    for (const [worker, least] of this.#due.entries()) {
      if (least === Sleep.awake) continue;
      this.#due[worker] = Sleep.awake;
      Atomics.add(this.#u32, this.#word(worker, W_WAKES), 1);
      if (this.#sleepOf(worker) >= least) this.signal(worker);
    }
  }

  /** Ends the worker's system call, if it is in one that waits. */
  signal(worker: number): void {
    this.#wokenAt[worker] = this.turnOf(worker);
    if (!this.#isClosed) signalEventfd(this.#eventfds[worker]!);
  }

  /** No worker is there any more. */
  close(): void {
    this.#isClosed = true;
    for (const eventfd of this.#eventfds) closeFd(eventfd);
  }
}

/** The side of one worker. */
export class Sleeper {
  readonly #u32: Uint32Array;
  readonly #i32: Int32Array;
  readonly #sleep: number;
  readonly #wakes: number;
  /** W_WAKES when the turn began; before the first turn nothing has been seen. */
  #seen = -1;

  constructor({ u32, i32 }: Views, worker: number) {
    this.#u32 = u32;
    this.#i32 = i32;
    this.#sleep = (WORKERS_BASE + worker * W_SIZE + W_SLEEP) >> 2;
    this.#wakes = (WORKERS_BASE + worker * W_SIZE + W_WAKES) >> 2;
  }

  /**
   * A turn begins, which sees all that the host has written so far. To be called before the turn is counted: whoever
   * reads the count, and then wakes, may rely on another turn. True when the host has said something since the last.
   */
  wakeUp(): boolean {
    Atomics.store(this.#u32, this.#sleep, Sleep.awake);
    const wakes = Atomics.load(this.#u32, this.#wakes);
    const isTold = wakes !== this.#seen;
    this.#seen = wakes;
    return isTold;
  }

  /** Nothing is done for so many milliseconds, or not at all if the host has said something since the turn began. */
  rest(ms: number): void {
    Atomics.wait(this.#i32, this.#wakes, this.#seen | 0, ms);
  }

  /** Says that the worker sleeps, until `wakeUp`. False: the host has said something since the turn began. */
  fallAsleep(isHolding: boolean): boolean {
    Atomics.store(this.#u32, this.#sleep, isHolding ? Sleep.holding : Sleep.idle);
    return Atomics.load(this.#u32, this.#wakes) === this.#seen;
  }
}
