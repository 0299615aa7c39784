/** A question on its way to an answer: it may wait, be asked of one server, and be asked again of another. */
import type { Question } from './messages.js';

export class Query {
  readonly question: Question<unknown>;
  readonly answer: Promise<unknown>;
  /** How often it was given to a connection. */
  asked = 0;
  /** Connections that have it. */
  underWay = 0;
  #isSettled = false;
  #resolve!: (value: unknown) => void;
  #reject!: (error: Error) => void;
  readonly #onSettled: () => void;

  /** `onSettled` is called once, whatever comes of it. */
  constructor(question: Question<unknown>, onSettled: () => void) {
    this.question = question;
    this.#onSettled = onSettled;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** The first word counts: an answer that comes a second time, or too late, is nobody's. */
  resolve(value: unknown): void {
    if (this.#settle()) this.#resolve(value);
  }

  /** `why` does not name the question: whoever asked knows, and says so. */
  reject(why: string): void {
    if (this.#settle()) this.#reject(new Error(why));
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#onSettled();
    return true;
  }
}
