/** Indexes 1 to max - 1 of a table: the one unused for longest is given out next, so stale references die out first. */
export class Indexes {
  readonly #max: number;
  readonly #free: number[] = [];
  #next = 1;

  constructor(max: number) {
    this.#max = max;
  }

  /** 0 when all are taken. */
  take(): number {
    if (this.#next < this.#max) return this.#next++;
    return this.#free.shift() ?? 0;
  }

  give(index: number): void {
    this.#free.push(index);
  }
}
