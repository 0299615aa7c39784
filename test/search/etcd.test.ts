// The plugin `etcd` against a real etcd that stays up: load, watch, bad values, conflicts, a race.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { SEED_FILE } from '../../src/demo/seed.js';
import { EtcdServer, needsEtcd } from '../support/etcd.js';
import { query } from './context.js';
import { entriesOf, eventually, instanceAt, PREFIX, type Started, told, toldLike, twinOf } from './etcd-instance.js';

const A = 'de:ad:be:ef:00:00';
const B = 'de:ad:be:ef:00:01';
const C = 'de:ad:be:ef:00:02';
const NEW = 'de:ad:be:ef:00:03';
const SEED = JSON.parse(SEED_FILE) as Record<string, object>;
const B_VALUE = SEED[B] as object;

describe('etcd', { skip: needsEtcd() }, () => {
  let server: EtcdServer;
  let one: Started;

  before(async () => {
    server = await EtcdServer.start();
  });
  after(() => server.remove());

  beforeEach(async () => {
    await server.ctl('del', '--prefix', '/');
    for (const [mac, value] of Object.entries(SEED)) await server.put(PREFIX + mac, value);
    one = instanceAt(server.endpoint);
  });
  afterEach(() => one.instance.stop());

  /** Started, and the host has asked for A, B, C and, in vain, NEW. */
  async function start(): Promise<void> {
    await one.instance.start();
    for (const mac of [A, B, C, NEW]) await one.instance.lookup(query(mac));
  }

  test('answers lookups, ARP, NDP and DHCP, and hands over its entries', async () => {
    await start();
    const { instance } = one;
    assert.deepEqual(instance.lookup(query(B)), { target: { ip: '10.88.88.70', port: 4789 } });
    assert.equal(instance.lookup(query(NEW)), null);
    assert.deepEqual(instance.arp?.('10.55.55.4', 0), { mac: C });
    assert.equal(instance.arp?.('10.55.55.5', 0), null);
    assert.deepEqual(instance.ndp?.('fe80::3', 0), { mac: A });
    assert.equal(instance.ndp?.('fe80::6', 0), null);
    assert.equal(instance.dhcp?.(B), A);
    assert.equal(instance.dhcp?.(A), null);
    assert.deepEqual(
      await entriesOf(one),
      new Map([A, B, C].map((mac, i) => [mac, { ip: `10.88.88.${69 + i}`, port: 4789 }])),
    );
    assert.deepEqual(one.context.calls, []);
  });

  test('pushes what changes, and only of MACs that the host has heard of', async () => {
    await start();
    const other = { ip: '10.88.88.99' };
    await server.put(`${PREFIX}de:ad:be:ef:00:77`, { ip: '10.88.88.1' });
    await server.put(`${PREFIX}de:ad:be:ef:00:77`, { ip: '10.88.88.2' });
    await server.put(PREFIX + B, { ...B_VALUE, ...other });
    await told(one, `put ${B} 10.88.88.99:4789`);
    await server.put(PREFIX + NEW, other);
    await told(one, `withdraw ${NEW}`);
    await server.ctl('del', PREFIX + C);
    await told(one, `withdraw ${C}`);
    assert.equal(one.instance.lookup(query(C)), null);
    await entriesOf(one);
    await server.put(`${PREFIX}de:ad:be:ef:00:77`, { ip: '10.88.88.3' });
    await told(one, 'put de:ad:be:ef:00:77 10.88.88.3:4789');
  });

  test('an address that goes from one MAC to another is announced, even after a while without one', async () => {
    await start();
    await server.put(PREFIX + NEW, { ip: '10.88.88.70', arp: ['10.55.55.3', '10.55.55.9'] });
    await told(one, `withdraw ${NEW}`, `moved 10.55.55.3 ${NEW}`);
    await server.ctl('del', PREFIX + C);
    await told(one, `withdraw ${C}`);
    await server.put(PREFIX + A, { ip: '10.88.88.69', ndp: ['fe80::3', 'fe80::5'] });
    await told(one, `moved fe80::5 ${A}`);
  });

  test('of two keys with one address the later has it; when it goes, the other has it again', async () => {
    await start();
    await server.put(PREFIX + C, { ip: '10.88.88.71', arp: '10.55.55.3' });
    await told(one, `moved 10.55.55.3 ${C}`);
    const all = await server.all(PREFIX);
    const [early, late] = [B, C].map((mac) => all.get(PREFIX + mac)?.revision);
    const text = `warn 10.55.55.3 is claimed by ${B} (revision ${early}) and ${C} (revision ${late}): ${C} has it`;
    assert.ok(one.context.logged.includes(text), one.context.logged.join('\n'));
    const two = instanceAt(server.endpoint);
    await two.instance.start();
    assert.deepEqual(two.instance.arp?.('10.55.55.3', 0), { mac: C }, 'the same when loaded');
    await two.instance.stop();
    await server.ctl('del', PREFIX + C);
    await told(one, `withdraw ${C}`, `moved 10.55.55.3 ${B}`);
  });

  test('a bad value is named and leaves the key as it was, until it is mended', async () => {
    await start();
    await server.put(PREFIX + B, { ip: '10.88.88', port: 0 });
    const [degraded] = await toldLike(one, /^degrade/);
    assert.equal(
      degraded,
      `degrade ${PREFIX}${B}.port: expected a whole number from 1 to 65535, not 0 (and 1 more); ` +
        'what these keys said before stays in use',
    );
    await server.put(PREFIX + C, '{"ip": "10.88.88.71",}');
    assert.match((await toldLike(one, /^degrade/)).at(-1)!, /\.port: .* \(and 1 more\) \(and 1 more keys\); /);
    assert.deepEqual(one.instance.lookup(query(B)), { target: { ip: '10.88.88.70', port: 4789 } });
    await server.put(PREFIX + A, { ip: '10.88.88.99' });
    await told(one, `put ${A} 10.88.88.99:4789`);
    await server.put(PREFIX + B, { ip: '10.88.88.98' });
    const line = `${PREFIX}${C}: line 1, column 22: expected a key in double quotes`;
    await told(one, `put ${B} 10.88.88.98:4789`, `degrade ${line}; what these keys said before stays in use`);
    await server.ctl('del', PREFIX + C);
    await told(one, `withdraw ${C}`, 'restore');
  });

  test('starts with bad values and keys that are no MAC, and says so', async () => {
    await server.put(PREFIX + B, 'null');
    await server.ctl('put', PREFIX + C, '{"ip": "10.0.0.1", "colour": 1}');
    await server.put(`${PREFIX}24/${NEW}`, { ip: '10.88.88.1' });
    await server.put(`${PREFIX}DE-AD-BE-EF-00-05`, { ip: '10.88.88.1' });
    await server.put(`${PREFIX}01:00:5e:00:00:01`, { ip: '10.88.88.1' });
    await start();
    assert.deepEqual(one.context.calls, [
      `degrade ${PREFIX}${B}: expected an object, not null; what these keys said before stays in use`,
    ]);
    for (const line of [
      `${PREFIX}24/${NEW}: ignored: not a MAC address: "24/${NEW}"`,
      `${PREFIX}DE-AD-BE-EF-00-05: ignored: expected the MAC as de:ad:be:ef:00:05, not "DE-AD-BE-EF-00-05"`,
      `${PREFIX}01:00:5e:00:00:01: ignored: a group MAC address; expected that of one interface`,
      `${PREFIX}${C}.colour: unknown key, ignored; known are ip, port, arp, ndp, dhcp-proxy`,
    ]) {
      assert.ok(one.context.logged.includes(`warn ${line}`), line);
    }
    assert.equal(one.instance.lookup(query(B)), null);
    assert.deepEqual([...(await entriesOf(one)).keys()], [A, C]);
  });

  test('overlays have prefixes of their own', async () => {
    await server.put(`/other/24/${A}`, { ip: '10.0.0.24' });
    await server.put(`/other/240/${A}`, { ip: '10.0.0.240' });
    const other = instanceAt(server.endpoint, { 'etcd/prefix': '/other/24/' });
    await other.instance.start();
    assert.deepEqual(other.instance.lookup(query(A)), { target: { ip: '10.0.0.24', port: 4789 } });
    await server.put(PREFIX + A, { ip: '10.0.0.1' });
    await server.put(`/other/24/${A}`, { ip: '10.0.0.25' });
    await told(other, `put ${A} 10.0.0.25:4789`);
    await other.instance.stop();
  });

  test('keys go with the lease of their host', async () => {
    const [, lease] = /^lease (\w+) granted/.exec(await server.ctl('lease', 'grant', '600')) as unknown as string[];
    await server.ctl('put', `--lease=${lease}`, PREFIX + NEW, '{"ip": "10.88.88.72"}');
    await start();
    await server.ctl('lease', 'revoke', lease as string);
    await told(one, `withdraw ${NEW}`);
    assert.equal(one.instance.lookup(query(NEW)), null);
  });

  test('two writers race on one MAC: every instance ends with the later revision', async () => {
    const two = instanceAt(server.endpoint);
    await Promise.all([one, two].map(({ instance }) => instance.start()));
    for (const { instance } of [one, two]) await instance.lookup(query(B));
    const writer = async (net: number) => {
      for (let i = 1; i <= 20; i++) await server.put(PREFIX + B, { ip: `10.${net}.0.${i}` });
    };
    await Promise.all([writer(1), writer(2)]);
    const last = (await twinOf(server)).get(0xdeadbeef0001)!.answer;
    const { ip } = last.target as { ip: string };
    for (const each of [one, two]) {
      await eventually(
        () => each.context.calls.at(-1) === `put ${B} ${ip}:4789`,
        () => `${ip}: ${each.context.calls.join('\n')}`,
      );
      assert.deepEqual(each.instance.lookup(query(B)), last);
    }
    await two.instance.stop();
  });

  test('after stop nothing is pushed', async () => {
    await start();
    await one.instance.stop();
    const witness = instanceAt(server.endpoint);
    await witness.instance.start();
    await witness.instance.lookup(query(B));
    await server.put(PREFIX + B, { ip: '10.88.88.99' });
    await told(witness, `put ${B} 10.88.88.99:4789`);
    await witness.instance.stop();
    assert.deepEqual(one.context.calls, []);
  });
});
