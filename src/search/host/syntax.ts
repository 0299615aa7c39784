/** Where a plugin's module is no JavaScript. The error of a failed import does not say it. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';

const CHECK_DEADLINE_MS = 5000;

/** `PATH:LINE:COLUMN: MESSAGE`, both counted from 1; null when node finds nothing wrong in that file alone. */
export async function syntaxErrorIn(path: string): Promise<string | null> {
  const text = await readFile(path);
  const stderr = await new Promise<string>((resolve) => {
    const options = { env: {}, timeout: CHECK_DEADLINE_MS };
    const node = execFile(process.execPath, ['--check', '--input-type=module', '-'], options, (_error, _out, said) =>
      resolve(said),
    );
    node.stdin?.on('error', () => {}).end(text);
  });
  const found = /^\[stdin\]:(\d+)\n.*\n( *)\^*\n\nSyntaxError: (.*)$/m.exec(stderr);
  if (found === null) return null;
  const [, line, before, message] = found as unknown as [string, string, string, string];
  return `${path}:${line}:${before.length + 1}: ${message}`;
}
