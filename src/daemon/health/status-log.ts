/** Says in the log when an overlay becomes DEGRADED, and when it is ONLINE again: at most one line a second. */
import type { PluginLog } from '../../search/api.js';
import type { Health } from './health.js';

const LOG_STATUS_EVERY_MS = 1000;

export class StatusLog {
  readonly #health: Health;
  readonly #log: PluginLog;
  #loggedStatus = 'ONLINE';
  #loggedAtMs = Number.NEGATIVE_INFINITY;

  constructor(health: Health, log: PluginLog) {
    this.#health = health;
    this.#log = log;
  }

  /** What there is to say has been said. */
  get isSaid(): boolean {
    return this.#health.status === this.#loggedStatus;
  }

  tick(nowMs: number): void {
    const { status } = this.#health;
    if (this.isSaid || nowMs - this.#loggedAtMs < LOG_STATUS_EVERY_MS) return;
    this.#loggedStatus = status;
    this.#loggedAtMs = nowMs;
    if (status === 'ONLINE') this.#log.info('overlay is ONLINE again');
    else this.#log.warn('overlay is DEGRADED', { details: this.#health.details });
  }
}
