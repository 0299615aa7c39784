/** The one line that an operator reads, of several things that may be wrong at once: the first of the list. */

/** Most important first: without addresses there are no connections, without connections no answers. */
const TROUBLES = ['names', 'servers', 'answers', 'log'] as const;
export type Trouble = (typeof TROUBLES)[number];

export interface HealthSink {
  degrade(reason: string): void;
  restore(): void;
}

export class SvpHealth {
  readonly #sink: HealthSink;
  readonly #reasons = new Map<Trouble, string>();
  #said: string | null = null;

  constructor(sink: HealthSink) {
    this.#sink = sink;
  }

  /** null: nothing is wrong with that. */
  set(trouble: Trouble, reason: string | null): void {
    if (reason === null) this.#reasons.delete(trouble);
    else this.#reasons.set(trouble, reason);
    const first = TROUBLES.find((each) => this.#reasons.has(each));
    const saying = first === undefined ? null : (this.#reasons.get(first) as string);
    if (saying === this.#said) return;
    this.#said = saying;
    if (saying === null) this.#sink.restore();
    else this.#sink.degrade(saying);
  }
}
