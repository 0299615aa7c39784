/**
 * The network that the daemon is in, as the kernel tells of it: the one watch of interfaces, addresses and routes, and
 * what is remembered of them until the kernel says that it may be otherwise. Of the namespace the daemon runs in.
 */
import type { Listen } from '../../address.js';
import { isWildcard } from '../../overlay-properties/listen.js';
import { underlayInterface } from '../../system/link.js';
import {
  type Link,
  linkAt,
  linkNamed,
  type NetworkChange,
  NetworkWatch,
  type Route,
  routeTo,
} from '../../system/routes.js';

/** Routes that are remembered: as many as the datapath has endpoints. */
const ROUTES_MAX = 65_536;

/** What the kernel is told when it is asked for a route: whose datagrams it is to be. */
export interface Sender {
  /** The source address; null: the route's own. */
  readonly from: string | null;
  /** Index of the interface that they are bound to; null: to none. */
  readonly by: number | null;
}

export class Network {
  readonly #watch = new NetworkWatch();
  readonly #links = new Map<number, Link | null>();
  readonly #named = new Map<string, Link | null>();
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

  /** An interface by its name; null: none has it. */
  linkNamed(name: string): Link | null {
    return remembered(this.#named, name, () => linkNamed(name));
  }

  /** Index of the interface that has an address and is up; null: none. */
  interfaceOf(ip: string): number | null {
    return remembered(this.#interfaces, ip, () => underlayInterface(ip));
  }

  /** Whether {@link route} can answer without asking the kernel. */
  knowsRoute(ip: string, sender: Sender): boolean {
    return this.#routes.has(routeKey(ip, sender));
  }

  /** As {@link routeTo}; what path MTU discovery finds out meanwhile is not in it. */
  route(ip: string, sender: Sender): Route | null {
    if (this.#routes.size >= ROUTES_MAX) this.#routes.clear();
    return remembered(this.#routes, routeKey(ip, sender), () => routeTo(ip, sender.from, sender.by));
  }

  /** Of the socket that listens there; null: its device is not here. */
  senderOf({ ip, device }: Listen): Sender | null {
    const from = isWildcard(ip) ? null : ip;
    if (device === undefined) return { from, by: null };
    const link = this.linkNamed(device);
    return link && { from, by: link.ifindex };
  }

  close(): void {
    this.#watch.close();
  }

  /** The kernel withdraws the routes of an interface that goes down without a word. */
  #followLink({ kind: _, isGone, ...link }: NetworkChange & { kind: 'link' }): void {
    const before = this.#links.get(link.ifindex);
    // Overlays may be bound to an interface by its name.
    if (isGone || before?.isRunning !== link.isRunning || before.name !== link.name) this.#forgetRoutes();
    this.#links.set(link.ifindex, isGone ? null : link);
    this.#named.clear();
    this.#linksVersion++;
  }

  #forgetLinks(): void {
    this.#links.clear();
    this.#named.clear();
    this.#linksVersion++;
  }

  #forgetRoutes(): void {
    this.#routes.clear();
    this.#interfaces.clear();
    this.#routesVersion++;
  }
}

function routeKey(ip: string, { from, by }: Sender): string {
  return `${from} ${by} ${ip}`;
}

function remembered<K, V>(known: Map<K, V>, key: K, ask: () => V): V {
  const before = known.get(key);
  if (before !== undefined) return before;
  const value = ask();
  known.set(key, value);
  return value;
}
