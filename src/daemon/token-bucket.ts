/** So many at once, and so many a second in the long run. */
export class TokenBucket {
  readonly #most: number;
  readonly #perSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(most: number, perSecond: number, nowMs: number) {
    this.#most = most;
    this.#perSecond = perSecond;
    this.#tokens = most;
    this.#atMs = nowMs;
  }

  /** Whether one more may be now; nothing is counted. */
  has(nowMs: number): boolean {
    this.#tokens = Math.min(this.#most, this.#tokens + ((nowMs - this.#atMs) * this.#perSecond) / 1000);
    this.#atMs = nowMs;
    return this.#tokens >= 1;
  }

  /** Whether one more may be now; it is counted. */
  take(nowMs: number): boolean {
    if (!this.has(nowMs)) return false;
    this.#tokens--;
    return true;
  }
}
