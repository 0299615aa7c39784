/** A wrong command line. */
import { VxlaneError } from '../../src/errors.js';

export function usageWrong(what: string, right: string): VxlaneError {
  return new VxlaneError('bad_usage', `${what}: expected ${right}`, { exitCode: 2 });
}
