/** Resolves the name of the servers at start and every 30 s. What was known stays known when that fails. */

import type { SvpEnvironment } from './environment.js';
import type { SvpHealth } from './health.js';
import { retryMs } from './retry.js';

export const RESOLVE_EVERY_MS = 30_000;

export interface NameWatchOptions {
  readonly host: string;
  readonly environment: SvpEnvironment;
  readonly health: SvpHealth;
}

export class NameWatch {
  readonly #options: NameWatchOptions;
  readonly #onAddresses: (addresses: readonly string[]) => void;
  readonly #abort = new AbortController();
  #known: readonly string[] = [];
  #failures = 0;
  #lastError = 'it is being resolved';
  #cancelTimer: () => void = () => {};

  constructor(options: NameWatchOptions, onAddresses: (addresses: readonly string[]) => void) {
    this.#options = options;
    this.#onAddresses = onAddresses;
  }

  get lastError(): string {
    return this.#lastError;
  }

  start(): void {
    void this.#resolve();
  }

  stop(): void {
    this.#abort.abort();
    this.#cancelTimer();
  }

  async #resolve(): Promise<void> {
    const { host, environment, health } = this.#options;
    const { signal } = this.#abort;
    try {
      const addresses = await environment.resolve(host, signal);
      if (signal.aborted) return;
      this.#failures = 0;
      this.#known = addresses;
      health.set('names', null);
      this.#onAddresses(addresses);
    } catch (thrown) {
      if (signal.aborted) return;
      this.#failures++;
      this.#lastError = thrown instanceof Error ? thrown.message : String(thrown);
      health.set('names', `svp/host ${host}: cannot be resolved: ${this.#lastError}${this.#knownWords()}`);
    }
    const waitMs = this.#failures === 0 ? RESOLVE_EVERY_MS : Math.min(retryMs(this.#failures), RESOLVE_EVERY_MS);
    this.#cancelTimer = environment.after(waitMs, () => void this.#resolve());
  }

  #knownWords(): string {
    const count = this.#known.length;
    if (count === 0) return '';
    return count === 1
      ? '; the address known before stays in use'
      : `; the ${count} addresses known before stay in use`;
  }
}
