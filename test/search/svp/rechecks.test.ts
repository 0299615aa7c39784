/** Records of the invalidation log, and a server that answers from a cache: what is asked again, when, and by whom. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type LogEntry, OPS, SvpServer, uuid } from '../../support/svp-server.js';
import { until } from '../../support/until.js';
import { query } from '../context.js';
import { type Client, client } from './testbed.js';

const HOST = '10.88.88.69';
const A = 'de:ad:be:ef:00:00';
const B = 'de:ad:be:ef:00:01';

const moved = (n: number): LogEntry => ({ uuid: uuid(n), vni: 23, mac: A });

describe('records of the log', () => {
  let server: SvpServer;
  let port: number;
  let clients: Client[];

  beforeEach(async () => {
    server = new SvpServer().set(23, A, { ip: '10.88.88.70', owns: ['10.55.55.2', 'fe80::3'] });
    port = await server.listen();
    clients = [];
  });

  afterEach(async () => {
    for (const { instance } of clients) await instance.stop();
    await server.close();
    assert.equal(server.died, null);
  });

  async function started(): Promise<Client> {
    const one = client(port, 23, 'svp.test', HOST);
    clients.push(one);
    const before = server.asked(OPS.PING).length;
    one.instance.start();
    await until(() => server.asked(OPS.PING).length > before);
    await one.testbed.pass(0);
    return one;
  }

  /** Lets the next read of the log and what follows from it happen. */
  async function read(one: Client): Promise<void> {
    for (const end = server.asked(OPS.LOG).length + 1; server.asked(OPS.LOG).length < end; ) {
      await one.testbed.pass(500);
    }
    await one.testbed.pass(100);
  }

  test('are believed more than a cached answer: whatever they were about is asked again 11 s later', async () => {
    const one = await started();
    server.nowMs = one.testbed.nowMs;
    await one.testbed.pass(4000);
    const ask = async () => (await one.instance.lookup(query(A)))?.target;
    const old = { ip: '10.88.88.70', port: 4789 };
    assert.deepEqual(await ask(), old);
    assert.deepEqual(await one.instance.ndp('fe80::3'), { mac: A });
    server.set(23, A, { ip: '10.88.88.71' });
    server.set(23, B, { ip: '10.88.88.72', owns: ['fe80::3'] });
    server.record(HOST, moved(1), { uuid: uuid(2), vni: 23, ip: 'fe80::3' });
    one.context.calls.length = 0;
    await read(one);
    assert.deepEqual(await ask(), old, 'the cache');
    const withdrawn = one.context.calls.splice(0).sort();
    assert.deepEqual(withdrawn, [`moved fe80::3 ${A}`, `put ${A} 10.88.88.70:4789`, `withdraw ${A}`]);
    await one.testbed.pass(11_000);
    assert.deepEqual(one.context.calls, [`withdraw ${A}`, `put ${B} 10.88.88.72:4789`, `moved fe80::3 ${B}`]);
    assert.deepEqual(await ask(), { ip: '10.88.88.71', port: 4789 });
    await one.testbed.pass(60_000);
    assert.equal(one.context.calls.length, 3, 'once more, and that is all');
  });

  test('are asked again about until that is answered, and by the instance that takes over', async () => {
    const one = await started();
    server.record(HOST, { uuid: uuid(1), vni: 23, ip: 'fe80::3' });
    await read(one);
    server.failWith = 1;
    await one.testbed.pass(11_500);
    server.failWith = null;
    one.context.calls.length = 0;
    await one.testbed.pass(11_000);
    assert.deepEqual(one.context.calls.slice(-2), [`put ${A} 10.88.88.70:4789`, `moved fe80::3 ${A}`]);
    server.record(HOST, moved(2));
    await read(one);
    const two = await started();
    await one.instance.stop();
    await until(() => two.context.calls.includes(`withdraw ${A}`));
  });

  test('of an address cost one question, though the host asks of the owner that it announces', async () => {
    const one = await started();
    server.record(HOST, { uuid: uuid(1), vni: 23, ip: 'fe80::3' });
    await read(one);
    assert.deepEqual(await one.instance.ndp('fe80::3'), { mac: A });
    assert.equal(server.asked(OPS.VL3).length, 1);
    assert.deepEqual(await one.instance.ndp('fe80::3'), { mac: A });
    assert.equal(server.asked(OPS.VL3).length, 2, 'what others ask is asked');
  });
});
