/** What `reload` prints, and how it ends. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ConfigurationView } from '../../src/control/protocol.js';
import { type Harness, startHarness } from '../control/harness.js';
import { type Run, vxlaneAt } from './vxlane.js';

let harness: Harness;
let vxlane: Run;
before(async () => {
  harness = await startHarness();
  vxlane = vxlaneAt(harness.socket);
});
after(() => harness.close());

const view: Omit<ConfigurationView, 'status' | 'details'> = {
  file: '/etc/vxlane.yaml',
  appliedAt: '2026-01-02T03:04:05.000Z',
};

test('without a configuration file, and with one that is applied', async () => {
  const before = harness.controller.reloads;
  const stdout = 'reloaded, without a configuration file\n';
  assert.deepEqual(await vxlane('reload'), { status: 0, stdout, stderr: '' });
  harness.controller.configuration = { ...view, status: 'applied', details: [] };
  assert.deepEqual(await vxlane('reload'), { status: 0, stdout: '/etc/vxlane.yaml: applied\n', stderr: '' });
  assert.equal(harness.controller.reloads, before + 2);
});

test('a refused file ends it with 1, and each problem is a line', async () => {
  const details = ['/etc/vxlane.yaml:3:5: a: b', '/etc/vxlane.yaml:4:5: c: d'];
  harness.controller.configuration = { ...view, status: 'refused', details };
  assert.deepEqual(await vxlane('reload'), {
    status: 1,
    stdout: '/etc/vxlane.yaml: refused\n',
    stderr: details.map((detail) => `vxlane: ${detail}\n`).join(''),
  });
  const json = await vxlane('reload', '--json');
  assert.deepEqual([json.status, JSON.parse(json.stdout).daemon.configuration.details], [1, details]);
  const [first] = json.stderr.split('\n');
  assert.deepEqual(JSON.parse(first!), { error: { code: 'bad_configuration', message: details[0] } });
});

test('what could not be done, or is not well, ends it with 3; what deserves no more than a look does not', async () => {
  harness.controller.configuration = { ...view, status: 'applied', details: [] };
  const note = { severity: 'note', text: 'overlay overlay0 drops 7 frames/s', command: 'vxlane show-stats' } as const;
  harness.controller.statusView = { overlays: [], problems: [note] };
  assert.equal((await vxlane('reload')).status, 0);
  const bad = { severity: 'bad', text: 'overlay overlay1 is DEGRADED: gone', command: 'vxlane show-overlay' } as const;
  harness.controller.statusView = { overlays: [], problems: [note, bad] };
  assert.deepEqual(await vxlane('reload'), {
    status: 3,
    stdout: '/etc/vxlane.yaml: applied\n',
    stderr: 'vxlane: overlay overlay1 is DEGRADED: gone\n',
  });
});

test('where no daemon answers it ends with 4', async () => {
  assert.equal((await vxlaneAt('/nonexistent/vxlane.sock')('reload')).status, 4);
});
