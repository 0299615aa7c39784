/**
 * Senders that an overlay refused, since they are no VTEPs that it knows: the first ones by name, with the command that
 * would let each of them in. Bounded: addresses are easily forged.
 */
import type { PluginLog } from '../../search/api.js';

/** Addresses that are counted each for itself. */
export const STRANGERS_MAX = 64;
/** Of those, the ones that the log names. */
const LOGGED_MAX = 8;
/** One that was silent for so long is forgotten. */
const FORGOTTEN_AFTER_MS = 600_000;

export interface Stranger {
  readonly ip: string;
  /** The source MAC of the last frame. */
  readonly mac: string;
  /** At least so many were dropped. */
  readonly frames: number;
  readonly seenAtMs: number;
}

export class Strangers {
  readonly #log: PluginLog;
  /** What an operator types to let an address in. */
  readonly #commandFor: (ip: string) => string;
  readonly #all = new Map<string, Stranger>();
  #unnamedAtMs = Number.NEGATIVE_INFINITY;

  constructor(log: PluginLog, commandFor: (ip: string) => string) {
    this.#log = log;
    this.#commandFor = commandFor;
  }

  /** Time alone changes nothing. */
  get isAtRest(): boolean {
    return this.#all.size === 0;
  }

  /** In the order in which they came. */
  get all(): readonly Stranger[] {
    return [...this.#all.values()];
  }

  commandFor(ip: string): string {
    return this.#commandFor(ip);
  }

  refused(ip: string, mac: string, frames: number, nowMs: number): void {
    const before = this.#all.get(ip);
    if (before === undefined && this.#all.size >= STRANGERS_MAX) return;
    this.#all.set(ip, { ip, mac, frames: (before?.frames ?? 0) + frames, seenAtMs: nowMs });
    if (before !== undefined) return;
    if (this.#all.size <= LOGGED_MAX) {
      const allow = this.#commandFor(ip);
      this.#log.warn('frames are dropped: their sender is no VTEP that the overlay knows', { sender: ip, mac, allow });
    } else if (nowMs - this.#unnamedAtMs >= FORGOTTEN_AFTER_MS) {
      this.#unnamedAtMs = nowMs;
      this.#log.warn('frames of more senders are dropped: vxlane show-stats names them', { sender: ip, mac });
    }
  }

  /** The overlay knows it now. */
  forget(ip: string): void {
    this.#all.delete(ip);
  }

  clear(): void {
    this.#all.clear();
  }

  tick(nowMs: number): void {
    for (const { ip, seenAtMs } of this.#all.values()) if (nowMs - seenAtMs >= FORGOTTEN_AFTER_MS) this.forget(ip);
  }
}
