/**
 * Keys with a time to die, bucketed by time: setting, moving and removing one costs the same however many there are,
 * and a tick touches only what is due.
 */

/** Width of a bucket: a key dies at most this much late, never early. */
export const EXPIRY_RESOLUTION_MS = 100;

export class Expiry {
  /** Key to the number of its bucket. */
  readonly #bucketOf = new Map<string, number>();
  readonly #buckets = new Map<number, Set<string>>();
  /** The last bucket that was emptied; keys are only ever put into later ones. */
  #emptied: number;

  constructor(nowMs: number) {
    this.#emptied = Math.floor(nowMs / EXPIRY_RESOLUTION_MS);
  }

  get size(): number {
    return this.#bucketOf.size;
  }

  /** `key` is due at `atMs`, whatever was set before. */
  set(key: string, atMs: number): void {
    this.delete(key);
    const number = Math.max(Math.ceil(atMs / EXPIRY_RESOLUTION_MS), this.#emptied + 1);
    const bucket = this.#buckets.get(number) ?? new Set();
    bucket.add(key);
    this.#buckets.set(number, bucket);
    this.#bucketOf.set(key, number);
  }

  delete(key: string): void {
    const number = this.#bucketOf.get(key);
    if (number === undefined) return;
    this.#bucketOf.delete(key);
    const bucket = this.#buckets.get(number);
    bucket?.delete(key);
    if (bucket?.size === 0) this.#buckets.delete(number);
  }

  /** The keys whose time has come; they are forgotten. */
  due(nowMs: number): string[] {
    const last = Math.floor(nowMs / EXPIRY_RESOLUTION_MS);
    const keys: string[] = [];
    if (this.size === 0) {
      this.#emptied = Math.max(this.#emptied, last);
      return keys;
    }
    for (const number of this.#ready(last)) {
      for (const key of this.#buckets.get(number) ?? []) {
        keys.push(key);
        this.#bucketOf.delete(key);
      }
      this.#buckets.delete(number);
    }
    this.#emptied = Math.max(this.#emptied, last);
    return keys;
  }

  /** Buckets up to `last` in order of time: by walking time or, after a long gap, by walking the buckets. */
  #ready(last: number): number[] {
    const walk = last - this.#emptied;
    if (walk > this.#buckets.size) {
      return [...this.#buckets.keys()].filter((number) => number <= last).sort((a, b) => a - b);
    }
    const numbers: number[] = [];
    for (let number = this.#emptied + 1; number <= last; number++) numbers.push(number);
    return numbers;
  }
}
