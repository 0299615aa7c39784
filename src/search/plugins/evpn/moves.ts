/**
 * MACs that move again and again (RFC 7432 section 15.1): more than so often within a time, and the operator is told;
 * if so configured, such a MAC stays where it is for a while. Pure.
 */
export interface MoveRules {
  /** Moves within `windowMs` that are nothing special. */
  readonly limit: number;
  readonly windowMs: number;
  /** For which a MAC that moves more often stays; null: it is followed. */
  readonly freezeMs: number | null;
}

export const DEFAULT_RULES: MoveRules = { limit: 5, windowMs: 180_000, freezeMs: null };
/** MACs that a line names. */
const NAMED_MAX = 3;

interface Mover {
  times: number[];
  frozenUntilMs: number | null;
}

export class Moves {
  readonly #rules: MoveRules;
  readonly #movers = new Map<string, Mover>();

  constructor(rules: MoveRules) {
    this.#rules = rules;
  }

  /** A MAC is about to be elsewhere. False: it stays where it is. */
  mayMove(mac: string, nowMs: number): boolean {
    const mover = this.#movers.get(mac) ?? { times: [], frozenUntilMs: null };
    if (mover.frozenUntilMs !== null) return false;
    this.#movers.set(mac, mover);
    const { limit, windowMs, freezeMs } = this.#rules;
    mover.times = [...mover.times.filter((at) => nowMs - at < windowMs), nowMs].slice(-limit - 1);
    if (mover.times.length <= limit || freezeMs === null) return true;
    mover.frozenUntilMs = nowMs + freezeMs;
    return false;
  }

  /** Time has passed. Answers the MACs that may move again. */
  tick(nowMs: number): string[] {
    const thawed: string[] = [];
    for (const [mac, { times, frozenUntilMs }] of this.#movers) {
      if (frozenUntilMs !== null && nowMs >= frozenUntilMs) thawed.push(mac);
      else if (frozenUntilMs !== null || nowMs - (times.at(-1) ?? 0) < this.#rules.windowMs) continue;
      this.#movers.delete(mac);
    }
    return thawed;
  }

  /** What is wrong, in one line; null: nothing. */
  summary(): string | null {
    const { limit, windowMs, freezeMs } = this.#rules;
    const often = [...this.#movers].filter(([, { times }]) => times.length > limit).map(([mac]) => mac);
    if (often.length === 0) return null;
    const more = often.length - NAMED_MAX;
    const named = often.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
    const what = freezeMs === null ? 'perhaps in two places at once' : 'frozen where they are';
    return `MACs moved more than ${limit} times in ${windowMs / 1000} s, ${what}: ${named}`;
  }
}
