/**
 * A thread that begins before there is work for it: Node needs some tens of milliseconds to begin one, in which a start
 * can do something else. What it is to do it is told by its first message.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads';

export class BegunThread {
  #worker: Worker | null;

  /** Keeps no process from ending while it is not taken. */
  constructor(script: URL, options: WorkerOptions = {}) {
    const worker = new Worker(script, options);
    worker.unref();
    // Whoever takes it hears of that as well; nobody takes one that has ended.
    for (const event of ['error', 'exit']) worker.on(event, () => this.#forget());
    this.#worker = worker;
  }

  #forget(): void {
    this.#worker = null;
  }

  /** The taker's from now on; null: it is somebody's already, or has ended. */
  take(): Worker | null {
    const worker = this.#worker;
    this.#forget();
    worker?.ref();
    return worker;
  }

  /** Unless it is taken. */
  end(): void {
    void this.#worker?.terminate();
    this.#forget();
  }
}
