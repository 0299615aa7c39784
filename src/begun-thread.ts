/**
 * A thread that begins before there is work for it: Node needs some tens of milliseconds to begin one, in which a start
 * can do something else. What it is to do it is told by its first message.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { messageOf } from './errors.js';

export class BegunThread {
  #worker: Worker | null;
  #failure: string | null = null;

  /** Keeps no process from ending while it is not taken. */
  constructor(script: URL, options: WorkerOptions = {}) {
    const worker = new Worker(script, options);
    worker.unref();
    // Whoever takes it hears of that as well; nobody takes one that has ended.
    worker.on('error', (error) => this.#failed(messageOf(error)));
    worker.on('exit', (code) => this.#failed(`exit code ${code}`));
    this.#worker = worker;
  }

  /** Why it ended by itself before it was anybody's; null: it did not. */
  get failure(): string | null {
    return this.#failure;
  }

  #failed(reason: string): void {
    if (this.#worker !== null) this.#failure = reason;
    this.#worker = null;
  }

  /** The taker's from now on; null: it is somebody's already, or has ended. */
  take(): Worker | null {
    const worker = this.#worker;
    this.#worker = null;
    worker?.ref();
    return worker;
  }

  /** Unless it is taken. */
  end(): void {
    void this.#worker?.terminate();
    this.#worker = null;
  }
}
