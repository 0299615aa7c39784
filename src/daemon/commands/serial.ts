/** One thing at a time: two commands never interleave. */
export class Serial {
  #tail: Promise<unknown> = Promise.resolve();
  #refusal: (() => Error) | null = null;

  /** Runs `action` when all that was handed in before has ended, well or not. Rejects while it is closed. */
  run<T>(action: () => T | Promise<T>): Promise<T> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal());
    const result = this.#tail.then(action);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything handed in so far has ended. */
  async idle(): Promise<void> {
    await this.#tail;
  }

  /** Nothing more is run, for this reason; what was handed in is. */
  close(refusal: () => Error): void {
    this.#refusal = refusal;
  }

  open(): void {
    this.#refusal = null;
  }
}
