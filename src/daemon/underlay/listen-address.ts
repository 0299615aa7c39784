/** The address an overlay listens on: which of this host's it stands for, and that it may leave, and come back. */
import { formatListenIp, ipFamily, isLinkLocal6, type Listen } from '../../address.js';
import { listenAddressGone } from '../../errors.js';
import { isWildcard } from '../../overlay-properties/listen.js';
import { localAddresses } from '../../system/link.js';
import { routeTo } from '../../system/routes.js';
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

/**
 * The addresses of this host that a listen address stands for: a wildcard for all of its family. One that has moved
 * away, into a container behind us say, is not ours to take datagrams from.
 */
export function addressesOf(listenIp: string): string[] {
  if (isWildcard(listenIp)) return [...localAddresses()].filter((each) => ipFamily(each) === ipFamily(listenIp));
  return routeTo(listenIp)?.isLocal === true ? [listenIp] : [];
}
