/** How long a thread has given no sign of life. Time is an argument: whoever watches says what time it is. */

/** When nobody looked for longer than this, it was the watcher that did not run, and not the thread. */
const LOOK_GAP_MAX_MS = 500;

export class Silence {
  #aliveAtMs: number | null = null;
  #lookedAtMs = 0;

  /**
   * To be called about ten times a second, with milliseconds of a monotonic clock and whether there was a sign since
   * the last call. Answers the milliseconds since the last sign, or since the first call.
   */
  look(isAlive: boolean, nowMs: number): number {
    const gapMs = nowMs - this.#lookedAtMs;
    if (isAlive || this.#aliveAtMs === null) this.#aliveAtMs = nowMs;
    else if (gapMs > LOOK_GAP_MAX_MS) this.#aliveAtMs += gapMs;
    this.#lookedAtMs = nowMs;
    return nowMs - this.#aliveAtMs;
  }
}
