/** A datapath with the uring engine and frames of one shape: what a worker's turn does, but for the system calls. */
import { BATCH, type Batches, prepareBatches, RECEIVED, type Shape } from './batches.js';
import { SIZES } from './keys.js';
import { expect } from './testbed.js';

const RECEIVES = BATCH / RECEIVED; // so that both directions have as many frames

export class Datapath {
  /** "64 k entries, 1414 bytes" */
  readonly name: string;
  readonly #batches: Batches;
  #sent = 0;
  #delivered = 0;

  constructor(entries: number, frameLen: number, shape: Pick<Shape, 'sources' | 'datagrams'> = {}) {
    this.name = `${SIZES.find((size) => size.entries === entries)!.name}, ${frameLen} bytes`;
    this.#batches = prepareBatches({ ...shape, entries, frameLen });
  }

  /** The kernel's part of `encap`. */
  reads(): void {
    this.#batches.completeReads();
    this.#batches.forgetReads();
  }

  /** … and of `decap`. */
  receives(): void {
    for (let batch = 0; batch < RECEIVES; batch++) {
      this.#batches.completeReceives('same');
      this.#batches.forgetReceives();
    }
  }

  /** A batch of 64 frames from a VNIC. */
  encap(): void {
    this.#batches.completeReads();
    this.#batches.turn();
    this.#sent += BATCH;
  }

  /** As many datagrams, in batches of 64. */
  decap(): void {
    for (let batch = 0; batch < RECEIVES; batch++) {
      this.#batches.completeReceives('same');
      this.#batches.turn();
    }
    this.#delivered += BATCH;
  }

  /** Throws unless every frame was sent or delivered. */
  verify(): void {
    this.#batches.turn();
    expect(this.#batches.sent, BigInt(this.#sent), 'datagrams sent, by the counter');
    expect(this.#batches.delivered, BigInt(this.#delivered), 'frames delivered, by the counter');
  }
}
