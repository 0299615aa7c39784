/**
 * MACs that move again and again (RFC 7432 section 15.1): more than 5 times in 180 s, and the operator is told; if so
 * configured, such a MAC stays where it is for a while. Pure.
 */
const MOVES_MAX = 5;
const WINDOW_MS = 180_000;
/** MACs that a line names. */
const NAMED_MAX = 3;

interface Mover {
  times: number[];
  frozenUntilMs: number | null;
}

export class Moves {
  readonly #freezeMs: number | null;
  readonly #movers = new Map<string, Mover>();

  /** `freezeMs`: null, such a MAC is followed. */
  constructor(freezeMs: number | null) {
    this.#freezeMs = freezeMs;
  }

  /** A MAC is about to be elsewhere. False: it stays where it is. */
  mayMove(mac: string, nowMs: number): boolean {
    const mover = this.#movers.get(mac) ?? { times: [], frozenUntilMs: null };
    if (mover.frozenUntilMs !== null) return false;
    this.#movers.set(mac, mover);
    mover.times = [...mover.times.filter((at) => nowMs - at < WINDOW_MS), nowMs].slice(-MOVES_MAX - 1);
    if (mover.times.length <= MOVES_MAX || this.#freezeMs === null) return true;
    mover.frozenUntilMs = nowMs + this.#freezeMs;
    return false;
  }

  /** Time has passed. Answers the MACs that may move again. */
  tick(nowMs: number): string[] {
    const thawed: string[] = [];
    for (const [mac, { times, frozenUntilMs }] of this.#movers) {
      if (frozenUntilMs !== null && nowMs >= frozenUntilMs) thawed.push(mac);
      else if (frozenUntilMs !== null || nowMs - (times.at(-1) ?? 0) < WINDOW_MS) continue;
      this.#movers.delete(mac);
    }
    return thawed;
  }

  /** What is wrong, in one line; null: nothing. */
  summary(): string | null {
    const often = [...this.#movers].filter(([, { times }]) => times.length > MOVES_MAX).map(([mac]) => mac);
    if (often.length === 0) return null;
    const more = often.length - NAMED_MAX;
    const named = often.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
    const what = this.#freezeMs === null ? 'perhaps in two places at once' : 'frozen where they are';
    return `MACs moved more than ${MOVES_MAX} times in ${WINDOW_MS / 1000} s, ${what}: ${named}`;
  }
}
