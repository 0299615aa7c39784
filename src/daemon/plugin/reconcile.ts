/**
 * Another instance of a search plugin serves an overlay, and the FDB follows: what it says the same is untouched,
 * what it says otherwise is replaced, what it does not know is withdrawn. What it has not been asked yet stays as it
 * is until it has, and what it told beyond what was asked fills the room there is.
 */
import { setImmediate } from 'node:timers/promises';
import type { Answer, Target } from '../../search/api.js';
import type { Targets } from '../forwarding/targets.js';
import type { EarlyPushes } from './early-pushes.js';

/** Entries that are written before other work has its turn. */
const PRELOAD_AT_ONCE = 256;
/** Questions under way at once. */
const RECHECKS_AT_ONCE = 64;

/** Where the new instance's answers go. */
export interface ReconcilerSink {
  put(mac: string, target: Target, ttl: number | undefined): void;
  withdraw(mac: string): void;
  moved(ip: string, mac: string): void;
  /** Asks it where a MAC is that has an entry; that stays when it fails. */
  recheck(mac: string): Promise<unknown>;
}

export class Reconciler {
  readonly #early: EarlyPushes;
  readonly #targets: Targets;
  readonly #sink: ReconcilerSink;
  /** MACs it has pushed since: what it said before no longer counts. */
  readonly #pushed = new Set<string>();
  #isOver = false;

  constructor(early: EarlyPushes, targets: Targets, sink: ReconcilerSink) {
    this.#early = early;
    this.#targets = targets;
    this.#sink = sink;
  }

  /** At once: the entries there are. `isPoint`: it has none of its own. Then, by and by, the rest. */
  begin(isPoint: boolean): void {
    const { answers, moves } = this.#early;
    const unasked: string[] = [];
    for (const mac of this.#targets.told()) {
      const answer = isPoint ? null : answers.get(mac);
      answers.delete(mac);
      if (answer === undefined) unasked.push(mac);
      else if (answer === null) this.#sink.withdraw(mac);
      else this.#sink.put(mac, answer.target, answer.ttl);
    }
    for (const [ip, mac] of moves) this.#sink.moved(ip, mac);
    this.#pushed.clear();
    void this.#finish(unasked);
  }

  /** It pushes a MAC. */
  pushed(mac: string): void {
    if (!this.#isOver) this.#pushed.add(mac);
  }

  /** The instance no longer serves. */
  end(): void {
    this.#isOver = true;
    this.#pushed.clear();
  }

  async #finish(unasked: readonly string[]): Promise<void> {
    await this.#preload();
    for (let at = 0; at < unasked.length && !this.#isOver; at += RECHECKS_AT_ONCE) {
      const asked = unasked.slice(at, at + RECHECKS_AT_ONCE).filter((mac) => !this.#pushed.has(mac));
      await Promise.all(asked.map((mac) => this.#sink.recheck(mac)));
    }
    this.end();
  }

  async #preload(): Promise<void> {
    let count = 0;
    for (const [mac, answer] of this.#early.answers) {
      if (this.#isOver || !this.#targets.hasRoom) break;
      if (answer !== null && !this.#pushed.has(mac)) this.#write(mac, answer);
      if (++count % PRELOAD_AT_ONCE === 0) await setImmediate();
    }
    this.#early.answers.clear();
  }

  #write(mac: string, { target, ttl }: Answer): void {
    this.#sink.put(mac, target, ttl);
    this.#pushed.delete(mac);
  }
}
