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
  const manifest = {
    name: 'once',
    version: '1.0.0',
    scripts: { prepare: scripts.prepare, setup: scripts.setup, build },
  };
  for (const name of ['packaging', 'src', 'prefix/lib']) mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(directory, 'packaging', 'prepare.mjs'), read('packaging/prepare.mjs'));
  writeFileSync(join(directory, 'src', 'main.ts'), 'one');
});
after(() => rmSync(directory, { recursive: true }));

function npm(...args: string[]): void {
  const env = { ...process.env, npm_config_prefix: join(directory, 'prefix'), npm_config_offline: 'true' };
  execFileSync('npm', args, { cwd: directory, env, stdio: 'ignore' });
}

/** How often it was built meanwhile. */
function builds(command: 'install' | 'link'): number {
  const log = join(directory, 'builds');
  const count = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0);
  const earlier = count();
  npm(command, '--no-audit', '--no-fund');
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

test('setup leaves the lock file as it is, also where this npm would write another', () => {
  const lock = join(directory, 'package-lock.json');
  writeFileSync(lock, JSON.stringify({ name: 'by another npm', lockfileVersion: 3, packages: {} }));
  const before = readFileSync(lock, 'utf8');
  npm('run', 'setup');
  assert.equal(readFileSync(lock, 'utf8'), before);
  builds('install');
  assert.notEqual(readFileSync(lock, 'utf8'), before, 'one that npm would have written anew');
  rmSync(lock);
});
