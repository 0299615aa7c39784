/**
 * A connection that is lost is made again: at once at the next endpoint, then after longer and longer, and not by all
 * hosts at the same time. Whoever uses it says what a connection is; each is used once.
 */
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../errors.js';

const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 5000;

/** One connection after the other. */
export interface Line {
  /** Connects to the endpoint of this index and learns what there is. Rejects with why not, without naming it. */
  enter(endpoint: number): Promise<void>;
  /** What happens from there. Ends by throwing; says `caughtUp` when nothing is missing. */
  follow(caughtUp: () => void): Promise<void>;
  /** Closes the connection, if there is one: what is under way rejects. */
  leave(): void;
  /** It failed, and no endpoint is to blame: the same one is asked again. */
  isBlameless?(thrown: unknown): boolean;
}

export interface LineAudience {
  /** No endpoint can be followed; `reason` names each and its error. Again when it changes. */
  lost(reason: string): void;
  /** Nothing is missing up to a moment ago. */
  caughtUp(): void;
  /** For the log. */
  note(text: string): void;
}

export class Persistence {
  readonly #endpoints: readonly string[];
  readonly #line: Line;
  readonly #audience: LineAudience;
  /** Index of the endpoint that is, or was last, used. */
  #at = 0;
  /** Attempts that failed since the last time that nothing was missing. */
  #failures = 0;
  /** The last error of each endpoint since then. */
  readonly #errors = new Map<string, string>();
  #pause = new AbortController();
  #stopped = false;
  /** The connection was closed by `renew`, which is no failure. */
  #renewing = false;

  /** `endpoints`: as the operator reads them. */
  constructor(endpoints: readonly string[], line: Line, audience: LineAudience) {
    this.#endpoints = endpoints;
    this.#line = line;
    this.#audience = audience;
  }

  /** Resolves when an endpoint was entered. Rejects when none can be, naming each. */
  async start(): Promise<void> {
    for (const endpoint of this.#endpoints) {
      try {
        await this.#line.enter(this.#at % this.#endpoints.length);
        void this.#run(true);
        return;
      } catch (thrown) {
        if (this.#stopped) return;
        this.#errors.set(endpoint, messageOf(thrown));
        this.#line.leave();
        this.#at++;
      }
    }
    throw new Error(this.#errorText());
  }

  stop(): void {
    this.#stopped = true;
    this.#line.leave();
    this.#pause.abort();
  }

  /** Connects anew. */
  renew(): void {
    this.#renewing = true;
    this.#line.leave();
    this.#pause.abort();
  }

  async #run(isEntered: boolean): Promise<void> {
    let entered = isEntered;
    while (!this.#stopped) {
      try {
        if (!entered) await this.#line.enter(this.#at % this.#endpoints.length);
        await this.#line.follow(() => this.#caughtUp());
      } catch (thrown) {
        if (!this.#stopped && !this.#renewing) this.#failed(thrown);
      }
      entered = false;
      this.#line.leave();
      if (!this.#stopped && !this.#renewing) await this.#wait();
      this.#renewing = false;
    }
  }

  #caughtUp(): void {
    this.#failures = 0;
    this.#errors.clear();
    this.#audience.caughtUp();
  }

  #failed(thrown: unknown): void {
    const endpoint = this.#endpoints[this.#at % this.#endpoints.length]!;
    const error = messageOf(thrown);
    if (this.#errors.get(endpoint) !== error) this.#audience.note(`${endpoint}: ${error}`);
    if (this.#line.isBlameless?.(thrown) === true) return;
    this.#errors.set(endpoint, error);
    this.#failures++;
    this.#at++;
    if (this.#failures >= this.#endpoints.length) this.#audience.lost(this.#errorText());
  }

  async #wait(): Promise<void> {
    const rounds = Math.max(0, this.#failures - this.#endpoints.length);
    const waitMs = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** rounds) * (0.5 + Math.random() / 2);
    this.#pause = new AbortController();
    await setTimeout(waitMs, undefined, { signal: this.#pause.signal }).catch(() => {});
  }

  #errorText(): string {
    return Array.from(this.#errors, ([endpoint, error]) => `${endpoint}: ${error}`).join('; ');
  }
}
