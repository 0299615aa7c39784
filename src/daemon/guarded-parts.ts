/**
 * What goes on by itself, part by part: one that throws, out of descriptors perhaps, or by a bug, holds up no other and
 * does not end the daemon. It is tried again the next time, and said once, until it goes well.
 */
import { messageOf, VxlaneError } from '../errors.js';
import { stackOf } from '../stack.js';
import type { DaemonLog } from './log.js';

export class GuardedParts {
  readonly #log: Pick<DaemonLog, 'error' | 'info'>;
  readonly #failures = new Map<string, string>();

  constructor(log: Pick<DaemonLog, 'error' | 'info'>) {
    this.#log = log;
  }

  /** By part, why it failed the last time. */
  get failures(): ReadonlyMap<string, string> {
    return this.#failures;
  }

  run(part: string, action: () => void): void {
    try {
      action();
      if (this.#failures.delete(part)) this.#log.info('what goes on by itself goes well again', { part });
    } catch (thrown) {
      const reason = messageOf(thrown);
      if (this.#failures.get(part) === reason) return;
      this.#failures.set(part, reason);
      const stack = thrown instanceof Error && !(thrown instanceof VxlaneError) ? { stack: stackOf(thrown) } : {};
      this.#log.error('what goes on by itself failed, and is tried again', { part, reason, ...stack });
    }
  }
}
