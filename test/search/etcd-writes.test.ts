/** When `etcd/register` writes: what is said meanwhile, and what etcd refuses. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Connection } from '../../src/search/plugins/etcd/client.js';
import { Register, type RegisterOptions } from '../../src/search/plugins/etcd/register.js';
import { settingsOf } from '../../src/search/plugins/etcd/settings.js';
import type { Put, Writer } from '../../src/search/plugins/etcd/writer.js';
import { EtcdServer, needsEtcd } from '../support/etcd.js';
import { eventually, PREFIX } from './etcd-instance.js';

const MAC = 'de:ad:be:ef:00:01';
const RETRY_MS = 5000;

function registerWith(trouble: RegisterOptions['trouble']): Register {
  const found = () => ({ elsewhere: null, ips: [] });
  return new Register({ lease: 60, valueOf: () => '{"ip": "192.0.2.1"}', found, yielded: () => {}, trouble });
}

/** `connection`, but that `putAll` is followed by something before it is answered. */
class Slow implements Writer {
  readonly #connection: Connection;
  readonly #meanwhile: (revision: number) => Promise<void>;

  constructor(connection: Connection, meanwhile: (revision: number) => Promise<void>) {
    this.#connection = connection;
    this.#meanwhile = meanwhile;
  }

  grant(id: number, ttl: number): Promise<void> {
    return this.#connection.grant(id, ttl);
  }

  keepAlive(id: number): Promise<boolean> {
    return this.#connection.keepAlive(id);
  }

  revoke(id: number): Promise<void> {
    return this.#connection.revoke(id);
  }

  read(keys: readonly string[]): ReturnType<Writer['read']> {
    return this.#connection.read(keys);
  }

  async putAll(puts: readonly Put[], lease: number): Promise<number | null> {
    const revision = await this.#connection.putAll(puts, lease);
    await this.#meanwhile(revision as number);
    return revision;
  }

  removeOwn(key: string, lease: number): Promise<void> {
    return this.#connection.removeOwn(key, lease);
  }
}

describe('etcd/register writes', { skip: needsEtcd() }, () => {
  let server: EtcdServer;
  let connection: Connection;
  before(async () => {
    server = await EtcdServer.start();
    const settings = settingsOf({ endpoints: server.endpoint, prefix: PREFIX }, (name) => name);
    connection = await Connection.open(settings.endpoints[0]!, settings);
  });
  after(async () => {
    connection.close();
    await server.remove();
  });

  test('what another host writes after a Put of ours, and is heard before its answer, counts', async () => {
    const told: (string | null)[] = [];
    const register = registerWith((text) => void told.push(text));
    const elsewhere = '192.0.2.2:4789';
    const writer = new Slow(connection, async (revision) => {
      await server.put(PREFIX + MAC, { ip: '192.0.2.2' });
      register.heard(MAC, { elsewhere, isGone: false, revision: revision + 1 });
    });
    register.connected(writer);
    register.want({ mac: MAC, ips: [] });
    await eventually(
      () => told.at(-1) === `MACs are here that etcd has elsewhere: ${MAC} at ${elsewhere}`,
      () => String(told.at(-1)),
    );
    await register.stop(true);
  });

  test('what was written before a Put of ours does not, though it is heard after it', async () => {
    const told: (string | null)[] = [];
    const register = registerWith((text) => void told.push(text));
    let revision = 0;
    const writer = new Slow(connection, async (written) => {
      revision = written;
      register.heard(MAC, { elsewhere: '192.0.2.2:4789', isGone: false, revision: revision - 1 });
    });
    register.connected(writer);
    register.want({ mac: MAC, ips: [] });
    await eventually(
      () => revision > 0,
      () => 'it is not written',
    );
    await setImmediate();
    register.heard(MAC, { elsewhere: '192.0.2.2:4789', isGone: false, revision: revision - 1 });
    assert.deepEqual(new Set(told), new Set([null]));
    await register.stop(true);
  });
});

test('what is refused is tried again once in a while, however much there is to write', async ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let tries = 0;
  const told: (string | null)[] = [];
  const register = registerWith((text) => void told.push(text));
  const refuse = async () => {
    tries++;
    if (tries < 4) throw new Error('etcdserver: permission denied');
    return 7;
  };
  const [nothing, alive] = [async () => {}, async () => true];
  register.connected({
    ...{ grant: nothing, keepAlive: alive, revoke: nothing, read: async () => [] },
    ...{ putAll: refuse, removeOwn: nothing },
  });
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
  };
  for (let own = 1; own < 10; own++) {
    register.want({ mac: `de:ad:be:ef:00:0${own}`, ips: [] });
    await settle();
  }
  assert.equal(tries, 1);
  assert.match(String(told.at(-1)), /^etcd\/register: nothing can be written: etcdserver: permission denied$/);
  for (const expected of [2, 3, 4, 4]) {
    mock.timers.tick(RETRY_MS);
    await settle();
    assert.equal(tries, expected);
  }
  assert.equal(told.at(-1), null);
  await register.stop(false);
});
