/** A check: one function from facts to findings, and what documents say of it. */
import type { Facts } from './facts.js';
import type { Severity } from './finding.js';

/** What a check found; the rest of a finding is the same each time. */
export interface Found {
  readonly object: string;
  readonly found: string;
  readonly mend: string;
  /** Other than the check's own. */
  readonly severity?: Severity;
}

export interface Check {
  /** Stable, for programs: `port-taken`. */
  readonly name: string;
  /** What is wrong when it finds something: a clause without a full stop. */
  readonly looksFor: string;
  readonly severity: Severity;
  /** One sentence. */
  readonly why: string;
  /** It says what others say better: left out for an object that one of these found something about. */
  readonly isGeneral?: true;
  /** Drop reasons that it speaks for: the check of all drops leaves them out. */
  readonly reasons?: readonly string[];
  /** Throws Unknown (finding.ts) when a fact it needs is not known. */
  find(facts: Facts): readonly Found[];
}
