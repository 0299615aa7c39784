/**
 * MACs that turn up at one VTEP after another. One that moves too often is in two places at once, or somebody forges
 * it (a duplicate MAC, RFC 7432 section 15.1): it is frozen where it is for a while, rather than followed for ever.
 */
import { Expiry } from './expiry.js';

/** Moves within the time below that are followed; the next one freezes the MAC. N and M of RFC 7432. */
export const MOVES_MAX = 5;
export const MOVES_WITHIN_MS = 180_000;
/** Then it may move again. */
export const FROZEN_MS = 180_000;

export class FlapGuard {
  /** How often a MAC has moved since its first move. One of more than MOVES_MAX is frozen. */
  readonly #counts = new Map<string, number>();
  readonly #frozen = new Set<string>();
  /** When the count of a MAC starts anew. */
  readonly #expiry: Expiry;

  constructor(nowMs: number) {
    this.#expiry = new Expiry(nowMs);
  }

  /** The MACs that may not move, in the order in which they were frozen. */
  get frozen(): ReadonlySet<string> {
    return this.#frozen;
  }

  /** How many MACs are remembered here. */
  get size(): number {
    return this.#counts.size;
  }

  /** A MAC has turned up elsewhere. False: it stays where it is. */
  allow(mac: string, nowMs: number): boolean {
    if (this.#frozen.has(mac)) return false;
    const count = (this.#counts.get(mac) ?? 0) + 1;
    this.#counts.set(mac, count);
    if (count === 1) this.#expiry.set(mac, nowMs + MOVES_WITHIN_MS);
    if (count <= MOVES_MAX) return true;
    this.#frozen.add(mac);
    this.#expiry.set(mac, nowMs + FROZEN_MS);
    return false;
  }

  forget(mac: string): void {
    this.#counts.delete(mac);
    this.#frozen.delete(mac);
    this.#expiry.delete(mac);
  }

  /** Forgets the moves of MACs whose time has come. */
  tick(nowMs: number): void {
    for (const mac of this.#expiry.due(nowMs)) this.forget(mac);
  }
}
