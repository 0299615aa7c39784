/** What `status` and `list` print, to the letter, and how they end. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { OverlayStatus, Problem } from '../../src/control/protocol.js';
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
  ...{ name: 'overlay0', vni: 23, search: 'files', status: 'ONLINE', vnics: 2, vnicsUp: 2 },
  ...{ state: 'serving', pluginPlace: null, details: '' },
  ...{ peers: 3, mtu: 1450, framesPerSecond: 1200, dropsPerSecond: 0 },
};
const HEAD = `\
vxlane 0.0.0-test, up 1s, pid ${process.pid}
engine mmsg (mmsg was asked for), 1 worker
underlay tap, FDB 0 of 65536
capabilities CAP_NET_ADMIN
`;

test('status of a daemon with nothing to do, and of one that is well', async () => {
  assert.deepEqual(await vxlane('status'), {
    ...{ status: 0, stderr: '' },
    stdout: `${HEAD}\nno overlays\n\nnothing is wrong\n`,
  });
  harness.controller.statusView = { overlays: [well], problems: [] };
  assert.deepEqual(await vxlane('status'), {
    ...{ status: 0, stderr: '' },
    stdout: `${HEAD}
OVERLAY   VNI  SEARCH  STATUS  VNICS  PEERS   MTU  FRAMES/S  DROPS/S
overlay0   23  files   ONLINE      2      3  1450      1200        0

nothing is wrong
`,
  });
});

test('status names what is wrong with the command that shows more, and ends with 3', async () => {
  const problem = (text: string, command: string): Problem => ({ severity: 'bad', text, command });
  const problems = [
    problem('overlay overlay1 is DEGRADED: the file is gone', 'vxlane show-overlay -f overlay1'),
    problem('VNIC foo0 is down: its interface was deleted', 'vxlane show-vnic foo0'),
  ];
  const bad: OverlayStatus = { ...well, name: 'overlay1', status: 'DEGRADED', vnicsUp: 1, dropsPerSecond: 7 };
  harness.controller.statusView = { overlays: [well, bad], problems };
  const { status, stdout } = await vxlane('status');
  assert.equal(status, 3);
  assert.equal(
    stdout.slice(HEAD.length),
    `
OVERLAY   VNI  SEARCH  STATUS    VNICS  PEERS   MTU  FRAMES/S  DROPS/S
overlay0   23  files   ONLINE        2      3  1450      1200        0
overlay1   23  files   DEGRADED    1/2      3  1450      1200        7

overlay overlay1 is DEGRADED: the file is gone
  vxlane show-overlay -f overlay1
VNIC foo0 is down: its interface was deleted
  vxlane show-vnic foo0
`,
  );
  const json = await vxlane('status', '--json');
  assert.equal(json.status, 3);
  assert.deepEqual(JSON.parse(json.stdout).problems, problems);
});

test('a note is no failure, and what does not fit a screen is counted', async () => {
  const note: Problem = { severity: 'note', text: 'drops', command: 'vxlane show-stats' };
  harness.controller.statusView = { overlays: [well], problems: new Array(25).fill(note) };
  const { status, stdout } = await vxlane('status');
  assert.equal(status, 0);
  assert.match(stdout, /and 5 more \(vxlane show-overlay -f, vxlane show-vnic\)\n$/);
  harness.controller.statusView = { overlays: [well], problems: [] };
});

test('list has a line for each overlay and VNIC, for people and for scripts', async () => {
  await harness.client.createOverlay({ name: 'overlay0', encap: 'vxlan', vni: 23, search: 'files', properties: {} });
  await harness.client.createVnic({ name: 'foo0', overlay: 'overlay0', mac: 'de:ad:be:ef:00:00' });
  assert.equal(
    (await vxlane('list')).stdout,
    `\
LINK      CLASS     MTU  STATE   OVER
overlay0  overlay  1450  ONLINE  --
foo0      vnic     1450  up      overlay0
`,
  );
  assert.equal((await vxlane('list', '--parsable', '-o', 'link,state')).stdout, 'overlay0:ONLINE\nfoo0:up\n');
});
