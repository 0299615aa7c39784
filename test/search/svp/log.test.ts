/** The invalidation log: what is taken back, what is acknowledged, by whom, and when. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type Line, REAL_ENVIRONMENT } from '../../../src/search/plugins/svp/environment.js';
import { type LogEntry, OPS, SvpServer, uuid } from '../../support/svp-server.js';
import { until } from '../../support/until.js';
import { type Client, client, Testbed } from './testbed.js';

const HOST = '10.88.88.69';
const A = 'de:ad:be:ef:00:00';
/** Identity of an instance that is not there; not the least, so that it need not acknowledge for others. */
const OTHER = 'ffffffffffff';

const moved = (n: number, vni = 23): LogEntry => ({ uuid: uuid(n), vni, mac: A });

describe('invalidation log', () => {
  let server: SvpServer;
  let port: number;
  let clients: Client[];
  let lines: Line[];

  beforeEach(async () => {
    server = new SvpServer().set(23, A, { ip: '10.88.88.70', owns: ['10.55.55.2', 'fe80::3'] });
    port = await server.listen();
    clients = [];
    lines = [];
  });

  afterEach(async () => {
    for (const { instance } of clients) instance.stop();
    for (const line of lines) line.close();
    await server.close();
    assert.equal(server.died, null);
  });

  /** One more instance, started and connected, in a testbed of its own unless told otherwise. */
  async function start(vni = 23, testbed = new Testbed()): Promise<Client> {
    testbed.chance = clients.length / 10; // decides the identity
    const one = client(port, vni, 'svp.test', HOST, testbed);
    testbed.chance = 0.5;
    clients.push(one);
    const before = server.asked(OPS.PING).length;
    one.instance.start();
    await until(() => server.asked(OPS.PING).length > before);
    await one.testbed.pass(0);
    return one;
  }

  /** The line of these instances, for one that is not there. */
  function other(): Line {
    const line = REAL_ENVIRONMENT.line(`vxlane svp svp.test ${port} ${HOST}`);
    lines.push(line);
    return line;
  }

  const reads = () => server.asked(OPS.LOG);
  const budgets = () => reads().map(({ payload }) => payload.readUInt32BE(0));

  /** Lets `count` more reads and what follows from them happen, as many seconds as that takes. */
  async function read(one: Client, count = 1): Promise<void> {
    for (const end = reads().length + count; reads().length < end; ) await one.testbed.pass(500);
    await one.testbed.pass(100);
  }

  describe('one instance', () => {
    test('reads every 5 to 10 s, at random, 1024 bytes', async () => {
      const one = await start();
      for (const [chance, seconds] of [
        [0, 5],
        [0.999999, 10],
        [0.2, 6],
      ] as const) {
        one.testbed.chance = chance;
        await read(one);
        const before = reads().length;
        await one.testbed.pass(1000 * seconds - 700);
        assert.equal(reads().length, before);
        await one.testbed.pass(700);
        assert.equal(reads().length, before + 1);
      }
      assert.ok(budgets().every((budget) => budget === 1024));
    });

    test('a MAC that moved is withdrawn, and acknowledged exactly once', async () => {
      const one = await start();
      server.record(HOST, moved(1));
      await read(one, 3);
      assert.deepEqual(one.context.calls, [`withdraw ${A}`]);
      assert.deepEqual(server.acknowledged, [uuid(1)]);
      assert.deepEqual(server.logOf(HOST), []);
    });

    test('addresses of both families with another owner are announced, one without an owner is not', async () => {
      const one = await start();
      const addresses = ['10.55.55.2', 'fe80::3', '10.55.55.9'];
      server.record(HOST, ...addresses.map((ip, n) => ({ uuid: uuid(n + 1), vni: 23, ip, vlan: n })));
      await read(one);
      const put = `put ${A} 10.88.88.70:4789`;
      const expected = [put, put, `moved 10.55.55.2 ${A}`, `moved fe80::3 ${A}`];
      assert.deepEqual(one.context.calls.sort(), expected.sort());
      assert.deepEqual(server.acknowledged, [uuid(1), uuid(2), uuid(3)]);
    });

    test('is read again 1 s after there was something, until all is read', async () => {
      const one = await start();
      server.record(HOST, ...Array.from({ length: 70 }, (_, n) => moved(n)));
      await read(one);
      assert.equal(one.context.calls.length, 32, '1024 bytes are 32 records of 32');
      await one.testbed.pass(2000);
      assert.equal(one.context.calls.length, 70);
      assert.equal(server.acknowledged.length, 70);
    });

    test('a record that could not be done stays, and is done when it can', async () => {
      const one = await start();
      server.behave = (answer, socket, { op }) => op !== OPS.VL3 && socket.write(answer);
      server.record(HOST, { uuid: uuid(1), vni: 23, ip: '10.55.55.2' }, moved(2));
      await read(one);
      await one.testbed.pass(3000);
      assert.deepEqual(server.acknowledged, [uuid(2)]);
      server.behave = (answer, socket) => void socket.write(answer);
      await one.testbed.pass(20_000);
      assert.deepEqual(server.acknowledged, [uuid(2), uuid(1)]);
      assert.ok(one.context.calls.includes(`moved 10.55.55.2 ${A}`));
    });

    test('a lost acknowledgement is repeated, and what it is for is not', async () => {
      const one = await start();
      let isLost = false;
      server.behave = (answer, socket, { op }) => {
        if (op !== OPS.LOG_RM || isLost) return void socket.write(answer);
        isLost = true;
        server.record(HOST, moved(1)); // and the server has it still
        socket.destroy();
      };
      server.record(HOST, moved(1));
      await read(one, 3);
      assert.deepEqual(one.context.calls, [`withdraw ${A}`]);
      assert.deepEqual(server.logOf(HOST), []);
    });

    test('an answer under way that is older than a record does not bring the old target back', async () => {
      const one = await start();
      const kept: (() => void)[] = [];
      server.behave = (answer, socket, { op }) => {
        if (op === OPS.VL3) kept.push(() => socket.write(answer));
        else socket.write(answer);
      };
      await one.testbed.pass(7000);
      const owner = one.instance.arp('10.55.55.2');
      await until(() => kept.length === 1);
      server.record(HOST, moved(1));
      await read(one);
      kept[0]?.();
      assert.deepEqual(await owner, { mac: A });
      assert.deepEqual(one.context.calls, [`withdraw ${A}`]);
    });

    test('that cannot be read degrades the overlay after more than 6 failures, until it can', async () => {
      const one = await start();
      server.failWith = 1;
      await read(one, 6);
      assert.deepEqual(one.context.calls, []);
      await read(one);
      const why = `svp server 127.0.0.1:${port} answers fatal error (status 1)`;
      assert.deepEqual(one.context.calls, [`degrade svp: moves may go unnoticed: ${why}`]);
      server.failWith = null;
      await read(one);
      assert.equal(one.context.calls.at(-1), 'restore');
    });
  });

  describe('several instances on one host', () => {
    test('each withdraws and acknowledges its own vnetid, exactly once', async () => {
      const [one, two] = [await start(23), await start(24)];
      server.record(HOST, moved(1, 23), moved(2, 24), moved(3, 23));
      await read(one, 2);
      assert.deepEqual(server.acknowledged, [uuid(1), uuid(3)]);
      assert.deepEqual(two.context.calls, []);
      await read(two, 2);
      assert.deepEqual(server.acknowledged, [uuid(1), uuid(3), uuid(2)]);
      assert.deepEqual(one.context.calls, [`withdraw ${A}`, `withdraw ${A}`]);
      assert.deepEqual(two.context.calls, [`withdraw ${A}`]);
    });

    test('records of another never hide their own: the budget grows by what stays', async () => {
      const [one] = [await start(23), await start(24)];
      server.record(HOST, ...Array.from({ length: 40 }, (_, n) => moved(n + 1, 24)), moved(99));
      await read(one, 2);
      assert.deepEqual(budgets(), [1024, 2048]);
      assert.deepEqual(server.acknowledged, [uuid(99)]);
      assert.deepEqual(one.context.calls, [`withdraw ${A}`]);
    });

    test('what another serves is left to it, however long that takes, until 60 s after its last word', async () => {
      const one = await start(23);
      const line = other();
      server.record(HOST, moved(1, 24));
      for (let seconds = 0; seconds < 120; seconds += 10) {
        line.say({ kind: 'here', id: OTHER, vni: 24 });
        await one.testbed.pass(10_000);
      }
      await one.testbed.pass(49_000);
      assert.deepEqual(server.acknowledged, []);
      await one.testbed.pass(22_000);
      assert.deepEqual(server.acknowledged, [uuid(1)]);
      assert.deepEqual(one.context.calls, []);
    });

    test('what one served that left in order is acknowledged once it has been seen for 60 s', async () => {
      const one = await start(23);
      const line = other();
      line.say({ kind: 'here', id: OTHER, vni: 24 });
      server.record(HOST, moved(1, 24));
      await one.testbed.pass(50_000);
      line.say({ kind: 'here', id: OTHER, vni: 24 });
      await one.testbed.pass(5000);
      line.say({ kind: 'gone', id: OTHER });
      await one.testbed.pass(25_000);
      assert.deepEqual(server.acknowledged, [uuid(1)]);
    });

    test('what nobody serves is acknowledged after 60 s, by one of them', async () => {
      const testbed = new Testbed();
      const [one, two] = [await start(23, testbed), await start(24, testbed)];
      server.record(HOST, moved(1, 99));
      await read(one, 2);
      await testbed.pass(59_000);
      assert.deepEqual(server.acknowledged, []);
      await testbed.pass(11_000);
      await testbed.pass(20_000);
      assert.deepEqual(server.acknowledged, [uuid(1)]);
      assert.deepEqual([...one.context.calls, ...two.context.calls], []);
    });

    test('an instance in another thread is heard', async () => {
      const one = await start(23);
      const name = `vxlane svp svp.test ${port} ${HOST}`;
      const said = { kind: 'handled', id: OTHER, vni: 23, records: [{ kind: 'vl2', ...moved(1) }] };
      const module = new URL('../../../src/search/plugins/svp/environment.js', import.meta.url);
      const code = `import(${JSON.stringify(module.href)}).then(({ REAL_ENVIRONMENT }) => {
        REAL_ENVIRONMENT.line(${JSON.stringify(name)}).say(${JSON.stringify(said)});
      });`;
      const thread = new Worker(code, { eval: true });
      await once(thread, 'exit');
      await until(() => one.context.calls.length === 1);
      assert.deepEqual(one.context.calls, [`withdraw ${A}`]);
    });

    test('two instances of one vnetid, as in a swap, both learn of a record that one acknowledges', async () => {
      const testbed = new Testbed();
      const [one, two] = [await start(23, testbed), await start(23, testbed)];
      server.record(HOST, moved(1), moved(2));
      const held: (() => void)[] = [];
      server.behave = (answer, socket, { op }) => {
        if (op !== OPS.LOG) return void socket.write(answer);
        held.push(() => socket.write(answer)); // until both have asked: both get both records
        if (held.length % 2 === 0) for (const speak of held.splice(0)) speak();
      };
      await read(one, 4);
      assert.deepEqual(one.context.calls, [`withdraw ${A}`, `withdraw ${A}`]);
      assert.deepEqual(two.context.calls, [`withdraw ${A}`, `withdraw ${A}`]);
      assert.deepEqual(server.acknowledged, [uuid(1), uuid(2)]);
    });
  });
});
