/** What the doctor says: findings, each with its reason and what mends it, and what it could not look at. */

import { messageOf } from '../errors.js';

/** `fault`: frames do not flow; `warning`: some do not, or will not; `note`: slower, or odd. */
export const SEVERITIES = ['fault', 'warning', 'note'] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  /** Name of the check, as in docs/doctor.md. */
  readonly check: string;
  readonly severity: Severity;
  /** `overlay NAME`, `vnic NAME`, `endpoint IP`, `host` or `daemon`. */
  readonly object: string;
  /** One line. */
  readonly found: string;
  /** Why it matters: one sentence. */
  readonly why: string;
  /** The command that mends it, or the next one to type. */
  readonly mend: string;
}

/** What a check did not see, and why. */
export interface Unseen {
  readonly checks: readonly string[];
  readonly reason: string;
}

export interface Diagnosis {
  /** Worst first. */
  readonly findings: readonly Finding[];
  readonly unseen: readonly Unseen[];
}

/** A fact, or why nobody can tell. */
export type Known<T> = { readonly value: T } | { readonly unknown: string };

/** What `look` returns, or by which error it ended. */
export function attempt<T>(look: () => T): Known<T> {
  try {
    return { value: look() };
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { unknown: messageOf(thrown) };
  }
}

/** A check asked for a fact that is not known. */
export class Unknown extends Error {}

/** The fact; throws {@link Unknown} where there is none, which ends the check that asked. */
export function known<T>(fact: Known<T>): T {
  if ('unknown' in fact) throw new Unknown(fact.unknown);
  return fact.value;
}
