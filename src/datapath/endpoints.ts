/**
 * Endpoints are interned: every MAC behind one VTEP, as seen from one socket of ours, shares one ready sockaddr, one
 * route and its counters. The table is swept when
 * it runs low: what neither an FDB entry nor an overlay names any more may be given out again.
 */
import {
  ENDPOINTS_BASE,
  ENDPOINTS_MAX,
  EP_FRAME_MAX,
  EP_ROUTE,
  EP_SIZE,
  EP_SOCKADDR,
  EP_SOCKADDR_LEN,
  EP_SOCKET,
  EP_SOURCE,
} from '../../assembly/layout.js';
import { type Endpoint, formatEndpoint, ipBytes } from '../address.js';
import { outerOverhead } from '../encapsulations.js';
import { sockaddrOf } from '../system/sockaddr.js';
import { macWord } from './mac.js';
import type { Views } from './memory.js';
import type { DatapathExports } from './module.js';
import type { PathMtu, Route, SocketIndex } from './types.js';

/** A refusal counts as so many new endpoints: a full table is looked at again after a few. */
const REFUSED_COUNTS = 64;
/** Longer than any frame. */
const FRAME_MAX_UNKNOWN = 0xffff_ffff;
/** No datagram is longer. */
const ROUTE_MTU_MAX = 65535;

/** The index of an endpoint, the endpoint, and the socket that sends to it. */
export type Interned = readonly [index: number, endpoint: Endpoint, socket: SocketIndex];

/** Which endpoint a sender is, as the datapath looks it up: an endpoint comes, and goes. */
type SenderLists = Pick<DatapathExports, 'senderPut' | 'senderRemove'>;

const keyOf = (endpoint: Endpoint, socket: SocketIndex): string => `${socket} ${formatEndpoint(endpoint)}`;

export class Endpoints {
  readonly #datapath: SenderLists;
  readonly #views: Views;
  readonly #indexes = new Map<string, number>();
  readonly #endpoints: (Endpoint | null)[] = [null]; // by index; 0 means none
  readonly #sockets: SocketIndex[] = [0];
  readonly #free: number[] = [];
  /** {@link loweredMtu} */
  readonly #lowered = new Map<number, number>();
  readonly #onNew: (index: number) => void;
  /** Told to nobody yet. */
  readonly #fresh: number[] = [];
  #newSinceSweep = 0;
  #forgottenLast = 0;

  /** `onNew` is told of an index just before it names another endpoint than before. */
  constructor(datapath: SenderLists, views: Views, onNew: (index: number) => void) {
    this.#datapath = datapath;
    this.#views = views;
    this.#onNew = onNew;
  }

  /** The index of an endpoint that `socket` sends to, new or known; 0 when the table is full. */
  intern(endpoint: Endpoint, socket: SocketIndex): number {
    const text = keyOf(endpoint, socket);
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    const index = this.#free.pop() ?? (this.#endpoints.length < ENDPOINTS_MAX ? this.#endpoints.length : 0);
    this.#newSinceSweep += index === 0 ? REFUSED_COUNTS : 1;
    if (index === 0) return 0;
    this.#onNew(index);
    this.#endpoints[index] = { ip: endpoint.ip, port: endpoint.port };
    this.#sockets[index] = socket;
    this.#indexes.set(text, index);
    this.#fresh.push(index);
    const at = ENDPOINTS_BASE + index * EP_SIZE;
    const sockaddr = sockaddrOf(endpoint);
    this.#views.u8.set(sockaddr, at + EP_SOCKADDR);
    this.#views.u32[(at + EP_SOCKADDR_LEN) >> 2] = sockaddr.length;
    this.#views.u32[(at + EP_SOCKET) >> 2] = socket;
    Atomics.store(this.#views.u32, (at + EP_ROUTE) >> 2, 0);
    this.setPathMtu(index, null);
    this.#datapath.senderPut(index);
    return index;
  }

  /** The index of an endpoint that `socket` sends to; 0 when it has none. */
  known(endpoint: Endpoint, socket: SocketIndex): number {
    return this.#indexes.get(keyOf(endpoint, socket)) ?? 0;
  }

  /** Null: nothing is known of its path, so it takes anything. */
  setPathMtu(index: number, path: PathMtu | null): void {
    const endpoint = this.#endpoints[index];
    if (!endpoint) return;
    if (path?.isLowered) this.#lowered.set(index, path.mtu);
    else this.#lowered.delete(index);
    const frameMax = path === null ? FRAME_MAX_UNKNOWN : path.mtu - outerOverhead(endpoint);
    Atomics.store(this.#views.u32, (ENDPOINTS_BASE + index * EP_SIZE + EP_FRAME_MAX) >> 2, frameMax);
  }

  /** Bytes of an IP packet that its path takes; null: nothing is known of it. */
  pathMtu(index: number): number | null {
    const endpoint = this.#endpoints[index];
    const frameMax = this.#views.u32[(ENDPOINTS_BASE + index * EP_SIZE + EP_FRAME_MAX) >> 2]!;
    return endpoint && frameMax !== FRAME_MAX_UNKNOWN ? frameMax + outerOverhead(endpoint) : null;
  }

  /** How it is reached by the underlay TAP that has this MAC; null: it is not. */
  setRoute(datapath: DatapathExports, index: number, route: Route | null, mac: string): void {
    if (route === null) {
      datapath.routeRemove(index);
      return;
    }
    this.#views.u8.set(ipBytes(route.source), ENDPOINTS_BASE + index * EP_SIZE + EP_SOURCE);
    const word = macWord(mac);
    const mtu = Math.min(route.mtu, ROUTE_MTU_MAX);
    datapath.routePut(index, route.ifindex, Math.floor(word / 2 ** 32), word >>> 0, mtu);
  }

  /** Bytes that its path takes, if a router has said so; null: nobody has. */
  loweredMtu(index: number): number | null {
    return this.#lowered.get(index) ?? null;
  }

  /** Those that have an index now. */
  get count(): number {
    return this.#indexes.size;
  }

  at(index: number): Endpoint {
    return this.#endpoints[index]!;
  }

  /** Null: no endpoint has that index now. */
  interned(index: number): Interned | null {
    const endpoint = this.#endpoints[index];
    return endpoint ? [index, endpoint, this.#sockets[index]!] : null;
  }

  /** Every endpoint that has an index now. */
  *all(): Iterable<Interned> {
    for (const [index, endpoint] of this.#endpoints.entries()) {
      if (endpoint !== null) yield [index, endpoint, this.#sockets[index]!];
    }
  }

  /** At most so many of those that are new since they were asked for last. */
  takeNew(most: number): Interned[] {
    return this.#fresh.splice(0, most).flatMap((index) => {
      const interned = this.interned(index);
      return interned ? [interned] : [];
    });
  }

  /** Places that are free. */
  get #left(): number {
    return ENDPOINTS_MAX - this.#endpoints.length + this.#free.length;
  }

  /** Whether a new endpoint finds a place. */
  get hasRoom(): boolean {
    return this.#left > 0;
  }

  /**
   * Whether a sweep is due: fewer than a quarter of the places are left, and more endpoints are new since the last
   * sweep than it could forget, so a table that is really in use is not swept in vain again and again. What a full
   * table refused counts too, or it would never be swept again.
   */
  get isLow(): boolean {
    return this.#left < ENDPOINTS_MAX / 4 && this.#newSinceSweep > this.#forgottenLast;
  }

  /** Forgets every endpoint that is not in use. Their places may be given out only after `release`. */
  forgetUnused(used: ReadonlySet<number>): number[] {
    const unused: number[] = [];
    for (const [index, endpoint, socket] of this.all()) {
      if (used.has(index)) continue;
      unused.push(index);
      this.#indexes.delete(keyOf(endpoint, socket));
      this.#endpoints[index] = null;
      this.#lowered.delete(index);
      this.#datapath.senderRemove(index);
    }
    this.#newSinceSweep = 0;
    this.#forgottenLast = Math.max(unused.length, ENDPOINTS_MAX / 64);
    return unused;
  }

  /** No worker can still be sending to these. */
  release(indexes: readonly number[]): void {
    for (const index of indexes) this.#free.push(index);
  }
}
