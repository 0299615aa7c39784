/** Who may do what by the control socket: told by the process behind the connection, not by the file alone. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { execFile } from 'node:child_process';
import { chmodSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from '../../src/control/client.js';
import { start } from '../cli/vxlane.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { StateDirectory } from './running.js';

const FULL = 54321;
const READ = 54322;
const OTHER = 54323;
const NOBODY = 65534;

describe('the control socket', { skip: needsRoot() }, () => {
  let directory: StateDirectory;
  let socket: string;
  let child: ChildProcess | undefined;
  before(() => {
    directory = new StateDirectory();
    chmodSync(directory.path, 0o755);
    socket = join(directory.path, 'vxlane.sock');
  });
  afterEach(async () => {
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child!.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  });
  after(() => directory.delete());

  async function started(...args: string[]): Promise<void> {
    const state = join(directory.path, 'state');
    const common = ['--socket', socket, '--state-dir', state, '--workers', '1', '--fdb-size', '1024'];
    child = start(['daemon', ...common, ...args], {});
    await until(
      async () =>
        (await createClient(socket)
          .daemon()
          .catch(() => null)) !== null,
    );
  }

  /** What a member of these groups gets, the first its own: codes of a look, a change, a capture, and of events. */
  async function codesFor(uid: number, ...gids: number[]): Promise<string[]> {
    const module = new URL('../../src/control/client.js', import.meta.url);
    const capturing = new URL('../../src/control/follow-capture.js', import.meta.url);
    const following = new URL('../../src/control/follow-events.js', import.meta.url);
    const script =
      `process.setgroups(${JSON.stringify(gids.slice(1))}); process.setgid(${gids[0]}); process.setuid(${uid});` +
      `const { createClient } = await import(${JSON.stringify(module)});` +
      `const { followCapture } = await import(${JSON.stringify(capturing)});` +
      `const { followEvents } = await import(${JSON.stringify(following)});` +
      `const client = createClient(${JSON.stringify(socket)});` +
      `const code = (asked) => asked.then(() => 'ok', ({ code }) => code);` +
      `const capture = followCapture(${JSON.stringify(socket)}, {}).then(({ end }) => end());` +
      `const { signal } = new AbortController();` +
      `const events = followEvents(${JSON.stringify(socket)}, { overlays: [], after: 0, signal }).next();` +
      `const asked = [client.status(), client.setLogLevel({ level: 'info' }), capture, events];` +
      `console.log(JSON.stringify(await Promise.all(asked.map(code)))); process.exit();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    return JSON.parse(stdout) as string[];
  }

  const REFUSED = Array(4).fill('not_permitted');

  it('is for root and the group that was named, also where the file would let others in', async () => {
    await started('--group', String(FULL));
    assert.equal((statSync(socket).mode & 0o777).toString(8), '660');
    assert.deepEqual(await codesFor(0, 0), ['ok', 'ok', 'ok', 'ok']);
    assert.deepEqual(await codesFor(NOBODY, FULL), ['ok', 'ok', 'ok', 'ok']);
    assert.deepEqual(await codesFor(NOBODY, OTHER, FULL), ['ok', 'ok', 'ok', 'ok']);
    assert.deepEqual(await codesFor(NOBODY, OTHER), Array(4).fill('daemon_not_permitted'));
    chmodSync(socket, 0o666);
    assert.deepEqual(await codesFor(NOBODY, OTHER), REFUSED);
  });

  it('lets members of --read-group look, and change nothing', async () => {
    await started('--group', String(FULL), '--read-group', String(READ));
    assert.deepEqual(await codesFor(NOBODY, READ), ['ok', 'not_permitted', 'not_permitted', 'ok']);
    assert.deepEqual(await codesFor(NOBODY, OTHER, READ), ['ok', 'not_permitted', 'not_permitted', 'ok']);
    assert.deepEqual(await codesFor(NOBODY, READ, FULL), ['ok', 'ok', 'ok', 'ok']);
    assert.deepEqual(await codesFor(0, 0), ['ok', 'ok', 'ok', 'ok']);
    assert.deepEqual(await codesFor(NOBODY, OTHER), REFUSED);
  });
});
