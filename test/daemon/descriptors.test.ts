/** What whoever starts the daemon has open goes no further: not to the processes of search plugins. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { createClient } from '../../src/control/client.js';
import { MAIN } from '../cli/vxlane.js';
import { freePort } from '../support/ports.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { StateDirectory } from './running.js';

/** As scripts choose for a lock. Node closes those that follow its own without a gap. */
const THEIRS = '200';

it('a descriptor of the shell is not open in a plugin', { skip: needsRoot() }, async () => {
  const directory = new StateDirectory();
  const [socket, search] = [join(directory.path, 'vxlane.sock'), join(directory.path, 'plugin.mjs')];
  writeFileSync(
    search,
    `export default { name: 'mine', mode: 'dynamic', properties: [],
       create: () => ({ start() {}, stop() {}, lookup: () => null }) };`,
  );
  const daemon = [process.execPath, MAIN, 'daemon', '--socket', socket, '--state-dir', join(directory.path, 'state')];
  const script = `exec ${THEIRS}</dev/null; exec "$@"`;
  const child = spawn('bash', ['-c', script, 'bash', ...daemon, '--fdb-size', '16'], { stdio: 'ignore' });
  const client = createClient(socket);
  const ended = once(child, 'exit');
  try {
    await until(() =>
      client.daemon().then(
        () => true,
        () => false,
      ),
    );
    const properties = { 'vxlan/listen_ip': '127.0.0.1', 'vxlan/listen_port': String(freePort()) };
    await client.createOverlay({ name: 'ov0', encap: 'vxlan', vni: 5, search, temporary: false, properties });
    const plugins = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim().split(' ');
    assert.ok(readdirSync(`/proc/${child.pid}/fd`).includes(THEIRS), 'it is open in the daemon');
    assert.equal(plugins.length, 1);
    assert.ok(!readdirSync(`/proc/${plugins[0]}/fd`).includes(THEIRS));
  } finally {
    child.kill('SIGKILL');
    await ended;
    directory.delete();
  }
});
