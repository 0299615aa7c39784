/**
 * What an instance says on its way out of its thread: in order, many things a parcel, and no faster than the host
 * takes them. What the host has not taken yet waits in the memory of the thread, which is bounded, not in the host's.
 */
import type { Said } from './messages.js';
import { shown, shownFields, wordsOf } from './words.js';

/** Things in one parcel: as many as may be done before something else of the daemon has its turn. */
export const PARCEL_MAX = 256;
/** Parcels that are under way at once. */
export const PARCELS_MAX = 2;
/** Lines of log a second; what is beyond is counted instead. */
export const LOG_LINES_PER_SECOND = 100;

export class Outbox {
  readonly #send: (parcel: readonly Said[]) => void;
  readonly #nowMs: () => number;
  #waiting: Said[] = [];
  #isScheduled = false;
  #underWay = 0;
  #linesLeft = LOG_LINES_PER_SECOND;
  #refilledAtMs = 0;
  #linesLost = 0;

  /** `send` throws where structured cloning does. */
  constructor(send: (parcel: readonly Said[]) => void, nowMs: () => number) {
    this.#send = send;
    this.#nowMs = nowMs;
  }

  put(said: Said): void {
    if (said.kind !== 'log') this.#waiting.push(said);
    else if (this.#mayLog()) this.#waiting.push(shortLine(said));
    this.#schedule();
  }

  /** The host took a parcel. */
  taken(): void {
    this.#underWay--;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0 || this.#underWay >= PARCELS_MAX) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#isScheduled = false;
    const parcel = this.#waiting.splice(0, PARCEL_MAX);
    this.#underWay++;
    try {
      this.#send(parcel);
    } catch {
      this.#send(parcel.map(plain));
    }
    this.#schedule();
  }

  #mayLog(): boolean {
    const nowMs = this.#nowMs();
    if (nowMs - this.#refilledAtMs >= 1000) {
      this.#refilledAtMs = nowMs;
      this.#linesLeft = LOG_LINES_PER_SECOND;
      if (this.#linesLost > 0) this.#waiting.push(lostLines(this.#linesLost));
      this.#linesLost = 0;
    }
    if (this.#linesLeft === 0) this.#linesLost++;
    else this.#linesLeft--;
    return this.#linesLost === 0;
  }
}

/** What is logged crosses only as far as it is repeated: the host has no bound on the length of a parcel. */
function shortLine(said: Extract<Said, { kind: 'log' }>): Said {
  return { ...said, message: shown(said.message), fields: shownFields(said.fields) };
}

function lostLines(count: number): Said {
  return { kind: 'log', level: 'warn', message: 'lines were left out: the plugin logs too much', fields: { count } };
}

/** Something that may not be plain data, as something that is: the host refuses the words it then finds. */
function plain(said: Said): Said {
  try {
    return structuredClone(said);
  } catch (thrown) {
    if (said.kind === 'answer') return { kind: 'fault', id: said.id, words: `not plain data: ${wordsOf(thrown)}` };
    return Object.fromEntries(
      Object.entries(said).map(([name, value]) => [name, typeof value === 'object' ? shown(value) : value]),
    ) as unknown as Said;
  }
}
