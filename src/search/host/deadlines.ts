/** Promises that must settle in time. Time comes from `tick`, so nothing here waits for a clock. */

/** The work did not end in time; it may still end later, and nobody will look. */
export class DeadlinePassed extends Error {
  constructor(what: string, ms: number) {
    super(`${what}: no answer within ${ms / 1000} s`);
    this.name = 'DeadlinePassed';
  }
}

interface Waiting {
  readonly atMs: number;
  readonly fail: () => void;
}

export class Deadlines {
  readonly #waiting = new Set<Waiting>();
  /** Milliseconds of a monotonic clock, the one `tick` is called with. */
  readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  /** How many promises are being waited for. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Settles as `work` does, or rejects with DeadlinePassed at the first tick `ms` from now. */
  within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const entry: Waiting = { atMs: this.now() + ms, fail: () => reject(new DeadlinePassed(what, ms)) };
      this.#waiting.add(entry);
      work.then(resolve, reject).finally(() => this.#waiting.delete(entry));
    });
  }

  /** Time is up for everything that is being waited for. */
  passAll(): void {
    this.tick(Number.POSITIVE_INFINITY);
  }

  tick(nowMs: number): void {
    for (const entry of this.#waiting) {
      if (entry.atMs > nowMs) continue;
      this.#waiting.delete(entry);
      entry.fail();
    }
  }
}
