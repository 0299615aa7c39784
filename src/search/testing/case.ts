/** One case of the conformance suite, and what decides which there are. */
import type { FoundPlugin } from '../find.js';
import type { Ability } from '../host/messages.js';
import type { Bench } from './bench.js';
import type { Backend, Subject } from './subject.js';

/** A case before it has a bench. */
export interface CaseBody {
  readonly name: string;
  /** What the contract says of it, with the place. */
  readonly contract: string;
  run(bench: Bench): Promise<void>;
}

/** What decides which cases there are. */
export interface Facts {
  readonly subject: Subject;
  readonly found: FoundPlugin;
  /** Of a backend and an instance that were made to look at. */
  readonly backend: Backend;
  can(ability: Ability): boolean;
  /** It has told of its VTEPs when it started. */
  readonly listsVteps: boolean;
}
