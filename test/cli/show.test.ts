/** What the show commands print, to the letter. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { macFromNumber } from '../../src/address.js';
import type { MoveView, TargetView } from '../../src/control/protocol.js';
import { type Harness, startHarness } from '../control/harness.js';
import { MAIN, type Run, vxlaneAt } from './vxlane.js';

let harness: Harness;
let vxlane: Run;
before(async () => {
  harness = await startHarness();
  vxlane = vxlaneAt(harness.socket);
  const { client, controller } = harness;
  const properties = { mtu: '1400', 'vxlan/listen_ip': 'fd00::1' };
  const overlay = { name: 'overlay0', encap: 'vxlan', vni: 23, search: 'files', properties };
  await client.createOverlay(overlay);
  await client.createOverlay({ ...overlay, name: 'overlay1', vni: 24, properties: {} });
  controller.degraded.set('overlay1', 'files/config: /a\\b:c\u001b[31m\nsecond line');
  const { targets } = controller.overlaysByName.get('overlay0')!;
  const target = (mac: string, destination: string, source: string, ageSeconds: number, idleSeconds: number | null) =>
    targets.set(mac, { mac, destination, source, ageSeconds, idleSeconds } satisfies TargetView);
  target('de:ad:be:ef:00:00', 'vnic foo0', 'vnic', 93_784.2, 0.4);
  target('de:ad:be:ef:00:01', '10.88.88.70:4789', 'files', 7_620, 185);
  target('de:ad:be:ef:00:02', '[fd00::2]:4789', 'static', 59, null);
  target('de:ad:be:ef:00:03', 'drop', 'static', 60, null);
  const mover = (mac: string, state: MoveView['state'], frozenSeconds: number | null) =>
    controller.movers.set(mac, {
      ...{ mac, destination: '10.88.88.70:4789', home: 'vnic br0', moves: 7, state, frozenSeconds },
    });
  mover('de:ad:be:ef:00:01', 'moving', null);
  mover('de:ad:be:ef:00:02', 'frozen', 61);
  const addresses = ['10.55.55.2/24', 'fe80::3/64'];
  await client.createVnic({ name: 'foo0', overlay: 'overlay0', mac: 'de:ad:be:ef:00:00', addresses });
  await client.createVnic({
    name: 'br0',
    overlay: 'overlay1',
    mac: 'de:ad:be:ef:00:09',
    netns: 'z',
    allowAnyMac: true,
  });
  controller.vnicsByName.get('br0')!.state = 'interface is gone';
});
after(() => harness.close());

const PROPERTIES = `\
LINK      PROPERTY         PERM  REQ  VALUE    DEFAULT  POSSIBLE
overlay0  mtu              rw    -    1400     1400     576-8900
overlay0  vnetid           r-    -    23       --       --
overlay0  encap            r-    -    vxlan    --       --
overlay0  vxlan/listen_ip  r-    y    fd00::1  --       --
overlay0  search           r-    -    files    --       --
`;
const HEALTH = `\
LINK      STATUS    DETAILS
overlay0  ONLINE    --
overlay1  DEGRADED  files/config: /a\\b:c?[31m?second line
`;
const TARGETS = `\
LINK      TARGET             DESTINATION       SOURCE  AGE
overlay0  de:ad:be:ef:00:00  vnic foo0         vnic    1d02h
overlay0  de:ad:be:ef:00:01  10.88.88.70:4789  files   2h07m
overlay0  de:ad:be:ef:00:02  [fd00::2]:4789    static  59s
overlay0  de:ad:be:ef:00:03  drop              static  1m00s
`;
const MOVES = `\
LINK      MAC                DESTINATION       HOME      MOVES  STATE   THAWS
overlay0  de:ad:be:ef:00:01  10.88.88.70:4789  vnic br0  7      moving  --
overlay0  de:ad:be:ef:00:02  10.88.88.70:4789  vnic br0  7      frozen  1m01s
`;
const VNICS = `\
LINK  OVER      MACADDRESS          MTU  NETNS  ADDRESSES                 STATE
foo0  overlay0  de:ad:be:ef:00:00  1450  --     10.55.55.2/24,fe80::3/64  up
br0   overlay1  de:ad:be:ef:00:09  1450  z      --                        interface is gone
`;
const PARSABLE_TARGETS = `\
de\\:ad\\:be\\:ef\\:00\\:00:vnic foo0:93784:0
de\\:ad\\:be\\:ef\\:00\\:01:10.88.88.70\\:4789:7620:185
de\\:ad\\:be\\:ef\\:00\\:02:[fd00\\:\\:2]\\:4789:59:
de\\:ad\\:be\\:ef\\:00\\:03:drop:60:
`;

const CASES: [typed: string[], stdout: string][] = [
  [['show-overlay', 'overlay0'], PROPERTIES],
  [['show-overlay', '-f'], HEALTH],
  [['show-overlay', '-t', 'overlay0'], TARGETS],
  [['show-overlay', '-t', 'overlay1'], 'LINK  TARGET  DESTINATION  SOURCE  AGE\n'],
  [['show-overlay', '-m', 'overlay0'], MOVES],
  [['show-overlay', '-m', '-p', '-o', 'state,thaws', 'overlay0'], 'moving:\nfrozen:61\n'],
  [['show-vnic'], VNICS],
  [['show-overlay', '-f', '-o', 'details,Link', 'overlay0'], 'DETAILS  LINK\n--       overlay0\n'],
  [['show-vnic', '-o', 'LINK,anymac,temporary'], 'LINK  ANYMAC  TEMPORARY\nfoo0  no      no\nbr0   yes     no\n'],
  [
    ['show-vnic', '-o', 'all', 'br0'],
    'LINK  OVER      MACADDRESS          MTU  NETNS  ADDRESSES  STATE              INTERFACE  TRUNK  VLAN  ANYMAC  ' +
      'PROTECTION  ALLOWEDIPS  RATEBPS  RATEPPS  STORMPPS  TEMPORARY  DECLARED\n' +
      'br0   overlay1  de:ad:be:ef:00:09  1450  z      --         interface is gone  br0        --       --  yes     ' +
      '--          --               --       --        --  no         --\n',
  ],
  [['show-overlay', '-t', '--parsable', '-o', 'TARGET,DESTINATION,AGE,IDLE', 'overlay0'], PARSABLE_TARGETS],
  [
    ['show-overlay', '-f', '-p', '-o', 'link,details'],
    'overlay0:\noverlay1:files/config\\: /a\\\\b\\:c?[31m?second line\n',
  ],
  [['show-vnic', '--parseable', '-o', 'macaddress', 'foo0'], 'de:ad:be:ef:00:00\n'],
];

const showsDegraded = (typed: readonly string[]) => typed.includes('-f') && !typed.includes('overlay0');

describe('show commands', { concurrency: 3 }, () => {
  for (const [typed, stdout] of CASES) {
    test(`vxlane ${typed.join(' ')}`, async () => {
      assert.deepEqual(await vxlane(...typed), { status: showsDegraded(typed) ? 3 : 0, stdout, stderr: '' });
    });
  }

  test('of several names the missing ones are complained of, the others printed once, in the order named', async () => {
    const { status, stdout, stderr } = await vxlane(
      'show-overlay',
      '-f',
      'nix',
      'overlay1',
      'overlay0',
      'x',
      'overlay1',
    );
    assert.equal(status, 1);
    assert.deepEqual(
      stdout.split('\n').map((line) => line.split(' ')[0]),
      ['LINK', 'overlay1', 'overlay0', ''],
    );
    assert.equal(stderr, 'vxlane: no such overlay: nix\nvxlane: no such overlay: x\n');
  });

  test('when every name is missing, no table is printed', async () => {
    const stderr = 'vxlane: no such VNIC: nix\n';
    assert.deepEqual(await vxlane('show-vnic', 'nix'), { status: 1, stdout: '', stderr });
  });

  test('a name is no key of an object', async () => {
    const stderr = 'vxlane: no such overlay: __proto__\n';
    assert.deepEqual(await vxlane('show-overlay', '__proto__'), { status: 1, stdout: '', stderr });
  });

  test('--json prints the objects of the API', async () => {
    const json = async (...typed: string[]) => JSON.parse((await vxlane(...typed, '--json')).stdout);
    const { controller } = harness;
    assert.deepEqual(await json('show-overlay'), controller.overlays());
    assert.deepEqual(await json('show-overlay', '-f', 'overlay0'), [
      { name: 'overlay0', status: 'ONLINE', details: '', declared: null },
    ]);
    const targets = controller.targets('overlay0').targets.map((target) => ({ overlay: 'overlay0', ...target }));
    assert.deepEqual(await json('show-overlay', '-t'), targets);
    assert.deepEqual(await json('show-vnic', 'foo0'), [controller.vnicsByName.get('foo0')]);
  });
});

describe('what stdout is', { concurrency: 3 }, () => {
  test('on a terminal the state is coloured, unless NO_COLOR is set', async () => {
    const command = `${process.execPath} ${MAIN} show-overlay -f --socket ${harness.socket}`;
    const onTerminal = (env: Record<string, string>) =>
      promisify(execFile)('script', ['-qc', command, '/dev/null'], { env: { PATH: process.env.PATH, ...env } });
    const { stdout } = await onTerminal({});
    assert.ok(stdout.includes('\u001b[32mONLINE\u001b[39m    --'), stdout);
    assert.ok(stdout.includes('\u001b[31mDEGRADED\u001b[39m  files'), stdout);
    assert.equal((await onTerminal({ NO_COLOR: '1' })).stdout.replaceAll('\r\n', '\n'), HEALTH);
  });

  test('20,000 targets print at once, and a reader that stops reading is no failure', async () => {
    const own = await startHarness();
    try {
      await own.client.createOverlay({ name: 'big0', encap: 'vxlan', vni: 1, search: 'files', properties: {} });
      const { targets } = own.controller.overlaysByName.get('big0')!;
      for (let index = 0; index < 20_000; index++) {
        const mac = macFromNumber(0x02_00_00_00_00_00 + index);
        targets.set(mac, { mac, destination: '10.0.0.1:4789', source: 'static', ageSeconds: 1, idleSeconds: null });
      }
      const script = `set -o pipefail; ${process.execPath} ${MAIN} show-overlay -t big0 | head -n 2`;
      const env = { PATH: process.env.PATH, VXLANE_SOCKET: own.socket };
      const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-c', script], { env, timeout: 20_000 });
      assert.equal(stdout.split('\n')[1], 'big0  02:00:00:00:00:00  10.0.0.1:4789  static  1s');
      assert.equal(stderr, '');
    } finally {
      await own.close();
    }
  });
});
