/** The name of the servers: resolved at start and every 30 s. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../../support/until.js';
import { query } from '../context.js';
import { A, Servers, TARGET } from './servers.js';

describe('names', () => {
  const servers = new Servers();

  test('that do not resolve degrade the overlay, name the host, and are tried again', async () => {
    servers.one.testbed.addresses = new Error('no such name');
    servers.one.instance.start();
    await servers.one.testbed.pass(0);
    assert.deepEqual(servers.one.context.calls, ['degrade svp/host svp.test: cannot be resolved: no such name']);
    const reason = 'svp/host svp.test: no address is known: no such name';
    const asked = assert.rejects(servers.one.instance.lookup(query(A)), { message: reason });
    await servers.one.testbed.pass(2500);
    await asked;
    servers.one.testbed.addresses = ['127.0.0.1'];
    await servers.one.testbed.pass(1000);
    await until(() => servers.one.context.calls.includes('restore'));
    assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
  });

  test('that no longer resolve leave the servers in use, and outrank servers that are away', async () => {
    await servers.start(1);
    servers.one.testbed.addresses = new Error('the name server does not answer');
    await servers.one.testbed.pass(30_000);
    const names = 'svp/host svp.test: cannot be resolved: the name server does not answer';
    assert.deepEqual(servers.one.context.calls.splice(0), [`degrade ${names}; the address known before stays in use`]);
    assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
    await servers.end(1);
    await servers.broken(1);
    await servers.one.testbed.pass(200_000);
    assert.deepEqual(servers.one.context.calls.splice(0), []);
    servers.one.testbed.addresses = ['127.0.0.1'];
    await servers.one.testbed.pass(30_000);
    const reason = `svp/host svp.test: cannot reach any server: 127.0.0.1:${servers.port}: connection refused`;
    assert.deepEqual(servers.one.context.calls, [`degrade ${reason}`]);
  });

  test('are resolved every 30 s: a new address is used, one that is gone ends after its last answer', async () => {
    await servers.serve(2);
    await servers.start(1);
    await servers.one.testbed.pass(29_500);
    const kept: (() => void)[] = [];
    servers.at(1).behave = (answer, socket) => void kept.push(() => socket.write(answer));
    const asked = servers.one.instance.lookup(query(A));
    await until(() => servers.lookups(1) === 1);
    servers.one.testbed.addresses = ['127.0.0.2'];
    await servers.one.testbed.pass(500);
    await until(() => servers.at(2).sockets.size === 1);
    await servers.one.testbed.pass(0);
    assert.equal(servers.at(1).sockets.size, 1);
    assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
    assert.equal(servers.lookups(1), 1, 'the one that leaves gets no more questions');
    for (const speak of kept) speak();
    assert.deepEqual(await asked, TARGET);
    await until(() => servers.at(1).sockets.size === 0);
    await servers.one.testbed.pass(60_000);
    assert.equal(servers.one.testbed.attempts.filter((each) => each.endsWith('127.0.0.1')).length, 1);
  });
});
