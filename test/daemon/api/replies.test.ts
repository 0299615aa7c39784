/** The control API over a daemon that works: every route is called, and what comes back is what its schema says. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { after, before, describe, it } from 'node:test';
import { ROUTES } from '../../../src/control/routes.js';
import { loopbackReply, readLoopback } from '../../../src/oam/loopback.js';
import { BROADCAST, datagram, frame } from '../../support/frames.js';
import { uniqueName } from '../../support/netns.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { ApiRig, document, FAR_IP, FAR_MAC, MAC } from './rig.js';

/** A MAC that is heard from several VTEPs. */
const MOVER = '02:00:00:00:00:77';

/** Fields that are null here, whatever is done, each with its reason. */
const NEVER = new Map([['EndpointStats.pathMtu', 'there is no router on the way over the loopback']]);

interface Schema {
  $ref?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
}

describe('the control API', { skip: needsRoot() }, () => {
  let rig: ApiRig;
  before(async () => {
    rig = new ApiRig();
    await rig.start();
  });
  after(() => rig.end());

  it('makes, shows and changes overlays, targets and VNICs', async () => {
    const { client, netns } = rig;
    await client.createOverlay(rig.files('overlay0', 23));
    await client.createOverlay({ ...rig.direct('point0', 24), temporary: true });
    await client.modifyOverlay('overlay0', { properties: { mtu: '1300' } });
    await client.modifyOverlay('point0', { search: 'direct', properties: { 'direct/dest_ip': '127.0.0.8' } });
    const vnic = { name: uniqueName('v'), overlay: 'overlay0', mac: MAC, netns: netns.name };
    await client.createVnic(vnic);
    await client.setTarget('overlay0', '02:00:00:00:00:01', { destination: 'drop' });
    await client.setTarget('overlay0', '02:00:00:00:00:02', { destination: '127.0.0.7:4790' });
    assert.equal((await client.lookup('overlay0', FAR_MAC)).destination, '127.0.0.9:4789');
    assert.equal((await client.lookup('overlay0', MAC)).verdict, 'local');
    assert.equal((await client.lookup('overlay0', '02:00:00:00:00:99')).verdict, 'drop');
    const traced = await client.trace('overlay0', { from: vnic.name, to: '02:00:00:00:00:01' });
    assert.deepEqual([traced.reason, traced.from], ['drop_entry', `vnic ${vnic.name}`]);
    assert.equal((await client.owner('overlay0', '10.99.99.99')).mac, null);
    assert.equal((await client.owner('overlay0', FAR_IP)).mac, FAR_MAC);
    const { vteps } = await client.ping('overlay0', { to: FAR_IP, timeoutMs: 10 });
    assert.deepEqual([vteps[0]?.endpoint, vteps[0]?.rttMs], ['127.0.0.9:4789', null]);
    const echo = await answering('127.0.0.7', 1200);
    const to = `127.0.0.7:${echo.address().port}`;
    const [answer] = (await client.ping('overlay0', { to, discover: true, echo: true })).vteps;
    echo.close();
    assert.deepEqual([answer?.largest, answer?.pathMtu], [1200, 1250]);
    netns.exec('ip', 'addr', 'add', '10.55.55.2/24', 'dev', vnic.name);
    netns.exec('ip', 'neigh', 'add', '10.55.55.3', 'lladdr', FAR_MAC, 'dev', vnic.name);
    assert.throws(() => netns.exec('ping', '-c', '2', '-i', '0.01', '-W', '0.1', '10.55.55.3'), 'nobody answers');
    const { targets, next } = await client.targets('overlay0');
    const known = ['02:00:00:00:00:01', '02:00:00:00:00:02', MAC, FAR_MAC];
    assert.deepEqual([targets.map(({ mac }) => mac).sort(), next], [known, null]);
    const first = await client.targets('overlay0', { limit: 1 });
    assert.equal(first.next, first.targets[0]?.mac);
    assert.deepEqual((await client.targets('point0')).targets[0]?.destination, '127.0.0.8:4789');
    await client.deleteTarget('overlay0', '02:00:00:00:00:01');
    await client.flushTargets('overlay0');
    await client.overlays();
    await client.overlay('overlay0');
    await client.modifyVnic(vnic.name, {
      ...{ protection: ['ip-nospoof'], allowedIps: ['10.55.55.0/24'] },
      ...{ rateBps: 1e9, ratePps: 1e6, stormPps: 1e3 },
    });
    await client.vnics();
  });

  it('counts what went through, and says how all is', async () => {
    const { client } = rig;
    const { endpoints, overlays, vnics } = await client.stats();
    assert.ok(endpoints.length > 0 && vnics.length > 0 && overlays.length > 0);
    assert.deepEqual((await client.stats({ overlay: ['point0', 'overlay0'] })).overlays.length, 2);
    const { points } = await client.history();
    assert.ok(points.length > 0);
    assert.deepEqual((await client.history({ overlay: 'overlay0', after: points.at(-1)!.time })).points.length, 0);
    const { events, last } = await client.events();
    assert.ok(events.some(({ kind, object }) => kind === 'overlay_created' && object === 'overlay overlay0'));
    assert.deepEqual((await client.events({ after: last, overlay: 'overlay0' })).events, []);
    await client.daemon();
    const { problems } = await client.status();
    assert.ok(problems.some(({ text }) => text.includes('down0')));
    assert.equal((await client.reload()).daemon.configuration?.status, 'incomplete');
    await client.setLogLevel({ level: 'debug' });
    assert.equal((await client.daemon()).logLevel, 'debug');
    await client.setLogLevel({ level: 'info' });
  });

  it('shows MACs that moved, and thaws one that is frozen', async () => {
    const { client } = rig;
    const flood = { 'flood/endpoints': '127.0.0.5', 'flood/move_limit': '1', 'flood/freeze': '60' };
    await client.createOverlay({ ...rig.files('flood0', 25), search: 'flood', properties: rig.properties(flood) });
    const senders = await Promise.all(['127.0.0.5', '127.0.0.6', '127.0.0.7'].map(senderAt));
    await until(async () => {
      senders[1]!.send(datagram(25, frame(BROADCAST, MOVER)), rig.port, '127.0.0.1');
      return (await client.stats()).overlays.some(({ strangers }) => strangers.length > 0);
    });
    await client.modifyOverlay('flood0', { properties: { 'source-check': 'off' } });
    const frozen = async () => (await client.moves('flood0')).some(({ state }) => state === 'frozen');
    for (let n = 0; !(await frozen()); n++) {
      assert.ok(n < 500, 'it was never frozen');
      senders[n % 3]!.send(datagram(25, frame(BROADCAST, MOVER)), rig.port, '127.0.0.1');
      await until(async () => (await client.targets('flood0')).targets.some(({ mac }) => mac === MOVER));
    }
    for (const sender of senders) sender.close();
    const isHeard = async () => (await client.stats()).endpoints.some(({ heardSeconds }) => heardSeconds !== null);
    await until(isHeard);
    assert.equal((await client.lookup('flood0', FAR_MAC)).verdict, 'flood');
    await client.thaw('flood0', MOVER);
    const trunk = { name: uniqueName('t'), vlan: 5 };
    const name = `${trunk.name}.5`;
    const member = await client.createVnic({ name, overlay: 'flood0', mac: MAC, trunk, netns: rig.netns.name });
    assert.deepEqual([member.trunk, member.interface, member.allowAnyMac], [trunk, trunk.name, true]);
    await client.deleteVnic(trunk.name);
    assert.ok((await client.vnics()).every((vnic) => vnic.name !== name));
    const whole = { name: trunk.name, mac: MAC, netns: rig.netns.name, members: [{ vlan: 5, overlay: 'flood0' }] };
    const again = await client.createTrunk(whole);
    assert.deepEqual(
      again.map(({ state: _, ...facts }) => facts),
      [member].map(({ state: _, ...facts }) => facts),
    );
    await client.deleteVnic(trunk.name);
  });

  it('deletes what it made', async () => {
    const { client } = rig;
    for (const { name, overlay } of await client.vnics()) if (overlay === 'overlay0') await client.deleteVnic(name);
    for (const name of ['overlay0', 'point0', 'flood0']) await client.deleteOverlay(name);
  });

  it('replaces itself by the program that is installed', async () => {
    const command = process.argv;
    process.argv = [process.execPath, '-e', 'process.exit(3)', '--'];
    const replacing = rig.client.replace().finally(() => {
      process.argv = command;
    });
    await assert.rejects(replacing, /has ended \(exit status 3\), its log says why; this one goes on/);
  });

  it('hands over to another daemon, and changes nothing from then on', async () => {
    const { client, declaredVnic } = rig;
    const { workers, pid } = await client.daemon();
    const handed = await client.handover({ pid: process.pid, workers });
    assert.equal(handed.pid, pid);
    assert.ok(handed.sockets.length > 0);
    assert.equal(handed.vnics[declaredVnic]?.length, workers);
    await assert.rejects(client.deleteVnic(declaredVnic), /another daemon is taking the place of this one/);
    assert.equal((await client.daemon()).successor, process.pid);
    await client.endHandover();
  });

  it('has no route that was not called', () => {
    // To replace oneself takes a program: see e2e/replace.
    const routes = Object.keys(ROUTES).filter((name) => name !== 'replace');
    assert.deepEqual([...rig.replies.keys()].sort(), routes.sort());
  });

  it('has no field in a reply that never has a value', () => {
    const seen = new Set<string>();
    const promised = new Set<string>();
    for (const [name, replies] of rig.replies) {
      const { method, path, status } = ROUTES[name];
      const operation = document.paths[path.replaceAll(/:(\w+)/g, '{$1}')][method.toLowerCase()];
      const schema = operation.responses[status].content?.['application/json'].schema;
      if (schema === undefined) continue;
      walk(schema, undefined, name, promised);
      for (const reply of replies) walk(schema, reply, name, seen);
    }
    assert.ok(promised.size > 80, `${promised.size} fields`);
    assert.deepEqual(
      [...promised].filter((field) => !seen.has(field)),
      [...NEVER.keys()],
    );
  });
});

/** A socket that sends as the VTEP at that address does. */
async function senderAt(ip: string) {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, ip, resolve));
  return socket;
}

/** A VTEP that answers by loopback what is no longer than `most` behind its Ethernet header. */
async function answering(ip: string, most: number) {
  const socket = await senderAt(ip);
  socket.on('message', (message, { address }) => {
    const inner = message.subarray(8);
    const { sender } = readLoopback(inner)!;
    const reply = Buffer.concat([message.subarray(0, 8), loopbackReply(inner)]);
    if (inner.length <= 14 + most) socket.send(reply, sender!.port, address);
  });
  return socket;
}

/** Names of the fields that have a value, of a schema with a name as `Schema.field`; without a value: of all. */
function walk(schema: Schema, value: unknown, place: string, names: Set<string>): void {
  if (value === null) return;
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice('#/components/schemas/'.length);
    walk(document.components.schemas[name], value, name, names);
  }
  for (const each of schema.anyOf ?? []) walk(each, value, place, names);
  if (schema.items !== undefined) {
    for (const item of value === undefined ? [undefined] : (value as unknown[])) walk(schema.items, item, place, names);
  }
  for (const [field, of] of Object.entries(schema.properties ?? {})) {
    const inside = value === undefined ? undefined : ((value as Record<string, unknown>)[field] ?? null);
    if (inside === null) continue;
    names.add(`${place}.${field}`);
    walk(of, inside, `${place}.${field}`, names);
  }
}
