// The files of this repository, as the tests of style read them.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Tracked and new files, not ignored ones, as paths from the root. */
export const files: readonly string[] = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));

export const sources: readonly string[] = files.filter(
  (path) => /^(assembly|src|bench|packaging|test|web)\/.*\.ts$/.test(path) && !path.endsWith('.d.ts'),
);

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');
