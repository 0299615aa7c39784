/** The datapath threads: started, woken, waited for, restarted after a trap, stopped. */
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  HDR_CONFIG_GENERATION,
  HDR_STOP,
  HDR_TRAP,
  Sleep,
  W_CONFIG_SEEN,
  W_SIZE,
  W_TURN,
  W_URING_FD,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { messageOf } from '../errors.js';
import { closeFd } from '../system/syscalls.js';
import type { Views } from './memory.js';
import { Waker } from './wakes.js';
import type { WorkerNotice, WorkerStart } from './worker.js';

// A worker that traps at once must not spin: each restart within CALM_MS of the last waits twice as long.
const RESTART_DELAY_MS = 100;
const RESTART_DELAY_MAX_MS = 6400;
const CALM_MS = 30_000;

const NO_FD = -1;

interface Thread {
  worker: Worker | null;
  startedAtMs: number;
  restartDelayMs: number;
}

export interface WorkerEvents {
  onRestart(worker: number, reason: string): void;
  onNotice(worker: number, notice: WorkerNotice): void;
}

export class Workers {
  readonly #views: Views;
  readonly #start: Omit<WorkerStart, 'worker'>;
  readonly #events: WorkerEvents;
  readonly #threads: Thread[] = [];
  readonly #waker: Waker;
  #stopping = false;
  restarts = 0;

  constructor(count: number, views: Views, start: Omit<WorkerStart, 'worker'>, events: WorkerEvents) {
    this.#views = views;
    this.#start = start;
    this.#events = events;
    this.#waker = new Waker(views, count);
    for (let index = 0; index < count; index++) {
      views.i32[this.#word(index, W_URING_FD)] = NO_FD;
      this.#threads.push({ worker: null, startedAtMs: 0, restartDelayMs: RESTART_DELAY_MS });
      this.#spawn(index);
    }
  }

  get count(): number {
    return this.#threads.length;
  }

  #word(index: number, offset: number): number {
    return (WORKERS_BASE + index * W_SIZE + offset) >> 2;
  }

  #turn(index: number): number {
    return Atomics.load(this.#views.u32, this.#word(index, W_TURN));
  }

  #seen(index: number): number {
    return Atomics.load(this.#views.u32, this.#word(index, W_CONFIG_SEEN));
  }

  /**
   * The ring of a thread that has ended, if it had one: its requests are over, its descriptor is left. The next thread
   * may end before it has a ring of its own, and by then the number may be somebody else's.
   */
  #closeRing(index: number): void {
    const word = this.#word(index, W_URING_FD);
    const fd = this.#views.i32[word]!;
    this.#views.i32[word] = NO_FD;
    if (fd !== NO_FD) closeFd(fd);
  }

  #spawn(index: number): void {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: { ...this.#start, worker: index },
    });
    const thread = this.#threads[index]!;
    thread.worker = worker;
    thread.startedAtMs = performance.now();
    let reason = 'it ended';
    worker.on('message', (notice: WorkerNotice) => this.#events.onNotice(index, notice));
    worker.on('error', (error) => {
      reason = messageOf(error);
    });
    worker.on('exit', () => {
      thread.worker = null;
      this.#waker.forget(index);
      this.#closeRing(index);
      if (!this.#stopping) void this.#restart(index, reason);
    });
  }

  async #restart(index: number, reason: string): Promise<void> {
    this.restarts++;
    this.#views.u32[HDR_TRAP >> 2] = 0;
    this.#events.onRestart(index, reason);
    const thread = this.#threads[index]!;
    const wasCalm = performance.now() - thread.startedAtMs > CALM_MS;
    thread.restartDelayMs = wasCalm ? RESTART_DELAY_MS : Math.min(thread.restartDelayMs * 2, RESTART_DELAY_MAX_MS);
    await delay(thread.restartDelayMs);
    if (!this.#stopping) this.#spawn(index);
  }

  /** Makes every worker look at the tables again, and at its inject ring. */
  wake(): void {
    for (let index = 0; index < this.count; index++) this.wakeOne(index);
  }

  wakeOne(index: number): void {
    this.#waker.wake(index, Sleep.idle);
  }

  /** Makes those look at the tables whose frames wait for FDB entries. */
  wakeHolding(): void {
    for (let index = 0; index < this.count; index++) this.#waker.wake(index, Sleep.holding);
  }

  /**
   * Resolves when every worker has begun a new turn and works with the tables as they are now: none still uses what was
   * removed before the call, nor does a request of its ring hold a descriptor of that.
   */
  async quiesce(): Promise<void> {
    const generation = Atomics.add(this.#views.u32, HDR_CONFIG_GENERATION >> 2, 1) + 1;
    const before = this.#threads.map((_, index) => this.#turn(index));
    this.wake();
    for (const [index, thread] of this.#threads.entries()) {
      const isBehind = () => this.#turn(index) === before[index] || ((this.#seen(index) - generation) | 0) < 0;
      while (thread.worker !== null && isBehind()) await delay(1);
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    Atomics.store(this.#views.u32, HDR_STOP >> 2, 1);
    this.wake();
    for (const thread of this.#threads) {
      const { worker } = thread;
      if (worker !== null) await new Promise((resolve) => worker.once('exit', resolve));
    }
    this.#waker.close();
  }
}
