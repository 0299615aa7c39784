/** When to try again: 1, 2, 4 … 32 seconds after each failure. */
export const BACKOFF_FIRST_MS = 1000;
export const BACKOFF_LAST_MS = 32_000;

export class Backoff {
  #waitMs = BACKOFF_FIRST_MS;
  #atMs = Number.POSITIVE_INFINITY;

  /** A try failed. Answers how long until the next one, in milliseconds. */
  failed(nowMs: number): number {
    const waitMs = this.#waitMs;
    this.#atMs = nowMs + waitMs;
    this.#waitMs = Math.min(waitMs * 2, BACKOFF_LAST_MS);
    return waitMs;
  }

  /** Nothing to try any more. */
  succeeded(): void {
    this.#waitMs = BACKOFF_FIRST_MS;
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#atMs;
  }
}
