/** When to try again: 1, 2, 4 … 32 seconds after each failure. */
export const BACKOFF_FIRST_MS = 1000;
export const BACKOFF_LAST_MS = 32_000;
/** What worked for this long begins with the shortest wait again. */
export const BACKOFF_CALM_MS = 60_000;

export class Backoff {
  #waitMs = BACKOFF_FIRST_MS;
  #atMs = Number.POSITIVE_INFINITY;
  #succeededAtMs: number | null = null;

  /** A try failed, or what had succeeded did not last. Answers how long until the next one, in milliseconds. */
  failed(nowMs: number): number {
    const isCalm = this.#succeededAtMs !== null && nowMs - this.#succeededAtMs >= BACKOFF_CALM_MS;
    const waitMs = isCalm ? BACKOFF_FIRST_MS : this.#waitMs;
    this.#succeededAtMs = null;
    this.#atMs = nowMs + waitMs;
    this.#waitMs = Math.min(waitMs * 2, BACKOFF_LAST_MS);
    return waitMs;
  }

  /** Nothing to try any more, as long as it lasts. */
  succeeded(nowMs: number): void {
    this.#succeededAtMs = nowMs;
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  /** What stood against it has changed: it is tried at once, if it is to be tried, and waits begin anew. */
  hurry(nowMs: number): void {
    if (this.#atMs === Number.POSITIVE_INFINITY) return;
    this.#atMs = nowMs;
    this.#waitMs = BACKOFF_FIRST_MS;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#atMs;
  }
}
