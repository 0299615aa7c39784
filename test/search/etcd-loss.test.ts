// The plugin `etcd` while etcd goes away, comes back, forgets, hangs: nothing that happened meanwhile may be missed.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { macFromNumber } from '../../src/address.js';
import { Connection } from '../../src/search/plugins/etcd/client.js';
import { settingsOf } from '../../src/search/plugins/etcd/settings.js';
import { EtcdServer, needsEtcd } from '../support/etcd.js';
import { query } from './context.js';
import { eventually, instanceAt, isEqualTo, PREFIX, type Started, told, toldLike, twinOf } from './etcd-instance.js';

const A = 'de:ad:be:ef:00:00';
const B = 'de:ad:be:ef:00:01';
const C = 'de:ad:be:ef:00:02';
const OPERATIONS_MAX = 128;

const macAt = (i: number) => macFromNumber(0x020000000000 + i);
const ipAt = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;

/** Writes without the plugin's knowledge; a value of null removes the key. */
async function writeAll(server: EtcdServer, changes: readonly { key: string; value: string | null }[]): Promise<void> {
  const settings = settingsOf({ endpoints: server.endpoint }, (name) => name);
  const connection = await Connection.open(settings.endpoints[0]!, settings);
  for (let i = 0; i < changes.length; i += OPERATIONS_MAX) {
    await connection.write(changes.slice(i, i + OPERATIONS_MAX));
  }
  connection.close();
}

describe('etcd that goes away', { skip: needsEtcd() }, () => {
  let server: EtcdServer;
  let one: Started;

  beforeEach(async () => {
    server = await EtcdServer.start();
    for (const [i, mac] of [A, B, C].entries())
      await server.put(PREFIX + mac, { ip: `10.0.0.${i}`, arp: `10.1.0.${i}` });
    one = instanceAt(server.endpoint);
    await one.instance.start();
    for (const mac of [A, B, C]) await one.instance.lookup(query(mac));
  });
  afterEach(async () => {
    await one.instance.stop();
    server.remove();
  });

  /** A change that happens while the plugin is not connected: etcd runs elsewhere meanwhile, on the same data. */
  const whileUnseen = async (happen: (elsewhere: EtcdServer) => Promise<unknown>) => {
    await server.kill();
    await toldLike(one, /^degrade/);
    await server.elsewhere(happen);
  };

  test('keeps what is known, says so, and resumes where it was', async () => {
    await server.kill();
    const [reason] = await toldLike(one, /^degrade/);
    assert.ok(reason!.startsWith(`degrade etcd/endpoints ${server.endpoint}: `), reason);
    assert.match(reason!, /; what was known stays in use$/);
    assert.deepEqual(one.instance.lookup(query(B)), { target: { ip: '10.0.0.1', port: 4789 } });
    await server.elsewhere(async (elsewhere) => {
      await elsewhere.put(PREFIX + A, { ip: '10.0.0.7', arp: '10.1.0.1' });
      await elsewhere.ctl('del', PREFIX + B);
      await elsewhere.put(PREFIX + C, { ip: '10.0.0.9' });
      await elsewhere.put(PREFIX + C, { ip: '10.0.0.2' });
    });
    await server.start();
    const calls = (await toldLike(one, /^restore/)).filter((call) => !call.startsWith('degrade'));
    await eventually(
      () => calls.concat(one.context.calls).length >= 4,
      () => one.context.calls.join('\n'),
    );
    assert.ok(!one.context.logged.includes('info table loaded again'));
    const after = calls.concat(one.context.calls.splice(0));
    // Both changes of C were seen or, in one batch, neither: that etcd decides. The others are seen once.
    const others = after.filter((call) => !call.startsWith(`put ${C}`)).sort();
    assert.deepEqual(others, [`moved 10.1.0.1 ${A}`, `put ${A} 10.0.0.7:4789`, 'restore', `withdraw ${B}`].sort());
    assert.deepEqual(one.instance.lookup(query(C)), { target: { ip: '10.0.0.2', port: 4789 } });
  });

  test('loads again and pushes only what differs when its revision was compacted meanwhile', async () => {
    await whileUnseen(async (elsewhere) => {
      await elsewhere.put(PREFIX + A, { ip: '10.0.0.7', arp: '10.1.0.0' });
      await elsewhere.ctl('del', PREFIX + B);
      await elsewhere.put(PREFIX + C, { ip: '10.0.0.9' });
      await elsewhere.put(PREFIX + C, { ip: '10.0.0.2', arp: '10.1.0.1' });
      await elsewhere.ctl('compact', String(await elsewhere.revision()));
    });
    one.context.calls.length = 0;
    await server.start();
    const calls = await toldLike(one, /^restore/);
    assert.deepEqual(
      calls.filter((call) => !call.startsWith('degrade')).sort(),
      [`moved 10.1.0.1 ${C}`, `put ${A} 10.0.0.7:4789`, 'restore', `withdraw ${B}`].sort(),
    );
    assert.ok(one.context.logged.includes('info table loaded again'));
    await server.put(PREFIX + C, { ip: '10.0.0.3' });
    await told(one, `put ${C} 10.0.0.3:4789`);
  });

  for (const compacted of [false, true]) {
    test(`10,000 keys changed meanwhile${compacted ? ', and compacted' : ''}: tables equal afterwards`, async () => {
      const count = 10_000;
      const value = (host: number, ip: string) => JSON.stringify({ ip: `192.0.2.${host % 250}`, arp: ip });
      const keys = Array.from({ length: count }, (_, i) => macAt(i));
      await writeAll(
        server,
        keys.map((key, i) => ({ key, value: value(i, ipAt(i)) })),
      );
      const all = () => [...(one.instance.entries!() as Iterable<unknown>)].length;
      await eventually(
        () => all() === count + 3,
        () => `${all()} entries`,
      );
      await whileUnseen(async (elsewhere) => {
        // Every third is gone, its address goes to the next, and the others move to another host.
        const changes = keys.map((key, i) => ({
          key,
          value: i % 3 === 0 ? null : value(i + 1, i % 3 === 1 ? ipAt(i - 1) : ipAt(i)),
        }));
        await writeAll(elsewhere, changes);
        if (compacted) await elsewhere.ctl('compact', String(await elsewhere.revision()));
      });
      await server.start();
      await toldLike(one, /^restore/);
      const twin = await twinOf(server);
      const macs = keys.concat(A, B, C);
      const ips = keys.map((_, i) => ipAt(i));
      await eventually(
        () => isEqualTo(one, twin, macs, ips),
        () => 'tables differ',
      );
      assert.equal(all(), twin.entries.size);
      assert.equal(one.context.logged.includes('info table loaded again'), compacted);
    });
  }

  test('notices that the cluster was set up anew, though its revision is lower', async () => {
    await server.kill();
    await toldLike(one, /^degrade/);
    server.forget();
    await server.start();
    const calls = await toldLike(one, /^restore/);
    assert.deepEqual(
      calls.filter((call) => call.startsWith('withdraw')).sort(),
      [A, B, C].map((mac) => `withdraw ${mac}`),
    );
    await one.instance.lookup(query(A));
    await server.put(PREFIX + A, { ip: '10.0.0.5' });
    await told(one, `withdraw ${A}`);
  });

  test('notices that etcd hangs with its connections open', async () => {
    server.freeze();
    const [reason] = await toldLike(one, /^degrade/);
    assert.ok(reason!.startsWith(`degrade etcd/endpoints ${server.endpoint}: `), reason);
    server.thaw();
    await toldLike(one, /^restore/);
    one.context.calls.length = 0;
    await server.put(PREFIX + A, { ip: '10.0.0.5' });
    await told(one, `put ${A} 10.0.0.5:4789`);
  });

  test('reload (SIGHUP) loads everything again, and nothing is pushed twice', async () => {
    await one.instance.reload?.();
    await eventually(
      () => one.context.logged.includes('info table loaded again'),
      () => one.context.logged.join('\n'),
    );
    await server.put(PREFIX + A, { ip: '10.0.0.5' });
    await told(one, `put ${A} 10.0.0.5:4789`);
  });
});
