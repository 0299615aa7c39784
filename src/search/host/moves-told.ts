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

  /**
   * One that fails costs a line of the log, and those after it none until one has succeeded. Resolves, if anybody wants
   * to know, with why it failed, or null.
   */
  async tell(ask: () => Promise<void>): Promise<string | null> {
    if (this.#underWay >= MOVES_UNDER_WAY_MAX) return null;
    this.#underWay++;
    const failure = await ask().then(
      () => null,
      (thrown: unknown) => messageOf(thrown),
    );
    this.#underWay--;
    if (failure !== null && !this.#isFailing) this.#log.warn(failure);
    this.#isFailing = failure !== null;
    return failure;
  }
}
