/** The process that is asked what a plugin is: the instance is made in it, and it ends where none is. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { withPlugin } from '../../../src/search/find.js';
import { Deadlines } from '../../../src/search/host/deadlines.js';
import { Placement } from '../../../src/search/host/placement.js';
import { freePort } from '../../support/ports.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { StateDirectory, startDaemon } from '../running.js';

/** Says which process it was when it was asked what it is, and starts in no other one. */
const MODULE = `export default { name: 'one', mode: 'dynamic',
  properties: [{ name: 'one/pid', type: 'uint', required: false, default: process.pid, help: 'asked' }],
  create: (context, values) => ({
    start() { if (values['one/pid'] !== process.pid) throw new Error('another process'); },
    stop() {}, lookup: () => null }) };`;

describe('a search plugin with a process of its own', { skip: needsRoot() }, () => {
  const directory = new StateDirectory();
  const path = join(directory.path, 'one.mjs');
  writeFileSync(path, MODULE);
  after(() => directory.delete());

  it('has one, whether its overlay is created, swapped to it, or there again after a restart', async () => {
    let running = await startDaemon(directory.path);
    try {
      const listen = { 'vxlan/listen_ip': '127.0.0.1', 'vxlan/listen_port': String(freePort()) };
      const overlay = { vni: 1, encap: 'vxlan', search: path, properties: { ...listen, 'lookup/memory': '64' } };
      await running.daemon.createOverlay({ name: 'ov0', temporary: false, ...overlay });
      await running.daemon.modifyOverlay('ov0', { search: path, properties: { 'lookup/memory': '65' } });
      assert.equal(running.daemon.overlay('ov0').status, 'ONLINE');
      await running.stop();
      running = await startDaemon(directory.path);
      assert.deepEqual([running.daemon.overlay('ov0').status, running.daemon.overlay('ov0').details], ['ONLINE', '']);
    } finally {
      await running.stop();
    }
  });

  it('has another where the memory of the first is bounded otherwise, and the first ends', async () => {
    const confinement = { isolation: 'process', memoryMiB: 64 } as const;
    const pids: number[] = [];
    const listener = { said() {}, ended() {} };
    await withPlugin(path, confinement, new Deadlines(() => 0), async ({ location, manifest }, spare) => {
      pids.push(Number(manifest.properties[0]!.default));
      const other = { ...confinement, memoryMiB: 65 };
      const channel = new Placement({ now: () => 0 }).open(location, other, {}, spare)(listener);
      assert.ok(channel.place.kind === 'process' && channel.place.pid !== pids[0]);
      pids.push(channel.place.pid);
      await channel.close();
    });
    await until(() => pids.every((pid) => !existsSync(`/proc/${pid}`)));
    assert.equal(pids.length, 2);
  });

  it('ends where what wanted it is refused', async () => {
    let pid = 0;
    const confinement = { isolation: 'process', memoryMiB: 64 } as const;
    const refused = withPlugin(path, confinement, new Deadlines(() => 0), async ({ manifest }) => {
      pid = Number(manifest.properties[0]!.default);
      throw new Error('no');
    });
    await assert.rejects(refused, { message: 'no' });
    assert.equal(existsSync(`/proc/${pid}`), false);
  });
});
