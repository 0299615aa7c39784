/**
 * The HTTP port, if there is to be one. An address that is not there yet, or a port that is taken, is no reason to
 * carry no frames: it is tried again.
 */
import { type Endpoint, formatEndpoint } from '../address.js';
import type { AppOptions } from '../control/app.js';
import type { HttpToken } from '../control/http-token.js';
import { messageOf } from '../errors.js';
import { Backoff } from './health/backoff.js';
import type { DaemonLog } from './log.js';

/** Where, and what clients have to show. */
export interface HttpWanted {
  readonly address: Endpoint;
  readonly token: HttpToken;
}

export class HttpListener {
  readonly #wanted: HttpWanted;
  readonly #options: AppOptions;
  readonly #log: DaemonLog;
  readonly #now: () => number;
  readonly #backoff = new Backoff();
  #server: { close(): Promise<void> } | null = null;
  #underWay: Promise<void> | null = null;
  #saidReason = '';

  /** `now`: milliseconds of the monotonic clock. */
  constructor(wanted: HttpWanted, options: AppOptions, log: DaemonLog, now: () => number) {
    this.#wanted = wanted;
    this.#options = options;
    this.#log = log;
    this.#now = now;
  }

  /** Resolves when it answers, or could not be had; then `tick` has it tried again. */
  open(): Promise<void> {
    this.#underWay = this.#open().finally(() => {
      this.#underWay = null;
    });
    return this.#underWay;
  }

  tick(): void {
    if (this.#underWay === null && this.#backoff.isDue(this.#now())) void this.open();
  }

  async #open(): Promise<void> {
    const address = formatEndpoint(this.#wanted.address);
    try {
      const { startHttpServer } = await import('../control/http.js');
      this.#server = await startHttpServer({ ...this.#wanted, ...this.#options });
      this.#backoff.succeeded(this.#now());
      this.#log.info('HTTP is served', { address });
    } catch (thrown) {
      const reason = messageOf(thrown);
      this.#backoff.failed(this.#now());
      if (reason !== this.#saidReason) this.#log.error('HTTP is not served, and tried again', { address, reason });
      this.#saidReason = reason;
    }
  }

  /** The token's file is read again, as at every reload. */
  reload(): void {
    try {
      this.#wanted.token.read();
    } catch (thrown) {
      this.#log.error('the token of HTTP stays as it was', { reason: messageOf(thrown) });
    }
  }

  async close(): Promise<void> {
    await this.#underWay;
    await this.#server?.close();
  }
}
