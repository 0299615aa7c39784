/**
 * How endpoints are reached, as the kernel has it: by which interface, and how long a datagram may be. Each is asked
 * for when it is new, and all of them after routes have changed.
 *
 * What path MTU discovery finds out the kernel keeps to itself. So an endpoint is asked for again when a router has
 * said that something was too big for it, or when the kernel did not take a datagram for its length; and every second
 * while its path takes less than its route, for the kernel forgets that, by default after ten minutes.
 */
import { type Endpoint, formatEndpoint, ipFamily, isMulticast, type Listen } from '../../address.js';
import type { EndpointIndex, PathMtu, SocketIndex } from '../../datapath/types.js';
import { type Link, type Route, routeTo } from '../../system/routes.js';
import { TooBigWatch } from '../../system/too-big-watch.js';
import type { DaemonLog } from '../log.js';
import type { Network } from './network.js';

/** The index of an endpoint, the endpoint, and the socket that sends to it. */
export type Interned = readonly [index: EndpointIndex, endpoint: Endpoint, socket: SocketIndex];

export interface PathsDatapath {
  endpoints(): Iterable<Interned>;
  /** Null: the index names no endpoint. */
  endpointAt(index: EndpointIndex): Interned | null;
  /** Those that have become known since the last call, at most so many; each may have been another before. */
  takeNewEndpoints(most: number): Interned[];
  setPathMtu(endpoint: EndpointIndex, path: PathMtu | null): void;
}

/** The way to an endpoint. */
export interface Path {
  readonly endpoint: Endpoint;
  readonly route: Route;
  readonly link: Link;
  /** The address it is sent from. */
  readonly source: string;
  /** Bytes of an IP packet. */
  readonly mtu: number;
}

/** Null: it is not reached by an interface. `isNew`: the index may have been another endpoint's before. */
export type PathListener = (index: EndpointIndex, path: Path | null, isNew: boolean) => void;

/** Routes that are asked for in one tick: a few milliseconds of the control thread. */
const ROUTES_A_TICK = 256;
/** Should nobody have told us of a change. */
const ROUND_EVERY_MS = 60_000;
/** The same where routers are not heard: only what is refused when it is sent tells of a smaller MTU. */
const DEAF_ROUND_EVERY_MS = 10_000;
const LOWERED_EVERY_MS = 1000;
/** No router may have smaller links: RFC 8200 section 5; for IPv4 the least that the kernel believes. */
const LEAST_MTU = { 4: 552, 6: 1280 } as const;
/** Lines of the log in one tick: many endpoints may be behind one link. */
const LINES_A_TICK = 10;

export class EndpointPaths {
  readonly #datapath: PathsDatapath;
  readonly #network: Network;
  readonly #log: DaemonLog;
  readonly #watch: TooBigWatch | null;
  readonly #onPath: PathListener;
  readonly #listeners = new Map<SocketIndex, Listen>();
  /** What the datapath was told last; absent: nothing is known. */
  readonly #told = new Map<EndpointIndex, PathMtu>();
  /** To be asked for before all others. */
  readonly #urgent = new Set<EndpointIndex>();
  /** What a router spoke of: the kernel may hear of it a moment later than we do, so it is asked twice. */
  #heard: ReadonlySet<string> = new Set();
  #round: Iterator<Interned> | null = null;
  #roundAtMs = Number.NEGATIVE_INFINITY;
  #loweredAtMs = Number.NEGATIVE_INFINITY;
  #isStale = true;
  #changes: { readonly endpoint: string; readonly path: Path }[] = [];

  /** Of the thread's namespace. */
  constructor(datapath: PathsDatapath, network: Network, log: DaemonLog, onPath: PathListener) {
    this.#datapath = datapath;
    this.#network = network;
    this.#log = log;
    this.#onPath = onPath;
    this.#watch = TooBigWatch.open();
    if (this.#watch === null) log.info('what routers say of path MTUs is not heard without CAP_NET_RAW');
  }

  /** Where a socket sends from. */
  listen(socket: SocketIndex, listen: Listen): void {
    this.#listeners.set(socket, listen);
    this.#isStale = true;
  }

  unlisten(socket: SocketIndex): void {
    this.#listeners.delete(socket);
  }

  /** Every path may be another now. */
  askAll(): void {
    this.#isStale = true;
  }

  /** A datagram to it was too long. */
  tooLong(index: EndpointIndex): void {
    this.#urgent.add(index);
  }

  /** Asks for some. Answers whether a round over all of them has begun. */
  tick(nowMs: number): boolean {
    this.#hear();
    for (const [index, endpoint, socket] of this.#datapath.takeNewEndpoints(ROUTES_A_TICK)) {
      this.#told.delete(index);
      this.#ask([index, endpoint, socket], true);
    }
    this.#askUrgent(nowMs);
    const hasBegun = this.#askRound(nowMs);
    this.#say();
    return hasBegun;
  }

  close(): void {
    this.#watch?.close();
  }

  #hear(): void {
    if (this.#watch === null) return;
    const before = this.#heard;
    this.#heard = this.#watch.destinations();
    if (before.size + this.#heard.size === 0) return;
    for (const [index, { ip }] of this.#datapath.endpoints()) {
      if (before.has(ip) || this.#heard.has(ip)) this.#urgent.add(index);
    }
  }

  #askUrgent(nowMs: number): void {
    if (nowMs >= this.#loweredAtMs) {
      this.#loweredAtMs = nowMs + LOWERED_EVERY_MS;
      for (const [index, { isLowered }] of this.#told) if (isLowered) this.#urgent.add(index);
    }
    let left = ROUTES_A_TICK;
    for (const index of this.#urgent) {
      if (left-- === 0) return;
      this.#urgent.delete(index);
      const interned = this.#datapath.endpointAt(index);
      if (interned === null) this.#told.delete(index);
      else this.#ask(interned);
    }
  }

  #askRound(nowMs: number): boolean {
    const hasBegun = this.#round === null && (this.#isStale || nowMs >= this.#roundAtMs);
    if (hasBegun) {
      this.#isStale = false;
      this.#roundAtMs = nowMs + (this.#watch === null ? DEAF_ROUND_EVERY_MS : ROUND_EVERY_MS);
      this.#round = this.#datapath.endpoints()[Symbol.iterator]();
    }
    for (let asked = 0; this.#round !== null && asked < ROUTES_A_TICK; asked++) {
      const next = this.#round.next();
      if (next.done) this.#round = null;
      else this.#ask(next.value);
    }
    return hasBegun;
  }

  #ask([index, endpoint, socket]: Interned, isNew = false): void {
    const path = this.#pathTo(endpoint, socket);
    const before = this.#told.get(index);
    const now = path && { mtu: path.mtu, isLowered: path.route.isMtuDiscovered };
    if (before?.mtu !== now?.mtu || before?.isLowered !== now?.isLowered) {
      this.#datapath.setPathMtu(index, now);
      if (now === null) this.#told.delete(index);
      else this.#told.set(index, now);
      if (path !== null && (before?.isLowered === true || now?.isLowered === true)) {
        this.#changes.push({ endpoint: formatEndpoint(endpoint), path });
      }
    }
    this.#onPath(index, path, isNew);
  }

  #pathTo(endpoint: Endpoint, socket: SocketIndex): Path | null {
    const { ip } = endpoint;
    const listen = this.#listeners.get(socket);
    if (listen === undefined || isMulticast(ip)) return null;
    const sender = this.#network.senderOf(listen);
    const route = sender && routeTo(ip, sender.from, sender.by);
    const source = sender?.from ?? route?.source ?? null;
    if (route === null || source === null || route.isLocal) return null;
    const link = this.#network.link(route.ifindex);
    if (link === null) return null;
    const mtu = Math.max(LEAST_MTU[ipFamily(ip)], Math.min(route.mtu ?? link.mtu, link.mtu));
    return { endpoint, route, link, source, mtu };
  }

  #say(): void {
    const changes = this.#changes;
    this.#changes = [];
    for (const { endpoint, path } of changes.slice(0, LINES_A_TICK)) {
      const { mtu, route, link } = path;
      const text = route.isMtuDiscovered
        ? 'the path to an endpoint takes less than its interface'
        : 'the path to an endpoint takes what its route does again';
      this.#log.info(text, { endpoint, mtu, interface: link.name });
    }
    if (changes.length > LINES_A_TICK) {
      this.#log.info('path MTUs of more endpoints have changed', { count: changes.length - LINES_A_TICK });
    }
  }
}
