/**
 * What bounds the MTU of one overlay: the interface that has the listen address, or the one that the overlay is bound
 * to, and those that the routes to its endpoints leave by; the smallest counts. A listen address on a loopback
 * interface, as in a routed fabric, bounds nothing.
 *
 * Endpoints are there by the ten thousand, the interfaces they are reached by are few. So each is asked for once, some
 * at a time, and again when the kernel tells that routes have changed; MTUs are looked at of the few alone.
 */
import type { Listen } from '../../address.js';
import { checkMtu, defaultMtu, type Underlay } from '../../overlay-properties/mtu.js';
import type { Network } from './network.js';

/** Routes that are asked for at once, by all overlays together: a few milliseconds. */
const ROUTES_AT_ONCE = 256;

/** Bytes. A VRF has a larger MTU, which says nothing. */
const IP_PACKET_MAX = 65_535;

/** By which interface datagrams leave, and at most how long the route lets them be. */
interface Way {
  readonly ifindex: number;
  /** null: as long as the interface does. */
  readonly mtu: number | null;
  /** Addresses that are reached so. */
  readonly ips: Set<string>;
}

export class OverlayMtu {
  readonly #network: Network;
  readonly #listen: Listen;
  readonly #onUse: (ip: string, isUsed: boolean) => void;
  /** Addresses that the overlay sends to, with the number of those that name them. */
  readonly #names = new Map<string, number>();
  readonly #wayTo = new Map<string, Way | null>();
  readonly #ways = new Map<string, Way>();
  readonly #unasked = new Set<string>();
  /** Addresses of {@link setOwn}. */
  #own: readonly string[] = [];
  #round: Iterator<string> | null = null;
  #routesVersion = -1;
  #linksVersion = -1;
  #isStale = true;
  #underlay: Underlay | null = null;

  /** `onUse`: the overlay sends to an address from now on, or no more. */
  constructor(network: Network, listen: Listen, onUse: (ip: string, isUsed: boolean) => void = () => {}) {
    this.#network = network;
    this.#listen = listen;
    this.#onUse = onUse;
  }

  /** As it was last seen. Null: nothing has been seen yet, as with a wildcard and no endpoints. */
  get underlay(): Underlay | null {
    return this.#underlay;
  }

  /** Of the overlay and all its VNICs, in bytes. `mtu`: what the operator wants, null: what fits. */
  of(mtu: number | null): number {
    return mtu ?? defaultMtu(this.#underlay, this.#listen);
  }

  /** Refuses what does not fit the underlay as it was last seen. */
  check(mtu: number | null): void {
    checkMtu(this.of(mtu), this.#underlay, this.#listen);
  }

  /** How many addresses the overlay sends to. */
  get count(): number {
    return this.#names.size;
  }

  /** Them. */
  get addresses(): Iterable<string> {
    return this.#names.keys();
  }

  /** An address that the overlay sends to, once more for each that names it. */
  has(ip: string): boolean {
    return this.#names.has(ip);
  }

  readonly uses = (ip: string): void => {
    const names = this.#names.get(ip) ?? 0;
    this.#names.set(ip, names + 1);
    if (names > 0) return;
    this.#unasked.add(ip);
    this.#onUse(ip, true);
  };

  /** One that named the address does so no more. */
  readonly leaves = (ip: string): void => {
    const names = this.#names.get(ip) ?? 0;
    if (names > 1) {
      this.#names.set(ip, names - 1);
      return;
    }
    if (this.#names.delete(ip)) this.#onUse(ip, false);
    this.#unasked.delete(ip);
    this.#setWay(ip, null);
    this.#wayTo.delete(ip);
  };

  /** Addresses that the plugin named for the whole overlay: its one destination, those it floods to. */
  setOwn(ips: readonly string[]): void {
    for (const ip of ips) this.uses(ip);
    for (const ip of this.#own) this.leaves(ip);
    this.#own = ips;
  }

  /**
   * Looks at what has changed. True: the MTU of {@link underlay} is another one. There are so many `sharers` of the
   * routes that are asked for now; what is not this overlay's share has its turn later.
   */
  look(sharers: number): boolean {
    this.#ask(Math.max(1, Math.floor(ROUTES_AT_ONCE / sharers)));
    const { linksVersion } = this.#network;
    if (!this.#isStale && this.#linksVersion === linksVersion) return false;
    this.#isStale = false;
    this.#linksVersion = linksVersion;
    const before = this.#underlay;
    // What was seen last holds while there is nothing to be seen.
    this.#underlay = this.#smallest() ?? before;
    return before?.mtu !== this.#underlay?.mtu;
  }

  /** {@link look} would find nothing, unless the kernel tells of something. */
  get isSettled(): boolean {
    return !this.#isStale && this.#unasked.size === 0 && this.#round === null;
  }

  #ask(routes: number): void {
    const { routesVersion } = this.#network;
    // A round that is under way is ended first: where routes never rest, those at its end have their turn too.
    if (this.#routesVersion !== routesVersion && this.#round === null) {
      this.#routesVersion = routesVersion;
      this.#round = this.#names.keys();
      this.#isStale = true;
    }
    let left = routes;
    for (const ip of this.#unasked) {
      if (left <= 0) return;
      this.#unasked.delete(ip);
      left -= this.#askOne(ip);
    }
    while (this.#round !== null && left > 0) {
      const next = this.#round.next();
      if (next.done) this.#round = null;
      else left -= this.#askOne(next.value);
    }
  }

  /** Answers how many times the kernel was asked. */
  #askOne(ip: string): 0 | 1 {
    const sender = this.#network.senderOf(this.#listen);
    const isKnown = sender === null || this.#network.knowsRoute(ip, sender);
    const route = sender && this.#network.route(ip, sender);
    if (route === null || route.isLocal) this.#setWay(ip, null);
    else this.#setWay(ip, this.#way(route.ifindex, route.isMtuDiscovered ? null : route.mtu));
    return isKnown ? 0 : 1;
  }

  #way(ifindex: number, mtu: number | null): Way {
    const key = `${ifindex} ${mtu}`;
    const known = this.#ways.get(key);
    if (known !== undefined) return known;
    const way = { ifindex, mtu, ips: new Set<string>() };
    this.#ways.set(key, way);
    return way;
  }

  #setWay(ip: string, way: Way | null): void {
    const before = this.#wayTo.get(ip) ?? null;
    if (before === way) return;
    this.#wayTo.set(ip, way);
    way?.ips.add(ip);
    before?.ips.delete(ip);
    if (way?.ips.size === 1) this.#isStale = true;
    if (before === null || before.ips.size > 0) return;
    this.#ways.delete(`${before.ifindex} ${before.mtu}`);
    this.#isStale = true;
  }

  #smallest(): Underlay | null {
    const all = [this.#listening(), ...[...this.#ways.values()].map((way) => this.#leaving(way))];
    const found = all.filter((each) => each !== null);
    return found.reduce<Underlay | null>(
      (least, each) => (least !== null && least.mtu <= each.mtu ? least : each),
      null,
    );
  }

  #listening(): Underlay | null {
    const { ip, device } = this.#listen;
    const ifindex =
      device === undefined ? this.#network.interfaceOf(ip) : (this.#network.linkNamed(device)?.ifindex ?? null);
    return ifindex === null ? null : this.#bound(ifindex, null, ip, true);
  }

  #leaving({ ifindex, mtu, ips }: Way): Underlay | null {
    const [ip] = ips;
    return ip === undefined ? null : this.#bound(ifindex, mtu, ip, false);
  }

  #bound(ifindex: number, routeMtu: number | null, ip: string, isListenAddress: boolean): Underlay | null {
    const link = this.#network.link(ifindex);
    if (link === null || link.isLoopback || link.mtu > IP_PACKET_MAX) return null;
    return { mtu: Math.min(routeMtu ?? link.mtu, link.mtu), interface: link.name, ip, isListenAddress };
  }
}
