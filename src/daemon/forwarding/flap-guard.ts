/**
 * MACs that turn up at one place after another. One that moves too often is in two places at once, or somebody forges
 * it (a duplicate MAC, RFC 7432 section 15.1). The operator is told. It is frozen as well if so wanted, where it was
 * before the first of these moves: of two who claim a MAC, the later one is to be doubted.
 */
import type { MovePolicy } from '../../search/api.js';
import type { Where } from './decision.js';
import { Expiry } from './expiry.js';

/** N and M of RFC 7432; virtual routers move as they please (RFC 9568 section 7.3: the MACs of IPv4 and IPv6). */
export const DEFAULT_MOVES: MovePolicy = Object.freeze({
  limit: 5,
  window: 180_000,
  freeze: null,
  exempt: Object.freeze(['00:00:5e:00:01', '00:00:5e:00:02']),
});

/** What becomes of a move: it is followed, or the MAC goes `home` and is frozen there, or it is and stays. */
export type Verdict = 'follow' | 'home' | 'stay';

/** A MAC that has moved of late. */
export interface Mover {
  /** Those that were counted. */
  readonly moves: number;
  /** Where it was before the first of them. */
  readonly home: Where;
  /** More moves than may be. */
  readonly isDuplicate: boolean;
  /** Milliseconds of the monotonic clock; null: it may move. */
  readonly frozenUntilMs: number | null;
}

export class FlapGuard {
  readonly #movers = new Map<string, Mover>();
  /** Those that moved too often, in the order in which they were found. */
  readonly #duplicates = new Set<string>();
  /** When a MAC is forgotten. */
  readonly #expiry: Expiry;
  #policy = DEFAULT_MOVES;

  constructor(nowMs: number) {
    this.#expiry = new Expiry(nowMs);
  }

  get movers(): ReadonlyMap<string, Mover> {
    return this.#movers;
  }

  get duplicates(): ReadonlySet<string> {
    return this.#duplicates;
  }

  /** Those that move too often are frozen: all of them are, or none, since other rules forget what was counted. */
  get isFreezing(): boolean {
    return this.#policy.freeze !== null;
  }

  /** From now on by these rules; what was counted and frozen by others is forgotten. */
  configure(policy: MovePolicy): void {
    if (isSame(policy, this.#policy)) return;
    this.#policy = policy;
    for (const mac of [...this.#movers.keys()]) this.forget(mac);
  }

  /** A MAC has turned up elsewhere than at `from`. */
  judge(mac: string, from: Where, nowMs: number): Verdict {
    const { limit, window, freeze, exempt } = this.#policy;
    if (exempt.some((start) => mac.startsWith(start))) return 'follow';
    const before = this.#movers.get(mac);
    if (typeof before?.frozenUntilMs === 'number') return 'stay';
    const { moves, home } = { moves: (before?.moves ?? 0) + 1, home: before?.home ?? from };
    const isDuplicate = moves > limit;
    const frozenUntilMs = isDuplicate && freeze !== null ? nowMs + freeze : null;
    this.#movers.set(mac, { moves, home, isDuplicate, frozenUntilMs });
    if (isDuplicate) this.#duplicates.add(mac);
    if (moves === 1 || isDuplicate) this.#expiry.set(mac, frozenUntilMs ?? nowMs + window);
    return frozenUntilMs === null ? 'follow' : 'home';
  }

  /** Its moves count no longer, and it may move again. */
  forget(mac: string): void {
    this.#movers.delete(mac);
    this.#duplicates.delete(mac);
    this.#expiry.delete(mac);
  }

  /** Forgets the moves of MACs whose time has come. */
  tick(nowMs: number): void {
    for (const mac of this.#expiry.due(nowMs)) this.forget(mac);
  }
}

function isSame(a: MovePolicy, b: MovePolicy): boolean {
  const isSameRule = a.limit === b.limit && a.window === b.window && a.freeze === b.freeze;
  return isSameRule && a.exempt.join() === b.exempt.join();
}
