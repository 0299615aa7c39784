/** `npm run man`: writes the manual pages to build/man, or to the directory that is named. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manPages } from './man-pages.js';
import { roffOf } from './roff.js';

const directory = process.argv[2] ?? fileURLToPath(new URL('../../build/man', import.meta.url));
rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });
for (const page of await manPages()) {
  writeFileSync(join(directory, `${page.name}.${page.section}`), roffOf(page));
}
