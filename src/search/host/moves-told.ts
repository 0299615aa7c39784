/** Moves that an instance is told of. Nobody waits for it: what it cannot deal with in time, it is not told. */
import { messageOf } from '../../errors.js';
import type { PluginLog } from '../api.js';

/** Moves that it has been told of and not dealt with yet. */
export const MOVES_UNDER_WAY_MAX = 64;

export class MovesTold {
  readonly #log: PluginLog;
  #underWay = 0;
  #isFailing = false;

  constructor(log: PluginLog) {
    this.#log = log;
  }

  /** One that fails costs a line of the log, and those after it none until one has succeeded. */
  tell(ask: () => Promise<void>): void {
    if (this.#underWay >= MOVES_UNDER_WAY_MAX) return;
    this.#underWay++;
    void ask().then(
      () => this.#ended(null),
      (thrown: unknown) => this.#ended(messageOf(thrown)),
    );
  }

  #ended(failure: string | null): void {
    this.#underWay--;
    if (failure !== null && !this.#isFailing) this.#log.warn(failure);
    this.#isFailing = failure !== null;
  }
}
