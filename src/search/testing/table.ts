/**
 * What a host believes of MACs, by what one instance answered and pushed: the latest word counts, a push that overtakes
 * a question makes its answer void, and what has been withdrawn, or is over, is asked for again.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Answer, Target } from '../api.js';
import type { PluginSink } from '../host/types.js';
import { shown } from '../host/words.js';

/** A host remembers for a second that a MAC has no target. */
const NEGATIVE_MS = 1000;

interface Belief {
  readonly target: Target | null;
  readonly untilMs: number;
}

export class Table implements PluginSink {
  readonly #beliefs = new Map<string, Belief>();
  /** Pushes of a MAC so far. */
  readonly #pushes = new Map<string, number>();
  /** What it listed last; null: nothing. */
  vtepList: readonly string[] | null = null;

  put(mac: string, target: Target, ttlMs: number | undefined): void {
    this.#pushed(mac);
    this.#keep(mac, target, ttlMs);
  }

  withdraw(mac: string): void {
    this.#pushed(mac);
    this.#beliefs.delete(mac);
  }

  /** How often it said that it floods elsewhere. */
  floodChanges = 0;

  moved(): void {}

  floodChanged(): void {
    this.floodChanges++;
  }

  vteps(ips: readonly string[]): void {
    this.vtepList = ips;
  }

  /** It was handed over unasked, by `entries`. */
  preloaded(mac: string, { target, ttl }: Answer): void {
    this.#keep(mac, target, ttl);
  }

  /** What `lookup` answers, kept unless something was pushed meanwhile. */
  async ask(mac: string, lookup: (mac: string) => Promise<Answer | null>): Promise<Answer | null> {
    const before = this.#pushes.get(mac);
    const answer = await lookup(mac);
    if (this.#pushes.get(mac) !== before) return answer;
    if (answer === null) this.#keep(mac, null, NEGATIVE_MS);
    else this.#keep(mac, answer.target, answer.ttl);
    return answer;
  }

  /** Null when frames for `mac` go to `target`; otherwise what is wrong. Asks when nothing is known. */
  async differs(mac: string, target: Target | null, lookup: (mac: string) => Promise<Answer | null>) {
    let belief = this.#beliefs.get(mac);
    if (belief === undefined || performance.now() > belief.untilMs) {
      await this.ask(mac, lookup);
      belief = this.#beliefs.get(mac);
    }
    if (belief !== undefined && isDeepStrictEqual(belief.target, target)) return null;
    return `${mac}: the host has ${shown(belief?.target ?? null)}, the backend ${shown(target)}`;
  }

  #pushed(mac: string): void {
    this.#pushes.set(mac, (this.#pushes.get(mac) ?? 0) + 1);
  }

  #keep(mac: string, target: Target | null, ttlMs = Number.POSITIVE_INFINITY): void {
    this.#beliefs.set(mac, { target, untilMs: performance.now() + ttlMs });
  }
}
