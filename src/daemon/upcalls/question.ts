/**
 * One question to its end. The latest decision wins, not the latest arrival: whatever is pushed, set or withdrawn while
 * it is in flight overtakes its answer. A failure costs its own frames and degrades the overlay until a later question
 * succeeds. No answer at all is left to the datapath, which drops what waits as lookup_timeout.
 */
import { setImmediate } from 'node:timers/promises';
import type { Answer, Query, Target } from '../../search/api.js';
import { LOOKUP_DEADLINE_MS } from '../../search/host/host.js';
import { PluginFault } from '../../search/host/types.js';
import { stackOf } from '../../stack.js';
import type { Refusal } from '../forwarding/decision.js';
import type { Outcome, UpcallOverlay } from './types.js';

/** A failed question is not repeated for this long. */
export const FAILED_TTL_MS = 1000;

/** Who asks. */
export interface Asker {
  readonly overlay: UpcallOverlay;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
  /** The overlay has gone: answers count for nothing. */
  readonly isClosed: () => boolean;
  /** Writes what the plugin said of a MAC, if it may stand. */
  readonly store: (mac: string, target: Target | Refusal, ttlMs: number | undefined) => void;
  /** Called when nothing more will come, before anything else can happen. Answers what the question ended as. */
  readonly ended: (question: Question, outcome: Outcome) => Outcome;
}

export class Question {
  readonly query: Query;
  readonly askedAtMs: number;
  /** What was said of the MAC since: the answer no longer counts. */
  overtaken: 'put' | 'withdrawn' | null = null;
  /** Frames wait for the answer; a lookup command has none. */
  readonly hasFrames: boolean;
  /** Frames wait that came since, and the datapath will not ask for them again. */
  isMissedAgain = false;
  /** Never rejects. */
  outcome: Promise<Outcome> = Promise.resolve('lookup_timeout' as const);
  /** There is an entry, which stays when the question fails. */
  readonly #isRecheck: boolean;
  readonly #asker: Asker;

  /** `askedAtMs`: when the frames that wait made themselves known. */
  constructor(asker: Asker, query: Query, askedAtMs: number, hasFrames: boolean, isRecheck: boolean) {
    this.#asker = asker;
    this.query = query;
    this.askedAtMs = askedAtMs;
    this.hasFrames = hasFrames;
    this.#isRecheck = isRecheck;
  }

  begin(): void {
    this.outcome = this.#run();
  }

  /** One that was overtaken by a withdrawal is asked again: its frames are still waiting. */
  async #run(): Promise<Outcome> {
    const { isClosed, now, ended } = this.#asker;
    let outcome: Outcome;
    do {
      // A plugin that withdraws whatever it is about to answer must not keep the thread to itself.
      if (this.overtaken !== null) await setImmediate();
      this.overtaken = null;
      outcome = await this.#ask();
    } while (
      (this.overtaken as Question['overtaken']) === 'withdrawn' &&
      !isClosed() &&
      now() - this.askedAtMs < LOOKUP_DEADLINE_MS
    );
    return ended(this, outcome);
  }

  async #ask(): Promise<Outcome> {
    const { overlay } = this.#asker;
    try {
      if (overlay.plugin === null) await overlay.starting; // the frames wait meanwhile, as they do for an answer
      if (overlay.plugin === null) throw new PluginFault('the search plugin is not running', false, null);
      const answer = await overlay.plugin.lookup(this.query);
      if (this.#asker.isClosed()) return 'lookup_failed';
      overlay.health.restore('lookup');
      return this.#answered(answer);
    } catch (thrown) {
      return this.#failed(thrown);
    }
  }

  #answered(answer: Answer | null): Outcome {
    const target = answer === null ? 'no_such_mac' : answer.target;
    const ttlMs = answer === null ? this.#asker.overlay.negativeTtlMs : answer.ttl;
    this.#decide(target, ttlMs);
    return target;
  }

  #failed(thrown: unknown): Outcome {
    const { overlay } = this.#asker;
    if (this.#asker.isClosed() || this.overtaken !== null) return 'lookup_failed';
    if (!(thrown instanceof PluginFault)) {
      overlay.log.error('bug while handling an upcall', { stack: stackOf(thrown) });
    } else if (overlay.plugin !== null) {
      overlay.health.degrade('lookup', thrown.message);
      // What waits in the datapath drops as lookup_timeout about now, and the next frame asks again.
      if (thrown.isTimeout) return 'lookup_timeout';
    }
    if (!this.#isRecheck) this.#decide('lookup_failed', FAILED_TTL_MS);
    return 'lookup_failed';
  }

  #decide(target: Target | Refusal, ttlMs: number | undefined): void {
    if (this.overtaken === null) this.#asker.store(this.query.mac, target, ttlMs);
  }
}
