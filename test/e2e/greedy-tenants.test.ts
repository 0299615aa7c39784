/**
 * Tenants that take all that a worker has for one overlay: bytes that wait, questions to plugins and to the proxies,
 * learning, places in the table. Meanwhile the first frames of other overlays, and all that follow, arrive, and new
 * MACs are learned there.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '../../src/control/client.js';
import type { Running } from '../../src/demo/processes.js';
import { booksBalance } from '../support/books.js';
import { allOf } from '../support/pages.js';
import type { FrameFlood } from './frame-flood.js';
import { SteadyFlows } from './steady-flows.js';
import { eventually, type Host, type Lab, labTest, mac } from './support.js';

const FLOOD = fileURLToPath(new URL('./frame-flood.js', import.meta.url));
const [NEAR, FAR, STRANGER] = ['10.88.88.1', '10.88.88.2', '10.88.88.9'];
const FDB_SIZE = 4096;
/** Misses of the innocent, one after the other. */
const FIRST_FRAMES = 20;
const NEW_MACS = 20;
const HELD_MACS = 96;
const MANY = 1_000_000;
/** What there is a share of. */
const SHARED = ['hold_full', 'upcall_limited', 'upcall_ring_full', 'inject_ring_full', 'lookup_timeout'];

/** Takes almost as long as it may. */
const PLUGIN = `export default { name: 'slow', mode: 'dynamic', properties: [],
  create: () => ({ start() {}, stop() {},
    lookup: () => new Promise((resolve) => setTimeout(resolve, 2500, null)) }) };`;

/** The overlays, by their VNIs. */
const VNI = { holding: 60, scanned: 61, asking: 62, heard: 63, innocent: 64, learning: 65 } as const;

interface Testbed {
  readonly near: Host;
  readonly far: Host;
  readonly stranger: Host;
  readonly tenants: Host;
  readonly innocent: Host;
  readonly client: Client;
}

async function build(lab: Lab): Promise<Testbed> {
  const add = (name: string, ip: string) => lab.addHost(name, { addresses: [`${ip}/24`] });
  const [near, far, stranger] = [await add('near', NEAR), await add('far', FAR), await add('stranger', STRANGER)];
  const [tenants, innocent] = [await lab.addMachine('tenants'), await lab.addMachine('innocent')];
  // What waits for a busy machine has room in the queue of a socket; that of the underlay TAP is full in 0.1 s.
  await near.startDaemon('--workers', '1', '--fdb-size', String(FDB_SIZE), '--underlay', 'socket');
  const client = createClient(near.socket);
  const slow = join(lab.dir, 'slow.mjs');
  writeFileSync(slow, PLUGIN);
  const hosts = join(lab.dir, 'hosts.json');
  writeFileSync(hosts, JSON.stringify({ [mac(2)]: { ip: FAR, arp: '10.6.0.2' } }));
  const flood = { 'flood/endpoints': FAR };
  const forgetful = { 'lookup/negative_ttl': '1000' };
  const overlays: Readonly<Record<keyof typeof VNI, [string, Record<string, string>]>> = {
    holding: [slow, forgetful],
    scanned: [slow, { ...forgetful, 'source-check': 'off' }],
    asking: ['files', { 'files/config': hosts }],
    heard: ['flood', { ...flood, 'source-check': 'off' }],
    innocent: ['files', { 'files/config': hosts }],
    learning: ['flood', flood],
  };
  for (const [name, [search, given]] of Object.entries(overlays)) {
    const properties = { 'vxlan/listen_ip': NEAR, ...given };
    await client.createOverlay({ name, vni: VNI[name as keyof typeof VNI], encap: 'vxlan', search, properties });
    const { netns } = name === 'innocent' || name === 'learning' ? innocent : tenants;
    await client.createVnic({ name: `${name}0`, overlay: name, mac: mac(1), netns, allowAnyMac: name === 'scanned' });
  }
  for (const name of ['innocent', 'learning'] as const) {
    const tunnel = ['id', String(VNI[name]), 'local', FAR, 'remote', NEAR, 'dstport', '4789'];
    await far.exec('ip', 'link', 'add', `${name}0`, 'address', mac(2), 'type', 'vxlan', ...tunnel);
    await far.exec('ip', 'link', 'set', `${name}0`, 'up');
  }
  for (const [host, own, peer] of [[innocent, 1, 2] as const, [far, 2, 1] as const]) {
    await host.exec('ip', 'addr', 'add', `10.6.0.${own}/24`, 'dev', 'innocent0');
    await host.exec(
      ...['ip', 'neigh', 'replace', `10.6.0.${peer}`, 'lladdr', mac(peer)],
      ...['dev', 'innocent0', 'nud', 'permanent'],
    );
  }
  return { near, far, stranger, tenants, innocent, client };
}

const hexOf = (...parts: string[]): string => parts.join('').replaceAll(':', '');
const UNKNOWN = '02:5c:00:00:00:00';
const ETHERTYPE = '88b5'; // IEEE 802: local experiments

/** An ARP request for an address that the plugin of `asking` knows. */
const ARP = hexOf(
  'ff:ff:ff:ff:ff:ff',
  mac(1),
  '0806',
  '0001080006040001',
  mac(1),
  '0a060001',
  '000000000000',
  '0a060002',
);

function datagram(vni: number, frame: string): string {
  return hexOf('08000000', (vni * 256).toString(16).padStart(8, '0'), frame);
}

/** What the tenants and the stranger do, all at once. */
function floods({ tenants, stranger }: Testbed): readonly (readonly [from: Host, FrameFlood])[] {
  const counter = (at: number, values: number) => ({ at, values });
  const near = { ip: NEAR, port: 4789 };
  const count = null;
  const guests = hexOf(UNKNOWN, mac(1), ETHERTYPE);
  const behind = datagram(VNI.scanned, hexOf(UNKNOWN, mac(9), ETHERTYPE));
  const heard = datagram(VNI.heard, hexOf(mac(1), UNKNOWN, ETHERTYPE));
  return [
    [tenants, { to: 'holding0', frame: guests, size: 1464, counter: counter(2, HELD_MACS), rate: 4000, count }],
    [tenants, { to: 'scanned0', frame: guests, size: 60, counter: counter(2, MANY), rate: 3000, count }],
    [tenants, { to: 'asking0', frame: ARP, size: 60, counter: null, rate: 5000, count }],
    [stranger, { to: near, frame: behind, size: 1400, counter: counter(8 + 2, MANY), rate: 3000, count }],
    [stranger, { to: near, frame: heard, size: 68, counter: counter(8 + 6 + 2, MANY), rate: 5000, count }],
  ];
}

async function begin(from: Host, flood: FrameFlood): Promise<Running> {
  const running = from.spawn([process.execPath, FLOOD, JSON.stringify(flood)]);
  await running.printed(/begins/);
  return running;
}

async function statsOf({ client }: Testbed, overlay: keyof typeof VNI) {
  const { overlays, totals } = await client.stats();
  return { ...overlays.find(({ name }) => name === overlay)!, totals };
}

async function dropsOf(testbed: Testbed, overlay: keyof typeof VNI): Promise<Readonly<Record<string, number>>> {
  return (await statsOf(testbed, overlay)).drops;
}

const sharedOf = (drops: Readonly<Record<string, number>>): string[] => SHARED.filter((each) => (drops[each] ?? 0) > 0);

labTest('what one overlay may take of a worker leaves the others theirs', async ({ lab, step, note }) => {
  const testbed = await build(lab);
  const { far, innocent, client } = testbed;
  const flows = await SteadyFlows.start(innocent, far, [{ name: 'another overlay', address: '10.6.0.2' }]);
  const running: Running[] = [];
  for (const [from, flood] of floods(testbed)) running.push(await begin(from, flood));

  await step('they get as far as their limits', async () => {
    const drops = (what: string, overlay: keyof typeof VNI, reason: string) =>
      eventually(what, async () => ((await dropsOf(testbed, overlay))[reason] ?? 0) > 1000);
    await drops('too much waits', 'holding', 'hold_full');
    await drops('plugins are asked too much', 'scanned', 'upcall_limited');
    await drops('the proxies are', 'asking', 'upcall_limited');
    await eventually('they answer', async () => (await statsOf(testbed, 'asking')).totals.injected! > 1000);
    await eventually(
      'a VNIC for any MAC has much',
      async () => (await statsOf(testbed, 'scanned')).decap.frames > 1000,
    );
    await eventually('too much is heard', async () => (await statsOf(testbed, 'heard')).totals.learnSkipped! > 1000);
    await eventually('the table fills', async () => (await client.daemon()).fdbEntries > FDB_SIZE / 2);
  });

  await step(`the first frames of another overlay wait, and arrive`, async () => {
    for (let n = 0; n < FIRST_FRAMES; n++) {
      await client.deleteTarget('innocent', mac(2));
      const { code, stdout } = await innocent.try(['ping', '-n', '-c', '1', '-W', '30', '10.6.0.2']);
      assert.equal(code, 0, `${n}: ${stdout} ${JSON.stringify(await statsOf(testbed, 'innocent'))}`);
    }
  });

  await step('a new MAC of another overlay is learned from its first frame', async () => {
    const frame = hexOf(mac(1), '02:5d:00:00:00:00', ETHERTYPE);
    const counter = { at: 8, values: NEW_MACS };
    const once = { to: 'learning0', frame, size: 60, counter, rate: NEW_MACS, count: NEW_MACS };
    const { code, stderr } = await (await begin(far, once)).done;
    assert.equal(code, 0, stderr);
    await eventually(`all ${NEW_MACS} are`, async () => {
      const targets = await allOf(client.targetPages('learning'));
      return targets.filter(({ mac: each }) => each.startsWith('02:5d:')).length === NEW_MACS;
    });
  });

  await step('nothing of theirs was dropped for want of room', async () => {
    await Promise.all(running.map((each) => each.stop()));
    for (const name of ['holding', 'scanned', 'asking', 'heard'] as const) {
      note(`${name}: ${JSON.stringify(await dropsOf(testbed, name))}`);
    }
    assert.deepEqual(sharedOf(await dropsOf(testbed, 'innocent')), []);
    assert.deepEqual(sharedOf(await dropsOf(testbed, 'learning')), []);
    note(`${await flows.end()} datagrams, none lost`);
  });

  await step('the books balance', async () => {
    await eventually('nothing is held, and every frame is accounted for', async () => {
      const { totals } = await client.stats();
      const decapIn = totals.decapIn! + totals.earlyDropped!;
      return totals.held === 0 && booksBalance({ ...totals, decapIn });
    });
  });
});
