/** `vxlane capture`: what it refuses by itself. What it shows and writes is in test/e2e/capture.test.ts. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli } from '../../src/cli/cli.js';
import { openDirectory } from '../support/open-directory.js';

/** As at a terminal. */
async function typed(...args: string[]): Promise<{ status: number; said: string }> {
  let said = '';
  const printError = (text: string) => {
    said += text;
  };
  const print = () => assert.fail('nothing is printed');
  const env = { VXLANE_SOCKET: '/nowhere/vxlane.sock', NO_COLOR: '1' };
  return { status: await runCli(['capture', ...args], { print, printError, isTerminal: true, env }), said };
}

test('bytes are not for a terminal', async () => {
  const { status, said } = await typed('-w', '-');
  assert.equal(status, 2);
  assert.match(said, /^vxlane: a capture is not for a terminal: pipe it, name a file, or leave -w out/);
});

test('a file has no lines of JSON', async () => {
  const { status, said } = await typed('--json', '-w', '/nowhere/x.pcapng');
  assert.equal(status, 2);
  assert.match(said, /options --json and -w\/--write exclude each other: give one of them/);
});

test('without a daemon it says so, and leaves a file as it is', async () => {
  const directory = openDirectory('capture');
  const file = join(directory, 'x.pcapng');
  writeFileSync(file, 'precious');
  const { status, said } = await typed('-w', file);
  assert.equal(readFileSync(file, 'utf8'), 'precious');
  rmSync(directory, { recursive: true });
  assert.equal(status, 4);
  assert.match(said, /^vxlane: no vxlane daemon /);
});
