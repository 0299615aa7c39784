/** A bound on lines of log: so many a second, and a count of those beyond. */
import type { Said } from './messages.js';

/** Lines of log a second; what is beyond is counted instead. */
export const LOG_LINES_PER_SECOND = 100;

export type Line = Extract<Said, { kind: 'log' }>;

export class LineLimit {
  readonly #most: number;
  #left: number;
  #refilledAtMs = Number.NEGATIVE_INFINITY;
  #lost = 0;

  /** `most`: so many at once, where some of them may be those of the second before. */
  constructor(most = LOG_LINES_PER_SECOND) {
    this.#most = most;
    this.#left = most;
  }

  /** What is to be logged when one more line comes at that time: it, or nothing, after what says how many were lost. */
  admit(line: Line, nowMs: number): Line[] {
    const admitted: Line[] = [];
    const seconds = Math.floor((nowMs - this.#refilledAtMs) / 1000);
    if (seconds > 0) {
      this.#refilledAtMs = nowMs;
      this.#left = Math.min(this.#most, this.#left + seconds * LOG_LINES_PER_SECOND);
      if (this.#lost > 0) admitted.push(lostLines(this.#lost));
      this.#lost = 0;
    }
    if (this.#left > 0) {
      this.#left--;
      admitted.push(line);
    } else this.#lost++;
    return admitted;
  }
}

function lostLines(count: number): Line {
  return { kind: 'log', level: 'warn', message: 'lines were left out: the plugin logs too much', fields: { count } };
}
