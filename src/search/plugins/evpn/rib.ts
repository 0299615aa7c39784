/**
 * The routes of a fabric that are this overlay's, and what follows from them: of each MAC the best place, and who wants
 * copies of what is flooded. Pure.
 *
 * The best (RFC 7432 section 15): a sticky route, then the highest sequence number, then the lowest VTEP. A route that
 * was there before GoBGP was lost and is not there after it stays, stale, until the caller has waited long enough for
 * it to come back.
 */
import { ipBytes } from '../../../address.js';
import type { Keyed, MacRoute, Route } from './route.js';

/** How a claim on a MAC compares with others. */
export interface Claim {
  readonly vtep: string;
  readonly sequence: number;
  readonly isSticky: boolean;
}

export class Rib {
  readonly #routes = new Map<string, Route>();
  readonly #byMac = new Map<string, Map<string, MacRoute>>();
  /** VTEPs that want copies, with the routes that say so. */
  readonly #vteps = new Map<string, number>();
  readonly #stale = new Set<string>();
  #touched = new Set<string>();

  get size(): number {
    return this.#routes.size;
  }

  get staleSize(): number {
    return this.#stale.size;
  }

  /** What was said of a route. */
  set({ key, isOwn, route }: Keyed): void {
    this.#stale.delete(key);
    this.#replace(key, isOwn ? null : route);
  }

  /** Everything there is now: what is missing is stale. */
  load(all: readonly Keyed[]): void {
    const missing = new Set(this.#routes.keys());
    for (const keyed of all) {
      missing.delete(keyed.key);
      this.set(keyed);
    }
    for (const key of missing) this.#stale.add(key);
  }

  /** Forgets what is stale; answers how many routes that were. */
  sweep(): number {
    const count = this.#stale.size;
    for (const key of this.#stale) this.#replace(key, null);
    this.#stale.clear();
    return count;
  }

  #replace(key: string, route: Route | null): void {
    const before = this.#routes.get(key);
    if (before !== undefined) this.#remove(key, before);
    if (route === null) return;
    this.#routes.set(key, route);
    if (route.kind === 'vtep') {
      this.#vteps.set(route.vtep, (this.#vteps.get(route.vtep) ?? 0) + 1);
      return;
    }
    this.#touched.add(route.mac);
    const routes = this.#byMac.get(route.mac);
    if (routes === undefined) this.#byMac.set(route.mac, new Map([[key, route]]));
    else routes.set(key, route);
  }

  #remove(key: string, route: Route): void {
    this.#routes.delete(key);
    if (route.kind === 'vtep') {
      const left = (this.#vteps.get(route.vtep) ?? 0) - 1;
      if (left > 0) this.#vteps.set(route.vtep, left);
      else this.#vteps.delete(route.vtep);
      return;
    }
    this.#touched.add(route.mac);
    const routes = this.#byMac.get(route.mac);
    routes?.delete(key);
    if (routes?.size === 0) this.#byMac.delete(route.mac);
  }

  /** MACs whose routes are others since this was asked last. */
  takeTouched(): Set<string> {
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }

  /** The routes of the best place of a MAC, all from one VTEP, the best first; none: no other host has it. */
  best(mac: string): MacRoute[] {
    const routes = [...(this.#byMac.get(mac)?.values() ?? [])];
    const [first] = routes.sort((a, b) => compareClaims(a, b));
    return first === undefined ? [] : routes.filter(({ vtep }) => vtep === first.vtep);
  }

  /** Where a MAC is said to be, the best place first. */
  placesOf(mac: string): string[] {
    const routes = [...(this.#byMac.get(mac)?.values() ?? [])].sort(compareClaims);
    return [...new Set(routes.map(({ vtep }) => vtep))];
  }

  /** Who wants copies of what is flooded, in the order of their addresses. */
  get vteps(): string[] {
    return [...this.#vteps.keys()].sort(compareAddresses);
  }
}

/** Negative: the first is better. */
export function compareClaims(a: Claim, b: Claim): number {
  if (a.isSticky !== b.isSticky) return a.isSticky ? -1 : 1;
  return b.sequence - a.sequence || compareAddresses(a.vtep, b.vtep);
}

function compareAddresses(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(ipBytes(a), ipBytes(b));
}
