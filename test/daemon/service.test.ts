/** The daemon as a service manager runs it: who may use its socket, and what it tells the manager. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createClient } from '../../src/control/client.js';
import { outcomeOf, start } from '../cli/vxlane.js';
import { NotifyReceiver } from '../support/notify-receiver.js';
import { freePort } from '../support/ports.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { StateDirectory } from './running.js';

describe('the daemon as a service', { skip: needsRoot() }, () => {
  let directory: StateDirectory;
  let socket: string;
  let children: ReturnType<typeof start>[];

  beforeEach(() => {
    directory = new StateDirectory();
    socket = join(directory.path, 'run', 'vxlane.sock');
    children = [];
  });
  afterEach(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    directory.delete();
  });

  function startDaemon(args: readonly string[], env: Record<string, string> = {}) {
    const common = ['--socket', socket, '--state-dir', directory.path, '--workers', '1', '--fdb-size', '1024'];
    const child = start(['daemon', ...common, ...args], env);
    children.push(child);
    return { child, outcome: outcomeOf(child) };
  }

  it('gives its socket to the group that was named', async () => {
    const { child, outcome } = startDaemon(['--group', '54321']);
    const client = createClient(socket);
    await until(async () => (await client.daemon().catch(() => null)) !== null);
    assert.equal(statSync(socket).gid, 54321);
    child.kill('SIGTERM');
    assert.deepEqual(await outcome.then(({ status, stderr }) => [status, stderr]), [0, '']);
  });

  it('tells its manager when it is ready, how it is, when it reloads, that it lives, and that it stops', async () => {
    const receiver = new NotifyReceiver(`@vxlane-service-${process.pid}`);
    const told: string[] = [];
    const isTold = (text: string, times = 1) =>
      until(() => {
        told.push(...receiver.take());
        return told.filter((each) => each === text).length >= times;
      });
    try {
      const { child, outcome } = startDaemon([], { NOTIFY_SOCKET: receiver.name, WATCHDOG_USEC: '400000' });
      await isTold('READY=1');
      const client = createClient(socket);
      const properties = {
        'vxlan/listen_ip': '127.0.0.1',
        'vxlan/listen_port': String(freePort()),
        'direct/dest_ip': '127.0.0.2',
      };
      await client.createOverlay({ name: 'o', encap: 'vxlan', vni: 1, search: 'direct', properties });
      await isTold('STATUS=overlays: 1, DEGRADED: 0; VNICs: 0, down: 0');
      for (const reload of [() => void client.reload(), () => void child.kill('SIGHUP')]) {
        told.length = 0;
        const beforeUs = process.hrtime.bigint() / 1000n;
        reload();
        await isTold('READY=1');
        const [, us] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/m.exec(told.join('\n')) ?? [];
        assert.ok(us !== undefined && BigInt(us) >= beforeUs, told.join());
      }
      told.length = 0;
      await isTold('WATCHDOG=1', 3);
      child.kill('SIGTERM');
      assert.equal((await outcome).status, 0);
      assert.ok(receiver.take().includes('STOPPING=1'));
    } finally {
      receiver.close();
    }
  });
});
