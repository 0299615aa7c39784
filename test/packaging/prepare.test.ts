/** What npm runs by itself builds once, and again only when something is another. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { read } from '../support/tree.js';

let directory: string;

/** A package with this one's `prepare` and a build that takes no time, and writes down that it ran. */
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'vxlane-prepare-'));
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const build = 'mkdir -p dist build && cp src/main.ts dist/main.js && echo built >> builds';
  const manifest = { name: 'once', version: '1.0.0', scripts: { prepare: scripts.prepare, build } };
  for (const name of ['packaging', 'src', 'prefix/lib']) mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(directory, 'packaging', 'prepare.mjs'), read('packaging/prepare.mjs'));
  writeFileSync(join(directory, 'src', 'main.ts'), 'one');
});
after(() => rmSync(directory, { recursive: true }));

/** How often it was built meanwhile. */
function builds(command: 'install' | 'link'): number {
  const log = join(directory, 'builds');
  const count = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0);
  const earlier = count();
  const env = { ...process.env, npm_config_prefix: join(directory, 'prefix'), npm_config_offline: 'true' };
  execFileSync('npm', [command, '--no-audit', '--no-fund'], { cwd: directory, env, stdio: 'ignore' });
  return count() - earlier;
}

test('npm install builds, npm link behind it does not, nor does another npm install', () => {
  assert.deepEqual([builds('install'), builds('link'), builds('install')], [1, 0, 0]);
});

test('a source that is another is built, and so is what somebody has touched', () => {
  writeFileSync(join(directory, 'src', 'main.ts'), 'two');
  assert.deepEqual([builds('install'), builds('install')], [1, 0]);
  writeFileSync(join(directory, 'dist', 'main.js'), 'older');
  assert.equal(builds('install'), 1);
  rmSync(join(directory, 'dist'), { recursive: true });
  assert.equal(builds('install'), 1);
});
