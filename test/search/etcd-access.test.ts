// How the plugin `etcd` gets at its cluster: properties, fail-over, TLS, users, and a thread of its own.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { PropertyValue } from '../../src/search/api.js';
import { certificate, EtcdServer, needsEtcd } from '../support/etcd.js';
import { query } from './context.js';
import { eventually, instanceAt, PREFIX, told, toldLike } from './etcd-instance.js';

const A = 'de:ad:be:ef:00:00';
const DEAD = 'http://127.0.0.1:1';

async function refusal(endpoints: string, values: Record<string, PropertyValue> = {}): Promise<string> {
  const { instance } = instanceAt(endpoints, values);
  try {
    await instance.start();
  } catch (thrown) {
    return (thrown as Error).message;
  } finally {
    await instance.stop();
  }
  assert.fail('started');
}

/** Passes bytes on to etcd, until it is told to swallow them, or to end. */
class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isDeaf = false;
  endpoint = '';

  private constructor(target: string) {
    this.#server = createServer((near) => {
      const far = createConnection(Number(new URL(target).port), '127.0.0.1');
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on('error', () => socket.destroy());
      }
      near.on('data', (bytes) => this.#isDeaf || far.write(bytes));
      far.on('data', (bytes) => this.#isDeaf || near.write(bytes));
    });
  }

  static async to(target: string): Promise<Relay> {
    const relay = new Relay(target);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    relay.endpoint = `http://127.0.0.1:${(relay.#server.address() as { port: number }).port}`;
    return relay;
  }

  /** As when the host behind it lost its power: nothing comes, not even an end. */
  swallow(): void {
    this.#isDeaf = true;
  }

  end(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

describe('properties of etcd', () => {
  const wrong: [what: string, endpoints: string, values: Record<string, PropertyValue>, message: RegExp][] = [
    [
      'no scheme',
      '10.0.0.1:2379',
      {},
      /^etcd\/endpoints: "10\.0\.0\.1:2379" is no endpoint: expected http:\/\/HOST:PORT/,
    ],
    ['one of two endpoints', `${DEAD},http://a`, {}, /^etcd\/endpoints: "http:\/\/a" is no endpoint/],
    [
      'a prefix without its slash',
      DEAD,
      { 'etcd/prefix': '/a/24' },
      /^etcd\/prefix is "\/a\/24": expected "\/" at its end/,
    ],
    ['a certificate without its key', 'https://a:1', { 'etcd/cert': 'a' }, /^etcd\/cert needs etcd\/key$/],
    ['a user without a password', DEAD, { 'etcd/username': 'a' }, /^etcd\/username needs etcd\/password$/],
    ['TLS files without TLS', DEAD, { 'etcd/ca': 'a' }, /^etcd\/ca given, but no endpoint begins with https/],
    ['no such file', 'https://a:1', { 'etcd/ca': '/no/ca' }, /https:\/\/a:1: cannot read \/no\/ca: ENOENT/],
    [
      'two of them at once',
      'a',
      { 'etcd/password': 'a' },
      /^etcd\/endpoints: "a" is no endpoint: .*; etcd\/password needs etcd\/username$/,
    ],
  ];
  for (const [what, endpoints, values, message] of wrong) {
    test(what, async () => assert.match(await refusal(endpoints, values), message));
  }

  test('nobody there: every endpoint with its error', async () => {
    assert.equal(
      await refusal(`${DEAD},http://127.0.0.1:2`),
      `etcd/endpoints ${DEAD}: connect ECONNREFUSED 127.0.0.1:1; http://127.0.0.1:2: connect ECONNREFUSED 127.0.0.1:2`,
    );
  });

  test('something that takes connections and says nothing', async () => {
    const mute = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as { port: number };
    assert.match(
      await refusal(`http://127.0.0.1:${port}`),
      /^etcd\/endpoints http:\/\/127\.0\.0\.1:\d+: no answer within 3 s$/,
    );
    mute.close();
    await once(mute, 'close'); // only when the half-made connection is gone
  });
});

describe('an etcd cluster of several endpoints', { skip: needsEtcd() }, () => {
  let server: EtcdServer;
  before(async () => {
    server = await EtcdServer.start();
    await server.put(PREFIX + A, { ip: '10.0.0.1' });
  });
  after(() => server.remove());

  test('start goes past a dead one', async (t) => {
    const one = instanceAt(`${DEAD},${server.endpoint}`);
    t.after(() => one.instance.stop());
    await one.instance.start();
    assert.deepEqual(one.instance.lookup(query(A)), { target: { ip: '10.0.0.1', port: 4789 } });
  });

  for (const way of ['end', 'swallow'] as const) {
    test(`the watch goes on at the next when one ${way === 'end' ? 'closes' : 'vanishes'}`, async (t) => {
      const relay = await Relay.to(server.endpoint);
      const one = instanceAt(`${relay.endpoint},${server.endpoint}`);
      t.after(() => one.instance.stop());
      await one.instance.start();
      await one.instance.lookup(query(A));
      await server.put(PREFIX + A, { ip: '10.0.0.2' });
      await told(one, `put ${A} 10.0.0.2:4789`);
      relay[way]();
      await server.put(PREFIX + A, { ip: '10.0.0.3' });
      await told(one, `put ${A} 10.0.0.3:4789`);
      assert.ok(one.context.logged.some((line) => line.startsWith(`warn ${relay.endpoint}: `)));
      relay.end();
      await server.put(PREFIX + A, { ip: '10.0.0.1' });
    });
  }

  test('an instance runs in a thread of its own', async () => {
    const worker = new Worker(new URL('./etcd-thread.js', import.meta.url), {
      workerData: { 'etcd/endpoints': server.endpoint, 'etcd/prefix': PREFIX },
    });
    const messages: string[] = [];
    worker.on('message', (text) => messages.push(text));
    const said = (text: string) =>
      eventually(
        () => messages.includes(text),
        () => `no ${text}: ${messages.join('\n')}`,
      );
    await said(`lookup ${A} 10.0.0.1:4789`);
    await server.put(PREFIX + A, { ip: '10.0.0.9' });
    await said(`put ${A} 10.0.0.9:4789`);
    worker.postMessage('stop');
    // It ends by itself: nothing of gRPC is left behind.
    const [status] = await once(worker, 'exit');
    assert.equal(status, 0);
  });
});

describe('etcd with TLS', { skip: needsEtcd() }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'vxlane-tls-'));
  const ca = certificate(directory, 'authority').cert;
  const ours = certificate(directory, 'client', 'authority');
  const theirs = certificate(directory, 'server', 'authority');
  const stranger = certificate(directory, 'stranger').cert;
  let server: EtcdServer;

  before(async () => {
    const files = ['--cert-file', theirs.cert, '--key-file', theirs.key, '--trusted-ca-file', ca, '--client-cert-auth'];
    const ctlArgs = ['--cacert', ca, '--cert', ours.cert, '--key', ours.key];
    server = await EtcdServer.start({ scheme: 'https', args: files, ctlArgs });
    await server.put(PREFIX + A, { ip: '10.0.0.1' });
  });
  after(() => {
    server.remove();
    rmSync(directory, { recursive: true });
  });

  test('with the right certificates', async (t) => {
    const one = instanceAt(server.endpoint, { 'etcd/ca': ca, 'etcd/cert': ours.cert, 'etcd/key': ours.key });
    t.after(() => one.instance.stop());
    await one.instance.start();
    await one.instance.lookup(query(A));
    await server.put(PREFIX + A, { ip: '10.0.0.2' });
    await told(one, `put ${A} 10.0.0.2:4789`);
  });

  test('a server that another authority signed is refused', async () => {
    const values = { 'etcd/ca': stranger, 'etcd/cert': ours.cert, 'etcd/key': ours.key };
    assert.match(await refusal(server.endpoint, values), /: unable to verify the first certificate/);
  });

  test('without a client certificate', async () => {
    const text = await refusal(server.endpoint, { 'etcd/ca': ca });
    assert.match(text, /^etcd\/endpoints https:\/\/127\.0\.0\.1:\d+: TLS: .*alert bad certificate$/);
  });

  test('without TLS', async () => {
    const text = await refusal(server.endpoint.replace('https', 'http'));
    assert.match(text, /^etcd\/endpoints http:\/\/127\.0\.0\.1:\d+: the connection ended without an answer$/);
  });
});

describe('etcd with users', { skip: needsEtcd() }, () => {
  const values = { 'etcd/username': 'vtep', 'etcd/password': 'secret:of, vteps' };
  let server: EtcdServer;

  before(async () => {
    server = await EtcdServer.start({ args: ['--auth-token-ttl', '2', '--bcrypt-cost', '4'] });
    await server.put(PREFIX + A, { ip: '10.0.0.1' });
  });
  after(() => server.remove());

  /** As docs/etcd.md says. */
  async function enableAuth(): Promise<void> {
    await server.ctl('user', 'add', 'root:root');
    await server.ctl('user', 'add', `vtep:${values['etcd/password']}`);
    await server.ctl('role', 'add', 'vtep');
    await server.ctl('role', 'grant-permission', 'vtep', '--prefix=true', 'read', PREFIX);
    await server.ctl('user', 'grant-role', 'vtep', 'vtep');
    await server.ctl('user', 'grant-role', 'root', 'root');
    await server.ctl('auth', 'enable');
    server.ctlArgs = ['--user', 'root:root'];
  }

  test('a user is let in where none is needed yet; then only with the right password and permission', async (t) => {
    const early = instanceAt(server.endpoint, values);
    t.after(() => early.instance.stop());
    await early.instance.start();
    await enableAuth();
    assert.match(await refusal(server.endpoint), /: etcdserver: user name is empty$/);
    const wrong = { ...values, 'etcd/password': 'guess' };
    assert.match(
      await refusal(server.endpoint, wrong),
      /: etcdserver: authentication failed, invalid user ID or password$/,
    );
    const elsewhere = { ...values, 'etcd/prefix': '/other/' };
    assert.match(await refusal(server.endpoint, elsewhere), /: etcdserver: permission denied$/);
    const one = instanceAt(server.endpoint, values);
    t.after(() => one.instance.stop());
    await one.instance.start();
    await one.instance.lookup(query(A));
    await server.put(PREFIX + A, { ip: '10.0.0.2' });
    await told(one, `put ${A} 10.0.0.2:4789`);

    // The token of the first connection is void by now (TTL 2 s), and unknown to an etcd that was started anew.
    await server.kill();
    await toldLike(one, /^degrade/);
    await server.start();
    await toldLike(one, /^restore/);
    one.context.calls.length = 0;
    await server.put(PREFIX + A, { ip: '10.0.0.3' });
    await told(one, `put ${A} 10.0.0.3:4789`);
  });
});
