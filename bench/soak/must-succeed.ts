/** A command of a load that must work. */
import type { Outcome } from '../../src/demo/processes.js';
import { commandFailed } from '../../src/errors.js';

export function mustSucceed(argv: readonly string[], outcome: Outcome): void {
  if (outcome.code !== 0) throw commandFailed(argv, 'failed', outcome.stdout + outcome.stderr);
}
