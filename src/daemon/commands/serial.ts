/** One thing at a time: two commands never interleave. */
export class Serial {
  #tail: Promise<unknown> = Promise.resolve();

  /** Runs `action` when all that was handed in before has ended, well or not. */
  run<T>(action: () => T | Promise<T>): Promise<T> {
    const result = this.#tail.then(action);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything handed in so far has ended. */
  async idle(): Promise<void> {
    await this.#tail;
  }
}
