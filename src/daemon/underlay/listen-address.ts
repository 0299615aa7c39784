/** The address an overlay listens on may leave this host, and come back. */
import { formatListenIp, isLinkLocal6, type Listen } from '../../address.js';
import { listenAddressGone } from '../../errors.js';
import { localAddresses } from '../../system/link.js';
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

  /** `local`: this host's addresses. `device`: what is wrong with the device that the sockets are bound to. */
  watch(listen: Listen, local: ReadonlySet<string>, device: string | null): void {
    // The same link-local address may be on other links.
    const own = isLinkLocal6(listen.ip) ? localAddresses(listen.device) : local;
    const isLocal = own.has(listen.ip);
    if (device !== null) this.#health.degrade('underlay', device);
    else if (isLocal || !this.#wasLocal) this.#health.restore('underlay');
    else this.#health.degrade('underlay', listenAddressGone(formatListenIp(listen)).message);
    this.#wasLocal ||= isLocal;
  }
}
