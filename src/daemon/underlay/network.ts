/**
 * The network that the daemon is in, as the kernel tells of it: the one watch of interfaces, addresses and routes, and
 * what is remembered of them until the kernel says that it may be otherwise. Of the namespace the daemon runs in.
 */
import { underlayInterface } from '../../system/link.js';
import { type Link, linkAt, type NetworkChange, NetworkWatch, type Route, routeTo } from '../../system/routes.js';

/** Routes that are remembered: as many as the datapath has endpoints. */
const ROUTES_MAX = 65_536;

export class Network {
  readonly #watch = new NetworkWatch();
  readonly #links = new Map<number, Link | null>();
  /** Interfaces by their addresses. */
  readonly #interfaces = new Map<string, number | null>();
  readonly #routes = new Map<string, Route | null>();
  readonly #listeners = new Set<(change: NetworkChange) => void>();
  #linksVersion = 0;
  #routesVersion = 0;

  /** Differs when what {@link link} answers may differ. */
  get linksVersion(): number {
    return this.#linksVersion;
  }

  /** Differs when what {@link route} or {@link interfaceOf} answers may differ. */
  get routesVersion(): number {
    return this.#routesVersion;
  }

  /** Hears every change after it was followed here. Answers what ends that. */
  listen(listener: (change: NetworkChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes what the kernel has told since the last time. One system call when that is nothing. */
  follow(): void {
    for (const change of this.#watch.changes()) {
      if (change.kind === 'link') this.#followLink(change);
      else this.#forgetRoutes();
      if (change.kind === 'lost') this.#forgetLinks();
      for (const listener of this.#listeners) listener(change);
    }
  }

  /** An interface; null: there is none of that index. */
  link(ifindex: number): Link | null {
    return remembered(this.#links, ifindex, () => linkAt(ifindex));
  }

  /** Index of the interface that has an address and is up; null: none. */
  interfaceOf(ip: string): number | null {
    return remembered(this.#interfaces, ip, () => underlayInterface(ip));
  }

  /** Whether {@link route} can answer without asking the kernel. */
  knowsRoute(ip: string, from: string | null): boolean {
    return this.#routes.has(`${from} ${ip}`);
  }

  /** As {@link routeTo}; what path MTU discovery finds out meanwhile is not in it. */
  route(ip: string, from: string | null): Route | null {
    if (this.#routes.size >= ROUTES_MAX) this.#routes.clear();
    return remembered(this.#routes, `${from} ${ip}`, () => routeTo(ip, from));
  }

  close(): void {
    this.#watch.close();
  }

  /** The kernel withdraws the routes of an interface that goes down without a word. */
  #followLink({ kind: _, isGone, ...link }: NetworkChange & { kind: 'link' }): void {
    if (isGone || this.#links.get(link.ifindex)?.isRunning !== link.isRunning) this.#forgetRoutes();
    this.#links.set(link.ifindex, isGone ? null : link);
    this.#linksVersion++;
  }

  #forgetLinks(): void {
    this.#links.clear();
    this.#linksVersion++;
  }

  #forgetRoutes(): void {
    this.#routes.clear();
    this.#interfaces.clear();
    this.#routesVersion++;
  }
}

function remembered<K, V>(known: Map<K, V>, key: K, ask: () => V): V {
  const before = known.get(key);
  if (before !== undefined) return before;
  const value = ask();
  known.set(key, value);
  return value;
}
