// How the plugin `etcd` follows its cluster where a real etcd cannot be brought to fail at the right moment.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { GrpcConnection } from '../../src/search/grpc/connection.js';
import { type Audience, Follower } from '../../src/search/plugins/etcd/follow.js';
import { type SettingName, settingsOf } from '../../src/search/plugins/etcd/settings.js';
import { FakeEtcd } from './etcd-fake.js';
import { eventually } from './etcd-instance.js';

describe('an etcd that fails at the wrong moment', () => {
  let fake: FakeEtcd;
  let follower: Follower | null = null;
  /** What was loaded last: revisions by key. */
  let table: Readonly<Record<string, number>>;

  beforeEach(async () => {
    fake = await FakeEtcd.start();
    table = {};
  });
  afterEach(() => {
    follower?.stop();
    fake.stop();
  });

  function follow(values: Partial<Record<SettingName, string>> = {}): Follower {
    const audience: Audience = {
      load: async (pages) => {
        const loaded: Record<string, number> = {};
        for await (const pairs of pages) for (const { key, revision } of pairs) loaded[key] = revision;
        table = loaded;
      },
      change: () => {},
      lost: () => {},
      caughtUp: () => {},
      note: () => {},
    };
    const settings = settingsOf({ endpoints: fake.endpoint, prefix: '/v/', ...values }, (name) => name);
    follower = new Follower(settings, audience);
    return follower;
  }

  test('an older copy is loaded, though loading fails at first and the copy gets ahead meanwhile', async () => {
    Object.assign(fake, { keys: { '/v/old': 8 }, revision: 10 });
    await follow().start();
    assert.deepEqual(table, { old: 8 });
    Object.assign(fake, { keys: { '/v/copy': 4 }, revision: 5, failsPages: true });
    fake.cut();
    await eventually(
      () => fake.pageFailures > 0,
      () => 'it was not loaded again',
    );
    Object.assign(fake, { revision: 20, failsPages: false });
    await eventually(
      () => 'copy' in table,
      () => JSON.stringify(table),
    );
    assert.deepEqual(table, { copy: 4 });
  });

  test('stop ends a login that nobody answers', async (t) => {
    fake.hangs = true;
    t.mock.timers.enable({ apis: ['setTimeout'] }); // the login's own limit never comes
    const started = follow({ username: 'vtep', password: 'secret' }).start();
    t.mock.timers.reset();
    await eventually(
      () => fake.calls > 0,
      () => 'no login',
    );
    follower?.stop();
    await started;
    assert.deepEqual(table, {});
  });

  test('a connection may be closed at any moment of its beginning', async (t) => {
    const thrown: unknown[] = [];
    const listeners = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[];
    process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => thrown.push(error));
    t.after(() => {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    });
    for (let n = 0; n < 300; n++) {
      const connection = new GrpcConnection(fake.endpoint, {}, 1000);
      for (let turns = 0; turns < n % 12; turns++) await new Promise(setImmediate);
      connection.close();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.deepEqual(thrown, []);
  });

  test('a connection that is closed in answer to what it read ends in a turn of its own', async (t) => {
    // Within the turn Node may still be reading by what it would free.
    const connect = t.mock.method(http2, 'connect');
    const connection = new GrpcConnection(fake.endpoint, {}, 1000);
    const session = connect.mock.calls[0]!.result as http2.ClientHttp2Session;
    const request = t.mock.method(session, 'request');
    const call = connection.open('/x', {});
    const stream = request.mock.calls[0]!.result as http2.ClientHttp2Stream;
    call.end();
    connection.close();
    assert.deepEqual([stream.destroyed, session.destroyed], [false, false]);
    await new Promise(setImmediate);
    assert.deepEqual([stream.destroyed, session.destroyed], [true, true]);
  });

  test('any number of pings leaves no listeners behind', async (t) => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => warning.name === 'MaxListenersExceededWarning' && warnings.push(warning);
    process.on('warning', warned);
    t.after(() => process.off('warning', warned));
    const connection = new GrpcConnection(fake.endpoint, {}, 1000);
    t.after(() => connection.close());
    connection.startPings(1);
    await eventually(
      () => fake.pings > 50,
      () => `${fake.pings} pings`,
    );
    assert.deepEqual(warnings, []);
  });
});
