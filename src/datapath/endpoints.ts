/**
 * Endpoints are interned: every MAC behind one VTEP shares one ready sockaddr and its counters. The table is swept when
 * it runs low: what neither an FDB entry nor an overlay names any more may be given out again.
 */
import { ENDPOINTS_BASE, ENDPOINTS_MAX, EP_SIZE, EP_SOCKADDR, EP_SOCKADDR_LEN } from '../../assembly/layout.js';
import { type Endpoint, formatEndpoint } from '../address.js';
import { sockaddrOf } from '../system/sockaddr.js';
import type { Views } from './memory.js';

/** A refusal counts as so many new endpoints: a full table is looked at again after a few. */
const REFUSED_COUNTS = 64;

export class Endpoints {
  readonly #views: Views;
  readonly #indexes = new Map<string, number>();
  readonly #endpoints: (Endpoint | null)[] = [null]; // by index; 0 means none
  readonly #free: number[] = [];
  readonly #onNew: (index: number) => void;
  #newSinceSweep = 0;
  #forgottenLast = 0;

  /** `onNew` is told of an index just before it names another endpoint than before. */
  constructor(views: Views, onNew: (index: number) => void) {
    this.#views = views;
    this.#onNew = onNew;
  }

  /** The index of an endpoint, new or known; 0 when the table is full. */
  intern(endpoint: Endpoint): number {
    const text = formatEndpoint(endpoint);
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    const index = this.#free.pop() ?? (this.#endpoints.length < ENDPOINTS_MAX ? this.#endpoints.length : 0);
    this.#newSinceSweep += index === 0 ? REFUSED_COUNTS : 1;
    if (index === 0) return 0;
    this.#onNew(index);
    this.#endpoints[index] = { ip: endpoint.ip, port: endpoint.port };
    this.#indexes.set(text, index);
    const at = ENDPOINTS_BASE + index * EP_SIZE;
    const sockaddr = sockaddrOf(endpoint);
    this.#views.u8.set(sockaddr, at + EP_SOCKADDR);
    this.#views.u32[(at + EP_SOCKADDR_LEN) >> 2] = sockaddr.length;
    return index;
  }

  at(index: number): Endpoint {
    return this.#endpoints[index]!;
  }

  /** Every endpoint that has an index now. */
  *all(): Iterable<[index: number, endpoint: Endpoint]> {
    for (const [index, endpoint] of this.#endpoints.entries()) if (endpoint !== null) yield [index, endpoint];
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
    for (const [index, endpoint] of this.all()) {
      if (used.has(index)) continue;
      unused.push(index);
      this.#indexes.delete(formatEndpoint(endpoint));
      this.#endpoints[index] = null;
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
