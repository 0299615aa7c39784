/** Which process a daemon is, by the number that it says and the socket that it has. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, it } from 'node:test';
import { Unknown } from '../../src/doctor/finding.js';
import { daemonNamed } from '../../src/doctor/gather/processes.js';
import { until } from '../support/until.js';

it('a pid is believed of a process that was told to be a daemon with this socket, and of no other', async () => {
  const socket = `/tmp/vxlane-processes-${process.pid}.sock`;
  const args = ['-e', 'setInterval(() => {}, 1e6)', 'vxlane', 'daemon', '--socket', socket];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  after(() => child.kill('SIGKILL'));
  const pid = child.pid as number;
  await until(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(socket));
  assert.equal(daemonNamed(pid, socket).pid, pid);
  assert.throws(() => daemonNamed(pid, '/run/another.sock'), Unknown);
  assert.throws(() => daemonNamed(process.pid, socket), /pid \d+ where it runs, which is no vxlane daemon/);
});
