/** The datapath threads: started, woken, watched, waited for, replaced when they trap or loop, stopped. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import {
  HDR_CONFIG_GENERATION,
  HDR_STOP,
  HDR_TRAP,
  Sleep,
  W_CONFIG_SEEN,
  W_SIZE,
  W_URING_FD,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import type { BegunThread } from '../begun-thread.js';
import { messageOf } from '../errors.js';
import { Silence } from '../silence.js';
import { closeFd } from '../system/syscalls.js';
import { type ThreadTimes, threadTimes } from '../system/thread-times.js';
import { beginWorker } from './begin.js';
import type { Views } from './memory.js';
import { Waker } from './wakes.js';
import type { WorkerNotice, WorkerStart } from './worker.js';

// A worker that traps at once must not spin: each restart within CALM_MS of the last waits twice as long.
const RESTART_DELAY_MS = 100;
const RESTART_DELAY_MAX_MS = 6400;
const CALM_MS = 30_000;

const NO_FD = -1;

/** A worker whose loop has not gone round for this long, though it does not sleep, loops or is stuck. */
const SILENCE_MAX_MS = 5000;
/** Until the first turn: Node starts the thread. */
const FIRST_SILENCE_MAX_MS = 30_000;
/** A thread inside a system call ends when that returns, which may be never: nobody waits for it longer than this. */
const END_MAX_MS = 2000;

interface Thread {
  /** null: it has ended, and the next one is not there yet. */
  worker: Worker | null;
  silence: Silence;
  /** Its number in the kernel, once it has said so. */
  number: number | null;
  /** The last turn seen of it. */
  turn: number;
  hasTurned: boolean;
  /** Why it ends, once that is known. */
  reason: string | null;
  /** When it was told to end at once, by the clock of `watch`. */
  endedAtMs: number | null;
  /** It was told to end, and does not. */
  isStuck: boolean;
  startedAtMs: number;
  restartDelayMs: number;
}

const NO_THREAD = {
  worker: null,
  number: null,
  turn: 0,
  hasTurned: false,
  reason: null,
  endedAtMs: null,
  isStuck: false,
  startedAtMs: 0,
  restartDelayMs: RESTART_DELAY_MS,
} as const;

export interface WorkerEvents {
  onRestart(worker: number, reason: string): void;
  /** A thread that was ended is still there: a system call of its does not return. There is no other in its place. */
  onStuck(worker: number): void;
  onNotice(worker: number, notice: Exclude<WorkerNotice, { kind: 'started' }>): void;
}

/** How a worker's thread is, and what it has done so far. */
export interface ThreadView {
  /** Its loop goes round, or sleeps. */
  readonly isRunning: boolean;
  /** Threads that came after the first. */
  readonly restarts: number;
  /** Of all its threads. */
  readonly turns: number;
  /** Of the thread there is now; null: there is none. */
  readonly times: ThreadTimes | null;
}

/** What the threads of one worker have done, one after the other. */
interface Past {
  restarts: number;
  turns: number;
  /** W_TURN when `turns` was brought up to date, which is done before it can come round. */
  turnSeen: number;
}

export class Workers {
  readonly #views: Views;
  readonly #start: Omit<WorkerStart, 'worker'>;
  readonly #events: WorkerEvents;
  readonly #threads: Thread[] = [];
  readonly #waker: Waker;
  readonly #past: Past[] = [];
  readonly #begun: BegunThread[];
  #stopping = false;

  /** `begun`: threads to be used first. */
  constructor(
    count: number,
    views: Views,
    start: Omit<WorkerStart, 'worker'>,
    events: WorkerEvents,
    begun: readonly BegunThread[] = [],
  ) {
    this.#begun = [...begun];
    this.#views = views;
    this.#start = start;
    this.#events = events;
    this.#waker = new Waker(views, count);
    for (let index = 0; index < count; index++) {
      views.i32[this.#word(index, W_URING_FD)] = NO_FD;
      this.#threads.push({ ...NO_THREAD, silence: new Silence() });
      this.#past.push({ restarts: 0, turns: 0, turnSeen: 0 });
      this.#spawn(index);
    }
  }

  get count(): number {
    return this.#threads.length;
  }

  get restarts(): number {
    return this.#past.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  view(index: number): ThreadView {
    const { worker, endedAtMs, number } = this.#threads[index]!;
    this.#countTurns(index);
    const { restarts, turns } = this.#past[index]!;
    const times = number === null ? null : threadTimes(number);
    return { isRunning: worker !== null && endedAtMs === null, restarts, turns, times };
  }

  /** The worker counts modulo 2^32, which a busy one reaches within hours. */
  #countTurns(index: number): void {
    const past = this.#past[index]!;
    const turn = this.#waker.turnOf(index);
    past.turns += (turn - past.turnSeen) >>> 0;
    past.turnSeen = turn;
  }

  #word(index: number, offset: number): number {
    return (WORKERS_BASE + index * W_SIZE + offset) >> 2;
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
    const worker = this.#begun.pop()?.take() ?? beginWorker().take()!;
    worker.postMessage({ ...this.#start, worker: index } satisfies WorkerStart);
    const thread = this.#threads[index]!;
    const { restartDelayMs } = thread;
    const startedAtMs = performance.now();
    const turn = this.#waker.turnOf(index);
    Object.assign(thread, { ...NO_THREAD, restartDelayMs, startedAtMs, turn, worker, silence: new Silence() });
    worker.on('message', (notice: WorkerNotice) => {
      if (notice.kind === 'started') thread.number = notice.thread;
      else this.#events.onNotice(index, notice);
    });
    worker.on('error', (error) => {
      thread.reason ??= messageOf(error);
    });
    worker.on('exit', () => {
      Object.assign(thread, { worker: null, number: null });
      this.#waker.forget(index);
      this.#closeRing(index);
      if (!this.#stopping) void this.#restart(index, thread.reason ?? 'it ended');
    });
  }

  async #restart(index: number, reason: string): Promise<void> {
    this.#past[index]!.restarts++;
    this.#views.u32[HDR_TRAP >> 2] = 0;
    this.#events.onRestart(index, reason);
    const thread = this.#threads[index]!;
    const wasCalm = performance.now() - thread.startedAtMs > CALM_MS;
    thread.restartDelayMs = wasCalm ? RESTART_DELAY_MS : Math.min(thread.restartDelayMs * 2, RESTART_DELAY_MAX_MS);
    await delay(thread.restartDelayMs);
    if (!this.#stopping) this.#spawn(index);
  }

  /** Time has passed: what loops is replaced. About ten times a second, with milliseconds of a monotonic clock. */
  watch(nowMs: number): void {
    for (const [index, thread] of this.#threads.entries()) {
      this.#countTurns(index);
      if (thread.worker === null) continue;
      if (thread.endedAtMs === null) this.#listen(index, nowMs);
      else if (!thread.isStuck && nowMs - thread.endedAtMs >= END_MAX_MS) {
        thread.isStuck = true;
        thread.worker.unref();
        this.#events.onStuck(index);
      }
    }
  }

  /** A worker's turns are its pulse. One that sleeps makes none, and is not woken for it. */
  #listen(index: number, nowMs: number): void {
    const thread = this.#threads[index]!;
    const turn = this.#waker.turnOf(index);
    const hasMoved = turn !== thread.turn;
    thread.hasTurned ||= hasMoved;
    thread.turn = turn;
    const silenceMs = thread.silence.look(hasMoved || this.#waker.sleeps(index), nowMs);
    if (silenceMs < (thread.hasTurned ? SILENCE_MAX_MS : FIRST_SILENCE_MAX_MS)) return;
    thread.reason = `made no turn for ${Math.floor(silenceMs / 1000)} s`;
    thread.endedAtMs = nowMs;
    void thread.worker!.terminate();
    this.#waker.signal(index); // the loop may be inside a system call, where nothing else is heard
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
   * removed before the call, nor does a request of its ring hold a descriptor of that. A worker that makes no turn is
   * waited for until `watch` has ended it; one that does not even end by that will not touch a table again.
   */
  async quiesce(): Promise<void> {
    const generation = Atomics.add(this.#views.u32, HDR_CONFIG_GENERATION >> 2, 1) + 1;
    const before = this.#threads.map((_, index) => this.#waker.turnOf(index));
    this.wake();
    for (const [index, thread] of this.#threads.entries()) {
      const isBehind = () => this.#waker.turnOf(index) === before[index] || ((this.#seen(index) - generation) | 0) < 0;
      const { worker } = thread;
      while (worker !== null && thread.worker === worker && !thread.isStuck && isBehind()) await delay(1);
    }
  }

  /** Ends every worker; one that does not hear of it is ended by `watch`. */
  async stop(): Promise<void> {
    this.#stopping = true;
    Atomics.store(this.#views.u32, HDR_STOP >> 2, 1);
    this.wake();
    for (const thread of this.#threads) {
      while (thread.worker !== null && !thread.isStuck) await delay(1);
    }
    this.#waker.close();
  }
}
