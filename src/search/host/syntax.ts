/** Where a plugin's module is no JavaScript. The error of a failed import does not say it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const CHECK_DEADLINE_MS = 5000;

/** `PATH:LINE:COLUMN: MESSAGE`, both counted from 1; null when node finds nothing wrong in that file alone. */
export function syntaxErrorIn(path: string): string | null {
  const { stderr } = spawnSync(process.execPath, ['--check', '--input-type=module', '-'], {
    input: readFileSync(path),
    encoding: 'utf8',
    env: {},
    timeout: CHECK_DEADLINE_MS,
  });
  const found = /^\[stdin\]:(\d+)\n.*\n( *)\^*\n\nSyntaxError: (.*)$/m.exec(stderr);
  if (found === null) return null;
  const [, line, before, message] = found as unknown as [string, string, string, string];
  return `${path}:${line}:${before.length + 1}: ${message}`;
}
