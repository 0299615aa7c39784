/** Chance that can be had again: everything in a run of the fuzzer or of chaos follows from one seed. */

export class Random {
  #state: number;

  /** `seed`: 32 bits. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number, 0 or more and less than `limit`. Mulberry32: small, and good enough to reach every branch. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  /** True once in so many times. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}
