/** The address an overlay listens on may leave this host, and come back. */
import { listenAddressGone } from '../../errors.js';
import type { Health } from '../health/health.js';

export class ListenAddress {
  readonly #health: Health;
  /** An interface has had it while the overlay had its socket. One that never does (a wildcard) cannot go. */
  #wasLocal = false;

  constructor(health: Health) {
    this.#health = health;
  }

  /** The overlay has its socket. */
  opened(isLocal: boolean): void {
    this.#wasLocal = isLocal;
  }

  /** `local`: this host's addresses. */
  watch(ip: string, local: ReadonlySet<string>): void {
    if (local.has(ip)) this.#health.restore('underlay');
    else if (this.#wasLocal) this.#health.degrade('underlay', listenAddressGone(ip).message);
    this.#wasLocal ||= local.has(ip);
  }
}
