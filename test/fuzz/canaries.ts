/** Memory that nobody may write while frames are handled: whoever writes past what is his is found at the next look. */
import assert from 'node:assert/strict';
import { FLOOD_BASE, FLOOD_SIZE, PAGE_SIZE, W_SIZE, WORKERS_BASE } from '../../assembly/layout.js';

/** The area of a worker that does not run; it lies behind the one that does. */
const SPARE_WORKER = WORKERS_BASE + W_SIZE;
/** Flood lists are given out from the first on, and a round makes a few. */
const SPARE_FLOOD = FLOOD_BASE + (FLOOD_SIZE >> 1);
const DIRT = 0xa5;

export class Canaries {
  readonly #spares: readonly Buffer[];
  readonly #compilersPage: Buffer;
  readonly #compilersPageBefore: Buffer;

  constructor(memory: Uint8Array) {
    const bytes = (start: number, end: number) => Buffer.from(memory.buffer, memory.byteOffset + start, end - start);
    this.#compilersPage = bytes(0, PAGE_SIZE);
    this.#compilersPageBefore = Buffer.from(this.#compilersPage);
    this.#spares = [bytes(SPARE_WORKER, SPARE_WORKER + W_SIZE), bytes(SPARE_FLOOD, WORKERS_BASE)];
    for (const spare of this.#spares) spare.fill(DIRT);
  }

  /** Asserts that they are as they were. */
  check(): void {
    for (const [index, spare] of this.#spares.entries()) {
      assert.ok(spare.equals(Buffer.alloc(spare.length, DIRT)), `spare memory ${index} was written`);
    }
    const isAsBefore = this.#compilersPage.equals(this.#compilersPageBefore);
    assert.ok(isAsBefore, 'page 0, where null pointers lead, was written');
  }
}
