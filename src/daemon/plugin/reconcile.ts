/**
 * Another instance of a search plugin serves an overlay, and the FDB follows: what it says the same is untouched,
 * what it says otherwise is replaced, what it does not know is withdrawn. What it has not been asked yet stays as it
 * is until it has, and what it told beyond what was asked fills the room there is.
 */
import { setImmediate } from 'node:timers/promises';
import type { Answer, Target } from '../../search/api.js';
import type { Targets } from '../forwarding/targets.js';
import type { EarlyPushes } from './early-pushes.js';

/** Entries that are written, or looked at, before other work has its turn. */
const PRELOAD_AT_ONCE = 256;
const COMPARED_AT_ONCE = 512;
/** Announcements likewise; each goes to every VNIC, of which there may be a thousand. */
const ANNOUNCED_AT_ONCE = 8;
/** Questions under way at once. */
const RECHECKS_AT_ONCE = 64;

/** Where the new instance's answers go. */
export interface ReconcilerSink {
  put(mac: string, target: Target, ttl: number | undefined): void;
  withdraw(mac: string): void;
  moved(ip: string, mac: string): void;
  /** When what was last said of the MAC was said; null: nothing is. */
  saidAtMs(mac: string): number | null;
  now(): number;
  /** Asks it where a MAC is that has an entry; that stays when it fails. */
  recheck(mac: string): Promise<unknown>;
}

export class Reconciler {
  readonly #early: EarlyPushes;
  readonly #targets: Targets;
  readonly #sink: ReconcilerSink;
  /** MACs it has pushed since: what it said before no longer counts. */
  readonly #pushed = new Set<string>();
  /** Addresses that have moved, and are still to be announced. */
  #moves = new Map<string, string>();
  #isOver = false;

  constructor(early: EarlyPushes, targets: Targets, sink: ReconcilerSink) {
    this.#early = early;
    this.#targets = targets;
    this.#sink = sink;
  }

  /** The first entries at once, the others by and by. `isPoint`: it has none of its own. */
  begin(isPoint: boolean): void {
    this.#moves = this.#early.takeMoves();
    void this.#run(isPoint);
  }

  /** It pushes a MAC. */
  pushed(mac: string): void {
    if (!this.#isOver) this.#pushed.add(mac);
  }

  /** An address has moved since: what was to be announced of it is no longer so. */
  moved(ip: string): void {
    this.#moves.delete(ip);
  }

  /** The instance no longer serves. */
  end(): void {
    this.#isOver = true;
    this.#pushed.clear();
    this.#moves.clear();
  }

  async #run(isPoint: boolean): Promise<void> {
    const unasked = await this.#compare(isPoint);
    await this.#announce();
    await this.#preload();
    for (let at = 0; at < unasked.length && !this.#isOver; at += RECHECKS_AT_ONCE) {
      const asked = unasked.slice(at, at + RECHECKS_AT_ONCE).filter((mac) => !this.#pushed.has(mac));
      await Promise.all(asked.map((mac) => this.#sink.recheck(mac)));
    }
    this.end();
  }

  /** Answers the MACs that it has not been asked about, or of which more has been said while others were compared. */
  async #compare(isPoint: boolean): Promise<string[]> {
    const { answers } = this.#early;
    const beganMs = this.#sink.now();
    const unasked: string[] = [];
    let count = 0;
    for (const mac of this.#targets.told()) {
      if (count > 0 && count % COMPARED_AT_ONCE === 0) await setImmediate();
      if (this.#isOver) break;
      count++;
      if (mac === null || this.#pushed.has(mac)) continue;
      const isNews = count > COMPARED_AT_ONCE && !isPoint && (this.#sink.saidAtMs(mac) ?? beganMs) >= beganMs;
      const answer = isPoint ? null : answers.get(mac);
      if (answer === undefined || isNews) unasked.push(mac);
      else if (answer === null) this.#sink.withdraw(mac);
      else this.#sink.put(mac, answer.target, answer.ttl);
      this.#pushed.delete(mac); // by ourselves
    }
    return unasked;
  }

  async #announce(): Promise<void> {
    let count = 0;
    for (const [ip, mac] of this.#moves) {
      this.#moves.delete(ip);
      this.#sink.moved(ip, mac);
      if (++count % ANNOUNCED_AT_ONCE === 0) await setImmediate();
    }
  }

  async #preload(): Promise<void> {
    let count = 0;
    for (const [mac, answer] of this.#early.answers) {
      if (this.#isOver || !this.#targets.hasRoom) break;
      const isKnown = this.#pushed.has(mac) || this.#targets.hasEntry(mac); // compared, or said since
      if (answer !== null && !isKnown) this.#write(mac, answer);
      if (++count % PRELOAD_AT_ONCE === 0) await setImmediate();
    }
    this.#early.answers.clear();
  }

  #write(mac: string, { target, ttl }: Answer): void {
    this.#sink.put(mac, target, ttl);
    this.#pushed.delete(mac);
  }
}
