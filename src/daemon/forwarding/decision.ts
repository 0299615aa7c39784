/** What somebody has said of where a MAC is. */
import type { Endpoint } from '../../address.js';
import type { Target } from '../../search/api.js';

/** Why a question has no target. */
export type Refusal = 'no_such_mac' | 'lookup_failed';

/** Where a MAC was heard: at a VTEP, or behind the VNIC here that carries any MAC. */
export type Where = Endpoint | 'here';

export interface Decision {
  readonly target: Target | Refusal | 'here';
  /** Set by the operator. */
  readonly isStatic: boolean;
  /** Heard, not told by anybody. */
  readonly isLearned: boolean;
  /** The plugin said so before a restart, and has not been asked since. */
  readonly isStale?: true;
  /** When it was said. */
  readonly atMs: number;
}

export function isRefusal(target: Decision['target']): target is Refusal {
  return target === 'no_such_mac' || target === 'lookup_failed';
}

/** By the plugin: a place, not that it knows none. */
export function isTold({ target, isStatic, isLearned }: Decision): boolean {
  return !isStatic && !isLearned && !isRefusal(target);
}

export function isSame(a: Decision, b: Decision): boolean {
  if (a.isStatic !== b.isStatic || a.isLearned !== b.isLearned) return false;
  if (typeof a.target === 'string' || typeof b.target === 'string') return a.target === b.target;
  return a.target.ip === b.target.ip && a.target.port === b.target.port;
}

/** Whether the plugin says anything else of a MAC than before. */
export function isNews(before: Decision | undefined, after: Decision | null): boolean {
  const [was, is] = [before !== undefined && isTold(before), after !== null && isTold(after)];
  return was !== is || (was && is && !isSame(before!, after!));
}
