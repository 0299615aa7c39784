/**
 * Child processes of a laboratory. Each leads a process group of its own: a Ctrl-C on the terminal reaches only us, and
 * we end what we started, and nothing else, in the order we choose.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { commandFailed } from '../errors.js';

/** How a process ended and what it printed. */
export interface Outcome {
  /** Exit status; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** True when it ran past its time and was killed. */
  readonly timedOut: boolean;
}

export interface RunOptions {
  /** Killed after this many milliseconds. Default 30 s. */
  readonly timeoutMs?: number;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface SpawnOptions extends RunOptions {
  /** Standard output and error go to this file descriptor instead of {@link Running.stdout} and `.stderr`. */
  readonly outputFd?: number;
}

/** How long a process may run that is waited for, unless its options say so. */
export const RUN_TIMEOUT_MS = 30_000;
const TERM_GRACE_MS = 5_000;

/** A process that was started and may still run. */
export class Running {
  readonly argv: readonly string[];
  /** Settles when the process ended and its output is complete; rejects only when it could not be started. */
  readonly done: Promise<Outcome>;
  stdout = '';
  stderr = '';
  #ended = false;
  #timedOut = false;
  #child: ChildProcess;
  #onOutput: (() => void)[] = [];

  constructor(argv: readonly string[], options: SpawnOptions) {
    this.argv = argv;
    const output = options.outputFd ?? 'pipe';
    const stdio: StdioOptions = ['ignore', output, output];
    const env = { ...process.env, ...options.env };
    const child = spawn(argv[0] as string, argv.slice(1), { stdio, env, detached: true });
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#print('stdout', text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#print('stderr', text));
    this.done = this.#untilEnd(child);
    this.done.catch(() => {}); // whoever waits sees it; nobody has to
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Sends the signal to this process alone; false when it has ended. */
  signal(name: NodeJS.Signals): boolean {
    return !this.#ended && this.#child.kill(name);
  }

  /** SIGTERM (or another), then SIGKILL to the whole group after a bound. */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> {
    this.signal(name);
    const timer = setTimeout(() => this.killGroup(), TERM_GRACE_MS);
    try {
      return await this.done;
    } finally {
      clearTimeout(timer);
    }
  }

  /** At once, synchronously, with everything in its group. */
  killGroup(): void {
    if (this.#ended || this.pid === 0) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL'); // it has not become a group leader yet
    }
  }

  /** Resolves when it has printed a match on either stream; rejects when it ends or the time is over before that. */
  async printed(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match !== null) return match;
      const left = deadline - performance.now();
      if (this.#ended || left <= 0) {
        const why = this.#ended ? 'ended' : 'waited';
        throw commandFailed(this.argv, `${why} without printing ${pattern}`, this.stdout + this.stderr);
      }
      await this.#nextOutput(left);
    }
  }

  /** Starts the clock: after `timeoutMs` the group is killed and the outcome says `timedOut`. */
  limit(timeoutMs: number): this {
    const timer = setTimeout(() => {
      this.#timedOut = true;
      this.killGroup();
    }, timeoutMs);
    const clear = () => clearTimeout(timer);
    this.done.then(clear, clear);
    return this;
  }

  #print(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#onOutput.splice(0)) wake();
  }

  #nextOutput(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onOutput.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #untilEnd(child: ChildProcess): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      child.once('error', (error) => {
        this.#ended = true;
        this.#wake();
        reject(commandFailed(this.argv, 'could not be started', error.message));
      });
      child.once('close', (code, signal) => {
        this.#ended = true;
        this.#wake();
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr, timedOut: this.#timedOut });
      });
    });
  }
}

/** All processes of one laboratory. */
export class Processes {
  #live = new Set<Running>();
  #ending = false;

  /** Starts a process that runs until it is stopped. */
  spawn(argv: readonly string[], options: SpawnOptions = {}): Running {
    if (this.#ending) throw commandFailed(argv, 'was not started', 'the laboratory is being taken down');
    const running = new Running(argv, options);
    this.#live.add(running);
    const forget = () => this.#live.delete(running);
    running.done.then(forget, forget);
    if (options.timeoutMs !== undefined) running.limit(options.timeoutMs);
    return running;
  }

  /** Runs a process to its end, whatever that is. */
  try(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.spawn(argv, { ...options, timeoutMs: options.timeoutMs ?? RUN_TIMEOUT_MS }).done;
  }

  /** Runs a process that must succeed; answers its standard output. */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    const outcome = await this.try(argv, options);
    if (outcome.code !== 0) throw commandFailed(argv, howItEnded(outcome), outcome.stderr + outcome.stdout);
    return outcome.stdout;
  }

  /** Ends every process that still runs (SIGTERM, then SIGKILL after a bound) and starts no more. */
  async stopAll(): Promise<void> {
    this.#ending = true;
    await Promise.allSettled([...this.#live].map((running) => running.stop()));
  }

  /** The same without waiting, for the last moment of this process. */
  killAllNow(): void {
    this.#ending = true;
    for (const running of this.#live) running.killGroup();
  }
}

/** `exited with 1`, `was killed by SIGSEGV`, `took longer than it may`. */
export function howItEnded(outcome: Outcome): string {
  if (outcome.timedOut) return 'took longer than it may';
  return outcome.signal === null ? `exited with ${outcome.code}` : `was killed by ${outcome.signal}`;
}
