/** show-stats: tables, rates, JSON lines, Ctrl-C. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ratesOf } from '../../src/cli/rates.js';
import { formatStats } from '../../src/cli/stats-tables.js';
import type { StatsView } from '../../src/control/protocol.js';
import { type Harness, startHarness } from '../control/harness.js';
import { outcomeOf, type Run, start, vxlaneAt } from './vxlane.js';

const traffic = (frames: number, bytes: number) => ({ frames, bytes });

const plugin = (questions: number, faults: number, timeouts: number, deaths: number) => ({
  name: 'files',
  questions,
  faults,
  timeouts,
  deaths,
});

const STATS: StatsView = {
  totals: { encap_in: 10 },
  drops: [
    {
      reason: 'unknown_vni',
      frames: 3,
      isExpected: false,
      text: 'no overlay with this VNI listens on the address the datagram came to',
    },
    { reason: 'no_such_mac', frames: 1200, isExpected: false, text: 'the search plugin knows no such MAC' },
    { reason: 'host_chatter', frames: 9, isExpected: true, text: 'MLD' },
  ],
  overlays: [
    {
      name: 'overlay0',
      encap: traffic(10, 1000),
      decap: traffic(20, 2000),
      fragments: 0,
      drops: { no_such_mac: 1200, bad_arp: 1, host_chatter: 9 },
      expectedDrops: 9,
      strangers: [],
      plugin: plugin(5000, 40, 3, 1),
    },
    {
      name: 'overlay1',
      encap: traffic(0, 0),
      decap: traffic(0, 0),
      fragments: 0,
      drops: {},
      expectedDrops: 0,
      strangers: [],
      plugin: plugin(0, 0, 0, 0),
    },
  ],
  vnics: [
    { name: 'foo0', overlay: 'overlay0', tx: traffic(11, 1100), rx: traffic(20, 2000), drops: 10, expectedDrops: 9 },
  ],
  endpoints: [
    {
      ...{ endpoint: '[fd00::2]:4789', overlays: ['overlay0'], pathMtu: 1400, heardSeconds: 65, isSilent: false },
      ...{ encap: traffic(10, 1000), decap: traffic(18, 1800), drops: 6 },
    },
  ],
  otherSenders: traffic(2, 200),
};

const NOTHING_ELSE = { vnics: [], endpoints: [], otherSenders: traffic(0, 0), drops: [] };

const TABLES = `\
OVERLAY   ENCAP-FRAMES  ENCAP-BYTES  DECAP-FRAMES  DECAP-BYTES  DROPS  EXPECTED
overlay0            10         1000            20         2000   1201         9
overlay1             0            0             0            0      0         0

SEARCH  OVER      QUESTIONS  FAULTS  TIMEOUTS  DEATHS
files   overlay0       5000      40         3       1
files   overlay1          0       0         0       0

VNIC  OVER      TX-FRAMES  TX-BYTES  RX-FRAMES  RX-BYTES  DROPS  EXPECTED
foo0  overlay0         11      1100         20      2000      1         9

ENDPOINT        ENCAP-FRAMES  ENCAP-BYTES  DECAP-FRAMES  DECAP-BYTES  DROPS  HEARD      PATH-MTU
[fd00::2]:4789            10         1000            18         1800      6  1m05s ago      1400
others                     0            0             2          200      0  --               --

DROPPED       FRAMES  BECAUSE
unknown_vni        3  no overlay with this VNI listens on the address the datagram came to
no_such_mac     1200  the search plugin knows no such MAC
host_chatter       9  expected: MLD
`;

let harness: Harness;
let vxlane: Run;
before(async () => {
  harness = await startHarness();
  vxlane = vxlaneAt(harness.socket);
  const overlay = { encap: 'vxlan', vni: 23, search: 'files', properties: {} };
  await harness.client.createOverlay({ ...overlay, name: 'overlay0' });
  await harness.client.createOverlay({ ...overlay, name: 'overlay1' });
  harness.controller.statsView = STATS;
});
after(() => harness.close());

/** Runs a command that does not end by itself until `until` holds of its stdout, then presses Ctrl-C. */
async function interrupted(typed: string[], until: (stdout: string) => boolean) {
  const child = start(typed, { VXLANE_SOCKET: harness.socket });
  let stdout = '';
  let isPressed = false;
  child.stdout.on('data', (text) => {
    stdout += text;
    if (isPressed || !until(stdout)) return;
    isPressed = true; // a second time would kill it
    child.kill('SIGINT');
  });
  return outcomeOf(child);
}

test('who was refused has a table, with the command that lets it in', () => {
  const stranger = { ip: '10.0.0.9', mac: 'de:ad:be:ef:00:09', frames: 7, allow: 'vxlane modify-overlay …' };
  const of = (frames: number): StatsView => {
    const overlays = [{ ...STATS.overlays[0]!, strangers: [{ ...stranger, frames }] }];
    return { ...STATS, overlays, ...NOTHING_ELSE };
  };
  const lines = formatStats(of(7), (_tint, text) => text, '').split('\n');
  const at = lines.findIndex((line) => line.startsWith('REFUSED'));
  assert.equal(lines[at + 1], '10.0.0.9  overlay0  de:ad:be:ef:00:09       7  vxlane modify-overlay …');
  assert.equal(ratesOf(of(7), of(27), 2).overlays[0]?.strangers[0]?.frames, 10);
});

test('fragments have a column of the overlays where there are any', () => {
  const [first, second] = STATS.overlays;
  const stats = { ...STATS, overlays: [{ ...first!, fragments: 7 }, second!], ...NOTHING_ELSE };
  const [title, ...rows] = formatStats(stats, (_tint, text) => text, '/S').split('\n');
  assert.match(title!, / DECAP-BYTES\/S {2}FRAGMENTED\/S {2}DROPS\/S /);
  assert.match(rows[0]!, /^overlay0 .* 2000 +7 +1201 +9$/);
  assert.match(rows[1]!, /^overlay1 .* 0 +0 +0 +0$/);
});

describe('show-stats', { concurrency: 3 }, () => {
  test('prints overlays, VNICs, endpoints and drops with their sentences', async () => {
    assert.deepEqual(await vxlane('show-stats'), { status: 0, stdout: TABLES, stderr: '' });
  });

  test('of the named overlays; a missing one is complained of', async () => {
    const { status, stdout, stderr } = await vxlane('show-stats', 'overlay1', 'nix');
    assert.deepEqual([status, stderr], [1, 'vxlane: no such overlay: nix\n']);
    assert.match(stdout, /^OVERLAY .*\noverlay1 /);
    assert.doesNotMatch(stdout, /^overlay0 /m);
    assert.deepEqual(await vxlane('show-stats', 'nix'), {
      status: 1,
      stdout: '',
      stderr: 'vxlane: no such overlay: nix\n',
    });
  });

  test('--json prints the object of the API', async () => {
    assert.deepEqual(JSON.parse((await vxlane('show-stats', '--json')).stdout), STATS);
  });

  test('--watch prints counts, then rates a second, until Ctrl-C', async () => {
    const { status, stdout, stderr } = await interrupted(['show-stats', '--watch', '0.1', 'overlay0'], (text) =>
      /\/S[\s\S]*BECAUSE[\s\S]*MLD\n/.test(text),
    );
    assert.deepEqual([status, stderr], [0, '']);
    const [counts, rates] = stdout.split('\nOVERLAY');
    assert.match(counts!, /^OVERLAY +ENCAP-FRAMES +[\s\S]*overlay0 +10 +1000 /);
    assert.match(rates!, /^ +ENCAP-FRAMES\/S +[\s\S]*overlay0 +0 +0 +0 +0 +0 +0\n/);
    assert.doesNotMatch(stdout, /overlay1/);
  });

  test('--watch without seconds leaves a name behind it a name', async () => {
    const { status, stdout } = await interrupted(['show-stats', '--watch', 'overlay1'], (text) =>
      text.includes('MLD\n'),
    );
    assert.equal(status, 0);
    assert.match(stdout, /^OVERLAY .*\noverlay1 +0 /);
  });

  test('--watch --json prints one line each time', async () => {
    const { stdout } = await interrupted(
      ['show-stats', '--json', '--watch=0.1'],
      (text) => text.split('\n').length > 2,
    );
    const [first, second] = stdout.split('\n');
    assert.deepEqual([JSON.parse(first!), JSON.parse(second!)], [STATS, STATS]);
  });
});

test('rates: differences a second; what is new or has restarted counts from zero', () => {
  const before: StatsView = {
    totals: { encap_in: 4, held: 9 },
    drops: [{ reason: 'unknown_vni', frames: 1, isExpected: false, text: '' }],
    overlays: [
      {
        name: 'overlay0',
        encap: traffic(4, 400),
        decap: traffic(40, 4000),
        fragments: 0,
        drops: { no_such_mac: 200, host_chatter: 1 },
        expectedDrops: 1,
        strangers: [],
        plugin: plugin(1000, 36, 3, 2),
      },
    ],
    vnics: [{ name: 'foo0', overlay: 'overlay0', tx: traffic(1, 100), rx: traffic(0, 0), drops: 4, expectedDrops: 3 }],
    endpoints: [{ ...STATS.endpoints[0]!, encap: traffic(0, 0), decap: traffic(8, 800), drops: 2 }],
    otherSenders: traffic(0, 0),
  };
  const rates = ratesOf(before, STATS, 2);
  assert.deepEqual(rates.totals, { encap_in: 3 });
  assert.deepEqual(
    rates.drops.map(({ frames }) => frames),
    [1, 600, 5],
  );
  assert.deepEqual(rates.overlays[0], {
    name: 'overlay0',
    encap: traffic(3, 300),
    decap: traffic(10, 1000),
    fragments: 0,
    drops: { no_such_mac: 500, bad_arp: 1, host_chatter: 4 },
    expectedDrops: 4,
    strangers: [],
    plugin: plugin(2000, 2, 0, 1),
  });
  assert.deepEqual(rates.overlays[1]?.encap, traffic(0, 0));
  assert.deepEqual([rates.vnics[0]?.tx, rates.vnics[0]?.drops, rates.vnics[0]?.expectedDrops], [traffic(5, 500), 3, 3]);
  const [{ encap, decap, drops } = assert.fail()] = rates.endpoints;
  assert.deepEqual([encap, decap, drops], [traffic(5, 500), traffic(5, 500), 2]);
  assert.deepEqual(rates.otherSenders, traffic(1, 100));
});
