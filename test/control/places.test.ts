/** Places for connections: whoever may do nothing takes none, and whoever may look leaves some to others. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import type { Access } from '../../src/control/access.js';
import { CONNECTIONS_MAX } from '../../src/control/connections.js';
import { peerOf } from '../../src/system/peer.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { startHarness } from './harness.js';

const NOBODY = 65534;

/** A process of another user that connects so often; `told`: what each of its connections has heard so far. */
async function holder(socket: string, count: number) {
  const script = `process.setuid(${NOBODY}); const { connect } = require('node:net'); let open = 0;
    const told = [];
    for (let n = 0; n < ${count}; n++) {
      const each = connect(${JSON.stringify(socket)}, () => { if (++open === ${count}) console.log('open'); });
      each.on('data', (chunk) => { told[n] = String(chunk).split('\\r\\n')[0]; }).on('error', () => {});
    }
    process.stdin.on('data', () => console.log(JSON.stringify(told.filter(Boolean))));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout);
  assert.deepEqual(await once(lines, 'line'), ['open']);
  const told = async () => {
    child.stdin.write('?');
    return JSON.parse(String((await once(lines, 'line'))[0])) as string[];
  };
  const end = async () => {
    child.kill();
    await once(child, 'exit');
  };
  return { told, end };
}

/** The first line of the one reply: nobody asks again. */
async function look(path: string): Promise<string> {
  const socket = connect(path);
  socket.write('GET /v1/daemon HTTP/1.1\r\nhost: x\r\n\r\n');
  const [chunk] = await once(socket, 'data');
  socket.destroy();
  return String(chunk).split('\r\n')[0]!;
}

for (const [access, refused] of [
  ['none', 'HTTP/1.1 403 Forbidden'],
  ['read', 'HTTP/1.1 503 Service Unavailable'],
] as const) {
  describe(`a user with access to ${access} of the control socket`, { skip: needsRoot() }, () => {
    it('cannot keep out root by any number of connections', async () => {
      const accessOf = (fd: number): Access => (peerOf(fd).uid === NOBODY ? access : 'all');
      await using harness = await startHarness({ accessOf, isOpen: true });
      const held = await holder(harness.socket, 2 * CONNECTIONS_MAX);
      try {
        assert.equal(await look(harness.socket), 'HTTP/1.1 200 OK');
        if (access === 'none') await until(async () => (await held.told()).length > 0);
        for (const line of await held.told()) assert.equal(line, refused);
      } finally {
        await held.end();
      }
    });
  });
}
