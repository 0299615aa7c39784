/** How long things took, as a histogram of Prometheus has it: a count for each bound. */

/** Seconds. An answer from memory is in the first ones; after the last a question has no answer any more. */
const BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3] as const;

export class Durations {
  /** One a bound, and one for all that took longer. */
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  /** Seconds. */
  sum = 0;

  observe(ms: number): void {
    const seconds = ms / 1000;
    const bound = BOUNDS.findIndex((each) => seconds <= each);
    this.#counts[bound < 0 ? BOUNDS.length : bound]!++;
    this.sum += seconds;
  }

  get count(): number {
    return this.#counts.reduce((sum, each) => sum + each, 0);
  }

  /** How many took no longer than each bound, in seconds. */
  get buckets(): [bound: number, count: number][] {
    let below = 0;
    return BOUNDS.map((bound, index) => {
      below += this.#counts[index]!;
      return [bound, below];
    });
  }
}

/** Of all overlays together. */
export interface UpcallDurations {
  /** From a frame to a MAC that nobody knows to the FDB entry, or that there is none. */
  readonly miss: Durations;
  /** From a frame for a proxy to its answer, or that it is dropped. */
  readonly proxy: Durations;
}
