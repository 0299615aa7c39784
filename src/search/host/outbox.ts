/**
 * What an instance says on its way to its host: in order, many things a parcel, and no faster than the host takes them.
 * What the host has not taken yet waits in the memory of the instance's side, which is bounded, not in the host's.
 */
import { LineLimit } from './line-limit.js';
import { PARCEL_MAX, type Said } from './messages.js';
import { shown, shownFields } from './words.js';

/** Parcels that are under way at once. */
export const PARCELS_MAX = 2;

export class Outbox {
  readonly #send: (parcel: readonly Said[]) => void;
  readonly #nowMs: () => number;
  readonly #lines = new LineLimit();
  #waiting: Said[] = [];
  #isScheduled = false;
  #underWay = 0;

  constructor(send: (parcel: readonly Said[]) => void, nowMs: () => number) {
    this.#send = send;
    this.#nowMs = nowMs;
  }

  /** To be plain data already (plain.ts), but for the fields of a line of log. */
  put(said: Said): void {
    if (said.kind !== 'log') this.#waiting.push(said);
    else for (const line of this.#lines.admit(said, this.#nowMs())) this.#waiting.push(shortLine(line));
    this.#schedule();
  }

  /** The host took a parcel. */
  taken(): void {
    this.#underWay = Math.max(0, this.#underWay - 1);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0 || this.#underWay >= PARCELS_MAX) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#isScheduled = false;
    this.#underWay++;
    this.#send(this.#waiting.splice(0, PARCEL_MAX));
    this.#schedule();
  }
}

/** What is logged crosses only as far as it is repeated. */
function shortLine(line: Extract<Said, { kind: 'log' }>): Said {
  return { ...line, message: shown(line.message), fields: shownFields(line.fields) };
}
