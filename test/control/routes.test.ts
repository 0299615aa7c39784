/** Each route once through the client that operators' commands use. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { TargetPage } from '../../src/control/protocol.js';
import { sendRequest } from '../../src/control/request.js';
import { allOf } from '../support/pages.js';
import { type Harness, startHarness } from './harness.js';

let harness: Harness;
before(async () => {
  harness = await startHarness();
});
after(() => harness.close());

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
const LIMIT = 'bad request: limit: expected a whole number from 1 to 10000';
const OVERLAY = { encap: 'vxlan', vni: 23, search: 'files', properties: { 'vxlan/listen_ip': '10.88.88.69' } };

test('the daemon describes itself', async () => {
  assert.equal((await harness.client.daemon()).pid, process.pid);
});

test('an overlay is created, listed, shown, changed and deleted', async () => {
  const { client } = harness;
  const created = await client.createOverlay({ ...OVERLAY, name: 'life0' });
  assert.equal(created.vni, 23);
  assert.equal(created.temporary, false);
  assert.deepEqual(await client.overlay('life0'), created);
  assert.ok((await client.overlays()).some(({ name }) => name === 'life0'));
  const changed = await client.modifyOverlay('life0', { search: 'direct', properties: { mtu: '1400' } });
  assert.equal(changed.search, 'direct');
  assert.equal(changed.properties.find(({ name }) => name === 'mtu')?.value, '1400');
  assert.equal(await client.deleteOverlay('life0'), undefined);
  await assert.rejects(client.overlay('life0'), { code: 'no_such_overlay' });
});

test('targets are set, listed, deleted and flushed; any MAC spelling in the URL will do', async () => {
  const { client } = harness;
  await client.createOverlay({ ...OVERLAY, name: 'targets0' });
  await client.setTarget('targets0', 'DE-AD-BE-EF-0-1', { destination: '10.0.0.1:4790' });
  await client.setTarget('targets0', 'dead.beef.0002', { destination: '[fd00::1]:4789' });
  await client.setTarget('targets0', 'deadbeef0003', { destination: 'drop' });
  const all = async () => allOf(client.targetPages('targets0'));
  const listed = (await all()).map(({ mac, destination }) => `${mac} ${destination}`);
  assert.deepEqual(listed, [
    'de:ad:be:ef:00:01 10.0.0.1:4790',
    'de:ad:be:ef:00:02 [fd00::1]:4789',
    'de:ad:be:ef:00:03 drop',
  ]);
  await client.deleteTarget('targets0', 'de:ad:be:ef:0:1');
  assert.equal((await all()).length, 2);
  await client.flushTargets('targets0');
  assert.deepEqual(await all(), []);
});

test('targets come in pages, from the first or after a MAC; a limit out of range is refused', async () => {
  const { client, controller } = harness;
  await client.createOverlay({ ...OVERLAY, name: 'pages0' });
  const macs = Array.from({ length: 4500 }, (_, n) => `02:00:00:00:${hex(n >> 8)}:${hex(n & 255)}`);
  for (const mac of macs) await controller.setTarget('pages0', mac, { destination: 'drop' });
  const page = (query: string) => {
    const path = `/v1/overlays/pages0/targets${query}`;
    return sendRequest({ socket: harness.socket, method: 'GET', path, timeoutMs: 5000 }) as Promise<TargetPage>;
  };
  const first = await page('');
  assert.deepEqual([first.targets.length, first.next], [1000, macs[999]]);
  const short = await page(`?limit=3&after=${macs[4497]!.toUpperCase()}`);
  assert.deepEqual([short.targets.map(({ mac }) => mac), short.next], [macs.slice(4498), null]);
  const sizes: number[] = [];
  for await (const { length } of client.targetPages('pages0')) sizes.push(length);
  assert.deepEqual(sizes, [1000, 1000, 1000, 1000, 500]);
  assert.deepEqual(
    (await allOf(client.targetPages('pages0'))).map(({ mac }) => mac),
    macs,
  );
  for (const query of ['?limit=0', '?limit=10001', '?limit=x', '?limit=-1', '?limit=1&limit=2']) {
    await assert.rejects(page(query), { code: 'bad_request', message: LIMIT }, query);
  }
  await assert.rejects(page('?after=nix'), { code: 'bad_request', message: /^bad request: after: not a MAC/ });
});

test('a lookup answers, canonical MAC included', async () => {
  const { client, controller } = harness;
  await client.createOverlay({ ...OVERLAY, name: 'lookup0' });
  controller.directory.set('de:ad:be:ef:00:09', '10.0.0.9:4789');
  assert.deepEqual(await client.lookup('lookup0', 'DE:AD:BE:EF:0:9'), {
    overlay: 'lookup0',
    mac: 'de:ad:be:ef:00:09',
    verdict: 'forward',
    destination: '10.0.0.9:4789',
    source: 'files',
    cached: false,
    alternatives: [],
  });
});

test('VNICs are created, listed and deleted', async () => {
  const { client } = harness;
  await client.createOverlay({ ...OVERLAY, name: 'vnics0' });
  const vnic = await client.createVnic({ name: 'foo0', overlay: 'vnics0', mac: 'de:ad:be:ef:0:1', netns: 'zlan' });
  assert.deepEqual(
    [vnic.mac, vnic.netns, vnic.allowAnyMac, vnic.temporary],
    ['de:ad:be:ef:00:01', 'zlan', false, false],
  );
  assert.deepEqual(await client.vnics(), [vnic]);
  const { protection } = await client.modifyVnic('foo0', { protection: ['ra-guard'] });
  assert.deepEqual(protection, ['ra-guard']);
  await assert.rejects(client.modifyVnic('foo1', { protection: [] }), { code: 'no_such_vnic' });
  await assert.rejects(client.deleteOverlay('vnics0'), { message: 'overlay vnics0 has VNICs: foo0' });
  await client.deleteVnic('foo0');
  assert.deepEqual(await client.vnics(), []);
});

test('statistics of all overlays, or of the named ones', async () => {
  const { client, controller } = harness;
  const none = { frames: 0, bytes: 0 };
  await client.createOverlay({ ...OVERLAY, name: 'stats0' });
  await client.createOverlay({ ...OVERLAY, name: 'stats1' });
  const plugin = { name: 'files', questions: 0, faults: 0, timeouts: 0, deaths: 0 };
  const counts = { encap: none, decap: none, fragments: 0, drops: {}, expectedDrops: 0, strangers: [] };
  const row = (name: string) => ({ name, ...counts, plugin });
  controller.statsView = { ...controller.statsView, overlays: [row('stats0'), row('stats1'), row('stats2')] };
  assert.equal((await client.stats()).overlays.length, 3);
  assert.deepEqual((await client.stats({ overlay: 'stats0' })).overlays, [row('stats0')]);
  assert.deepEqual((await client.stats({ overlay: ['stats0', 'stats1'] })).overlays, [row('stats0'), row('stats1')]);
});

test('curl creates an overlay with nothing but -d', async () => {
  const body = JSON.stringify({ ...OVERLAY, name: 'curl0' });
  const curl = ['-sS', '--max-time', '5', '--unix-socket', harness.socket, '-w', '%{http_code}'];
  const run = promisify(execFile);
  const { stdout } = await run('curl', [...curl, '-d', body, 'http://vxlane/v1/overlays']);
  assert.ok(stdout.endsWith('}201'), stdout);
  assert.equal((await harness.client.overlay('curl0')).search, 'files');
});
