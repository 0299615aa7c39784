/** A clock that a test moves. */
export class TestClock {
  /** Milliseconds. */
  now: number;
  #timers: { at: number; action: () => void }[] = [];

  constructor(now = 0) {
    this.now = now;
  }

  nowMs = () => this.now;

  /** How many things are to come. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Answers what takes it back. */
  after(ms: number, action: () => void): () => void {
    const timer = { at: this.now + ms, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** Lets time pass, and everything happen that becomes due; between two moments, whatever `settle` waits for. */
  async pass(ms: number, settle: () => Promise<unknown>): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.now = next.at;
      this.#timers = this.#timers.filter((each) => each !== next);
      next.action();
    }
    this.now = end;
  }
}
