// `vxlane bench` as a user runs it: what is printed where, and what is left behind.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const VXLANE = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const FAST = ['--runs', '1', '--time', '1'];
const folder = mkdtempSync(join(tmpdir(), 'vxlane-bench-'));
const { INIT_CWD: _, ...env } = process.env;
const bench = (...args: string[]): string =>
  execFileSync(process.execPath, [VXLANE, 'bench', ...FAST, ...args], { cwd: folder, env, encoding: 'utf8' });

after(() => rmSync(folder, { recursive: true }));

test('a case prints a table without escape sequences, and its file stands where the user does', () => {
  const text = bench('vxlan-build');
  assert.match(text, /How long does it take to write a VXLAN header\?/);
  assert.ok(!text.includes('\u001b'), text);
  const [file] = readdirSync(folder);
  assert.match(file!, /^vxlane-bench-.*\.json$/);
  assert.ok(text.includes(file!));
  rmSync(join(folder, file!));
});

test('without a case it is frames a second and core: sizes, directions and tables, each with a bar', () => {
  const lines = bench().split('\n');
  for (const direction of ['encap', 'decap', 'both']) {
    for (const entries of ['1 k', '64 k', '1 M']) {
      for (const bytes of [64, 1414]) {
        const row = lines.filter((line) => line.includes(`${direction}, ${entries} entries, ${bytes} bytes`));
        assert.equal(row.length, 1, `${direction} ${entries} ${bytes}`);
        assert.match(row[0]!, /[█▏▎▍▌▋▊▉]+ +\d+\.\d/);
      }
    }
  }
  for (const file of readdirSync(folder)) rmSync(join(folder, file));
});

test('--json prints JSON and nothing else, and writes no file', () => {
  const result = JSON.parse(bench('--json', 'vxlan-build')) as { cases: { case: string }[] };
  assert.deepEqual(
    result.cases.map((one) => one.case),
    ['vxlan-build'],
  );
  assert.deepEqual(readdirSync(folder), []);
});

test('a case that does not exist is said on stderr, with those that do', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [VXLANE, 'bench', 'nonsense'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.deepEqual([status, stdout], [2, '']);
  assert.match(stderr, /unknown case: nonsense\n.*throughput/s);
});

test('on a terminal a line says how far it is, and is gone before the table', () => {
  const argv = [process.execPath, VXLANE, 'bench', ...FAST, 'vxlan-build'].map((word) => `'${word}'`).join(' ');
  const text = execFileSync('script', ['-qefc', argv, '/dev/null'], { cwd: folder, env, encoding: 'utf8' });
  const [before, after] = text.split('\r\u001b[Krun 1 of 1, case 1 of 1: vxlan-build\r\u001b[K');
  assert.match(before!, /^\d+ × .*\nNode /s);
  assert.match(after!, /How long does it take to write a VXLAN header\?/);
  for (const file of readdirSync(folder)) rmSync(join(folder, file));
});
