/** What is on this host in a real etcd: written under a lease, taken back, and let be where another host has it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { PropertyValue } from '../../src/search/api.js';
import { EtcdServer, needsEtcd } from '../support/etcd.js';
import { query } from './context.js';
import { eventually, instanceAt, PREFIX, type Started, told, toldLike } from './etcd-instance.js';

const [MAC, OTHER] = ['de:ad:be:ef:00:01', 'de:ad:be:ef:00:02'] as const;
const [HERE, THERE] = ['192.0.2.1', '192.0.2.2'] as const;

describe('etcd/register', { skip: needsEtcd() }, () => {
  let server: EtcdServer;
  before(async () => {
    server = await EtcdServer.start();
  });
  after(() => server.remove());

  const keyOf = async (mac: string) => {
    const text = (await server.all(PREFIX)).get(PREFIX + mac)?.value;
    return text === undefined ? null : JSON.parse(text);
  };
  const isKey = (mac: string, value: object | null) =>
    eventually(
      async () => JSON.stringify(await keyOf(mac)) === JSON.stringify(value),
      () => `${mac} is not ${JSON.stringify(value)}`,
    );

  async function started(values: Record<string, PropertyValue> = {}): Promise<Started> {
    const ageing = { 'etcd/lease': 60, 'etcd/ageing': 300 };
    const one = instanceAt(server.endpoint, { 'etcd/register': 'true', 'etcd/vtep': HERE, ...ageing, ...values });
    await one.instance.start();
    return one;
  }

  test('a MAC that is here is written with its addresses, and its key is taken back when it goes', async () => {
    const one = await started();
    await one.instance.localAdded?.({ mac: MAC, ips: ['10.9.0.1', 'fd09::1'] });
    await isKey(MAC, { ip: HERE, port: 4789, arp: '10.9.0.1', ndp: 'fd09::1' });
    await one.instance.localAdded?.({ mac: MAC, ips: ['10.9.0.2'] });
    await isKey(MAC, { ip: HERE, port: 4789, arp: '10.9.0.2' });
    assert.equal(await one.instance.lookup(query(MAC)), null, 'the host knows where it is');
    assert.deepEqual(await one.instance.arp?.('10.9.0.2', 0), { mac: MAC });
    await one.instance.localAdded?.({ mac: OTHER, ips: [] });
    await isKey(OTHER, { ip: HERE, port: 4789 });
    await one.instance.localRemoved?.(OTHER);
    await isKey(OTHER, null);
    assert.deepEqual(
      one.context.calls.filter((call) => /^(put|withdraw)/.test(call)),
      [],
    );
    await one.instance.stop('for_good');
    assert.equal((await server.all(PREFIX)).size, 0);
  });

  test('who has its DHCP server written keeps it, and a key that somebody removes is written again', async () => {
    await server.put(PREFIX + MAC, { ip: THERE, 'dhcp-proxy': OTHER });
    const one = await started();
    await one.instance.localAdded?.({ mac: MAC, ips: [] });
    const value = { ip: HERE, port: 4789, 'dhcp-proxy': OTHER };
    await isKey(MAC, value);
    await server.ctl('del', PREFIX + MAC);
    await isKey(MAC, { ip: HERE, port: 4789 });
    await one.instance.stop('for_good');
  });

  test('a key that another host takes is let be, and said, until the MAC is heard here again', async () => {
    const one = await started();
    await one.instance.localAdded?.({ mac: MAC, ips: [] });
    await isKey(MAC, { ip: HERE, port: 4789 });
    await server.put(PREFIX + MAC, { ip: THERE });
    await toldLike(one, new RegExp(`^degrade MACs are here that etcd has elsewhere: ${MAC} at ${THERE}:4789`));
    assert.deepEqual((await one.instance.lookup(query(MAC)))?.target, { ip: THERE, port: 4789 });
    await one.instance.localAdded?.({ mac: MAC, ips: [] });
    await isKey(MAC, { ip: HERE, port: 4789 });
    await toldLike(one, /^restore/);
    await server.put(PREFIX + MAC, { ip: THERE });
    await toldLike(one, /^degrade/);
    await one.instance.localRemoved?.(MAC);
    await toldLike(one, /^restore/);
    await one.instance.stop('for_good');
    assert.deepEqual(await keyOf(MAC), { ip: THERE }, 'it is not ours to remove');
    await server.ctl('del', PREFIX + MAC);
  });

  test('a MAC that two hosts hear without end is taken a few times, which is said, and then now and then', async () => {
    const [one, two] = [await started(), await started({ 'etcd/vtep': THERE })];
    const hear = async (at: Started, other: Started, ip: string) => {
      await at.instance.localAdded?.({ mac: MAC, ips: [] });
      await isKey(MAC, { ip, port: 4789 });
      const target = { ip, port: 4789 };
      const knows = async () => isDeepStrictEqual((await other.instance.lookup(query(MAC)))?.target, target);
      await eventually(knows, () => `the other does not know of ${ip}`);
    };
    await hear(one, two, HERE); // it was nobody's
    for (let round = 0; round < 5; round++) {
      await hear(two, one, THERE);
      await hear(one, two, HERE);
    }
    await toldLike(one, /^degrade MACs were taken from other hosts 5 times in 180 s, perhaps in two places: .*:01$/);
    two.context.calls.splice(0);
    await two.instance.localAdded?.({ mac: MAC, ips: [] });
    assert.deepEqual(two.context.calls, [`put ${MAC} ${HERE}:4789`], 'it is left where it is for a while');
    assert.equal((await keyOf(MAC)).ip, HERE);
    for (const each of [two, one]) await each.instance.stop('for_good');
  });

  test('keys outlive an instance that is to go on, and go with the lease of a host that does not', async () => {
    const first = await started({ 'etcd/lease': 5 });
    for (const mac of [MAC, OTHER]) await first.instance.localAdded?.({ mac, ips: [] });
    await isKey(OTHER, { ip: HERE, port: 4789 });
    await first.instance.stop('to_resume');
    assert.equal((await server.all(PREFIX)).size, 2);
    const second = await started();
    await second.instance.localAdded?.({ mac: MAC, ips: [] });
    await isKey(OTHER, null);
    assert.notEqual(await keyOf(MAC), null, 'it is under the lease of the second');
    await second.instance.stop('for_good');
  });

  test('an etcd that is killed and back, perhaps for longer than a lease, has it all again', async () => {
    const one = await started({ 'etcd/lease': 5 });
    await one.instance.localAdded?.({ mac: MAC, ips: [] });
    await isKey(MAC, { ip: HERE, port: 4789 });
    await server.kill();
    await one.instance.localAdded?.({ mac: OTHER, ips: [] });
    await server.start();
    await isKey(OTHER, { ip: HERE, port: 4789 });
    const lease = Number.parseInt((await server.ctl('lease', 'list')).trim().split('\n').at(-1)!, 16);
    await server.ctl('lease', 'revoke', lease.toString(16));
    for (const mac of [MAC, OTHER]) await isKey(mac, { ip: HERE, port: 4789 });
    await one.instance.stop('for_good');
    await told(one, ...one.context.calls);
  });

  test('what was here before takes no key from another host, until it is heard', async () => {
    await server.put(PREFIX + MAC, { ip: THERE });
    const one = await started();
    await one.instance.localAdded?.({ mac: MAC, ips: [], resumed: true });
    await one.instance.localAdded?.({ mac: OTHER, ips: [], resumed: true });
    await isKey(OTHER, { ip: HERE, port: 4789 });
    assert.deepEqual(await keyOf(MAC), { ip: THERE });
    const before = await toldLike(
      one,
      new RegExp(`^degrade MACs are here that etcd has elsewhere: ${MAC} at ${THERE}`),
    );
    assert.ok(
      before.some((call) => call.startsWith(`put ${MAC}`)),
      'the host is to say when it speaks',
    );
    await one.instance.localAdded?.({ mac: MAC, ips: ['10.9.0.1'] });
    await isKey(MAC, { ip: HERE, port: 4789, arp: '10.9.0.1' });
    await toldLike(one, /^restore/);
    await one.instance.stop('for_good');
  });

  test('one that is resumed keeps the addresses that its key has, until others are heard', async () => {
    await server.put(PREFIX + MAC, { ip: HERE, port: 4789, arp: '10.9.0.7', ndp: 'fd09::7' });
    const one = await started();
    const { revision } = (await server.all(PREFIX)).get(PREFIX + MAC)!;
    await one.instance.localAdded?.({ mac: MAC, ips: [], resumed: true });
    await eventually(
      async () => (await server.all(PREFIX)).get(PREFIX + MAC)!.revision > revision,
      () => 'it is not written under the lease',
    );
    await isKey(MAC, { ip: HERE, port: 4789, arp: '10.9.0.7', ndp: 'fd09::7' });
    assert.deepEqual(await one.instance.arp?.('10.9.0.7', 0), { mac: MAC });
    await one.instance.localAdded?.({ mac: MAC, ips: ['10.9.0.8'] });
    await isKey(MAC, { ip: HERE, port: 4789, arp: '10.9.0.8' });
    await one.instance.stop('for_good');
  });

  test('what another host took while etcd was not to be reached, and the lease ended, is let be', async () => {
    const one = await started();
    for (const mac of [MAC, OTHER]) await one.instance.localAdded?.({ mac, ips: [] });
    await isKey(OTHER, { ip: HERE, port: 4789 });
    await server.kill();
    await server.elsewhere(async () => {
      const lease = (await server.ctl('lease', 'list')).trim().split('\n').at(-1)!;
      await server.ctl('lease', 'revoke', lease);
      await server.put(PREFIX + MAC, { ip: THERE });
    });
    await server.start();
    await isKey(OTHER, { ip: HERE, port: 4789 });
    assert.deepEqual(await keyOf(MAC), { ip: THERE });
    await toldLike(one, /^degrade MACs are here that etcd has elsewhere/);
    await one.instance.stop('for_good');
    await server.ctl('del', PREFIX + MAC);
  });

  test('the address is one that others can send to', async () => {
    const values = { 'etcd/register': 'true', 'etcd/lease': 60, 'etcd/ageing': 300 };
    const one = instanceAt(server.endpoint, values);
    await assert.rejects(
      async () => one.instance.start(),
      /^Error: etcd\/vtep is missing: the overlay listens on every/,
    );
  });
});
