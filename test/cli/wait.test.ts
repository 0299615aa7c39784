/** What `wait` waits for, and how it ends. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { OverlayStatus, Problem, StatusView } from '../../src/control/protocol.js';
import { type Harness, startHarness } from '../control/harness.js';
import { type Run, vxlaneAt } from './vxlane.js';

let harness: Harness;
let vxlane: Run;
before(async () => {
  harness = await startHarness();
  vxlane = vxlaneAt(harness.socket);
});
after(() => harness.close());

const well: OverlayStatus = {
  ...{ name: 'overlay0', vni: 23, search: 'files', status: 'ONLINE', state: 'serving', pluginPlace: null, details: '' },
  ...{ vnics: 0, vnicsUp: 0, peers: 3, mtu: 1450, framesPerSecond: 1200, dropsPerSecond: 0 },
};
const gone: OverlayStatus = { ...well, status: 'DEGRADED', details: 'the file is gone' };
const problem: Problem = {
  severity: 'bad',
  text: 'overlay overlay0 is DEGRADED: the file is gone',
  command: 'vxlane show-overlay -f overlay0',
};
const DONE = { status: 0, stdout: '', stderr: '' };

/** Views that the daemon answers one after the other, and the last one from then on. */
function answer(...views: Omit<StatusView, 'daemon'>[]): void {
  const { controller } = harness;
  const rest = [...views];
  controller.status = () => {
    const view = rest.length > 1 ? rest.shift() : rest[0];
    return { daemon: controller.daemon(), ...view! };
  };
}

test('it is over at once where all is well, and otherwise as soon as it is', async () => {
  answer({ overlays: [well], problems: [] });
  assert.deepEqual(await vxlane('wait', '--timeout', '0'), DONE);
  const starting = { ...well, state: 'bound' } as const;
  answer(
    { overlays: [gone], problems: [problem] },
    { overlays: [starting], problems: [] },
    { overlays: [well], problems: [] },
  );
  assert.deepEqual(await vxlane('wait'), DONE);
  answer({ overlays: [], problems: [] }, { overlays: [starting], problems: [] }, { overlays: [well], problems: [] });
  assert.deepEqual(await vxlane('wait', '--for', 'overlay', 'overlay0'), DONE);
});

test('what is lacking in the end is said, a line each, and the exit status is 3', async () => {
  answer({ overlays: [gone, { ...well, name: 'overlay1', state: 'bound' }], problems: [problem] });
  const lines = [
    'vxlane: overlay overlay0 is DEGRADED: the file is gone\n',
    'vxlane: overlay overlay1: its search plugin is still starting\n',
  ];
  const ended = { status: 3, stdout: '', stderr: lines.join('') };
  assert.deepEqual(await vxlane('wait', '--timeout', '0'), ended);
  assert.deepEqual(await vxlane('wait', '--timeout', '1', '--for', 'overlay', 'overlay0', 'overlay1'), ended);
  const { status, stderr } = await vxlane('wait', '--timeout', '0', '--for', 'overlay', 'overlay7');
  assert.deepEqual([status, stderr], [3, 'vxlane: no such overlay: overlay7\n']);
});

test('a note keeps nobody waiting, and an overlay of no interest neither', async () => {
  const note = { severity: 'note', text: 'overlay overlay0 drops 7 frames/s', command: 'vxlane show-stats' } as const;
  answer({ overlays: [well], problems: [note] });
  assert.deepEqual(await vxlane('wait', '--timeout', '0'), DONE);
  answer({ overlays: [gone, { ...well, name: 'overlay1' }], problems: [problem] });
  assert.deepEqual(await vxlane('wait', '--timeout', '0', '--for', 'overlay', 'overlay1'), DONE);
});

test('VNICs are waited for by name', async () => {
  await harness.client.createOverlay({ name: 'overlay0', encap: 'vxlan', vni: 23, search: 'files', properties: {} });
  const vnic = await harness.client.createVnic({ name: 'foo0', overlay: 'overlay0', mac: 'de:ad:be:ef:00:00' });
  assert.deepEqual(await vxlane('wait', '--timeout', '0', '--for', 'vnic', 'foo0'), DONE);
  harness.controller.vnicsByName.set('foo0', { ...vnic, state: 'its interface was set down' });
  const { status, stderr } = await vxlane('wait', '--timeout', '0', '--for', 'vnic', 'foo0', 'bar0');
  const lines = 'vxlane: VNIC foo0: its interface was set down\nvxlane: no such VNIC: bar0\n';
  assert.deepEqual([status, stderr], [3, lines]);
});

test('where no daemon answers it ends with 4, and names where none belong are usage', async () => {
  const alone = vxlaneAt('/nonexistent/vxlane.sock');
  assert.equal((await alone('wait', '--timeout', '1')).status, 4);
  assert.equal((await alone('wait', 'overlay0')).status, 2);
  assert.equal((await alone('wait', '--for', 'vnic')).status, 2);
});
