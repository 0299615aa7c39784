/** The npm package outside of a checkout: packed, installed with an empty cache, and used. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { version } from '../../src/version.js';
import { root } from '../support/tree.js';

/** Of what npm installs, in bytes. */
const SIZE_MAX = 45e6;
const UNREACHED = /code (E?NOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED)/;

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'vxlane-npm-'));
});
after(() => rmSync(directory, { recursive: true }));

test('the package works where it is installed, and is small', (t) => {
  const home = join(directory, 'home');
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }');
  // It is built already.
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', directory], { cwd: root, stdio: 'ignore' });
  const archive = readdirSync(directory).find((name) => name.endsWith('.tgz')) as string;
  const cache = join(directory, 'cache');
  const startMs = performance.now();
  const installed = spawnSync('npm', ['install', '--cache', cache, '--no-audit', '--no-fund', join('..', archive)], {
    cwd: home,
    encoding: 'utf8',
  });
  if (UNREACHED.test(installed.stderr)) return t.skip('npm reaches no registry');
  assert.equal(installed.status, 0, installed.stderr);
  assert.doesNotMatch(installed.stderr, /EBADENGINE/);
  const paths = readdirSync(join(home, 'node_modules'), { recursive: true, encoding: 'utf8' });
  const size = paths.reduce((sum, path) => sum + statSync(join(home, 'node_modules', path)).size, 0);
  const [, count] = /added (\d+) packages/.exec(installed.stdout) ?? [];
  const megabytes = (size / 1e6).toFixed(1);
  t.diagnostic(`${count} packages, ${megabytes} MB, ${Math.round(performance.now() - startMs)} ms`);
  assert.ok(size <= SIZE_MAX, `${megabytes} MB`);

  for (const file of ['vxlane/dist/web/index.html', 'vxlane/dist/web/main.js', 'uplot/dist/uPlot.iife.min.js']) {
    assert.ok(paths.includes(file), `the page lacks ${file}`);
  }

  const vxlane = (...args: string[]) =>
    execFileSync(join(home, 'node_modules', '.bin', 'vxlane'), args, { cwd: home, encoding: 'utf8' });
  assert.equal(vxlane('--version'), `${version()}\n`);
  assert.equal(vxlane('completion', 'bash', '--', 'stat'), 'status\n');
  const overlay = 'vni: 7, search: direct, properties: { vxlan/listen_ip: 127.0.0.1, direct/dest_ip: 127.0.0.2 }';
  writeFileSync(join(home, 'vxlane.yaml'), `overlays: { o: { ${overlay} } }\n`);
  assert.equal(vxlane('daemon', '--check', '--config', 'vxlane.yaml'), 'vxlane.yaml is right: overlays: 1, VNICs: 0\n');
  const script = "import * as t from 'vxlane/search/testing'; console.log(typeof t.conformance)";
  assert.equal(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: home }).toString(),
    'function\n',
  );
});
