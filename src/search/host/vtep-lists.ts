/**
 * The lists of VTEPs that an instance tells, each in place of the one before. To take a long one keeps the daemon from
 * everything else for a while, so of an instance that tells one after the other only the latest is taken, when its time
 * has come.
 */
import { VTEPS_MAX } from './answers.js';

/** Addresses of one instance's lists that are taken a second, on an average. */
const VTEPS_PER_SECOND = VTEPS_MAX;

export class VtepLists {
  readonly #take: (ips: unknown) => void;
  /** The latest one that is to be taken; null: there is none. */
  #waiting: { readonly ips: unknown } | null = null;
  #nextAtMs = Number.NEGATIVE_INFINITY;

  constructor(take: (ips: unknown) => void) {
    this.#take = take;
  }

  told(ips: unknown, nowMs: number): void {
    this.#waiting = { ips };
    this.look(nowMs);
  }

  /** Time has passed: takes the one that waits, if there is one and it may be taken. */
  look(nowMs: number): void {
    if (nowMs >= this.#nextAtMs) this.flush(nowMs);
  }

  /** Takes the one that waits, if there is one, at once. */
  flush(nowMs: number): void {
    if (this.#waiting === null) return;
    const { ips } = this.#waiting;
    this.#waiting = null;
    const count = 1 + (Array.isArray(ips) ? ips.length : 0);
    this.#nextAtMs = nowMs + (count * 1000) / VTEPS_PER_SECOND;
    this.#take(ips);
  }
}
