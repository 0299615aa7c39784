/** The svp plugin's questions against a real server on loopback; time is the test's. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { svp } from '../../../src/search/plugins/svp/svp.js';
import { OPS, type Request, SvpServer, sealed } from '../../support/svp-server.js';
import { until } from '../../support/until.js';
import { query, recordingContext } from '../context.js';
import { type Client, client } from './testbed.js';

const A = 'de:ad:be:ef:00:00';
const B = 'de:ad:be:ef:00:01';
const NEW = 'de:ad:be:ef:00:02';

describe('svp', () => {
  let server: SvpServer;
  let port: number;
  let one: Client;

  beforeEach(async () => {
    server = new SvpServer();
    server.set(23, A, { ip: '10.88.88.69', owns: ['10.55.55.2', 'fe80::3'] });
    server.set(23, B, { ip: 'fd88::70', port: 4790, owns: ['10.55.55.3', 'fe80::4'] });
    port = await server.listen();
    one = client(port);
  });

  afterEach(async () => {
    one.instance.stop();
    await server.close();
    assert.equal(server.died, null);
  });

  /** Started, connected, and the server has answered its PING. */
  async function start(): Promise<void> {
    one.instance.start();
    await until(() => server.asked(OPS.PING).length === 1);
    await one.testbed.pass(0);
  }

  const isQuestion = ({ op }: Request): boolean => op === OPS.VL2 || op === OPS.VL3;

  describe('answers', () => {
    test('lookups by MAC, null when there is no such one', async () => {
      await start();
      assert.deepEqual(await one.instance.lookup(query(B)), { target: { ip: 'fd88::70', port: 4790 } });
      assert.equal(await one.instance.lookup(query(NEW)), null);
      assert.deepEqual(one.context.calls, []);
    });

    test('ARP and NDP, and programs the MAC before it says whose the address is', async () => {
      await start();
      const order = one.context.calls;
      for (const ask of [() => one.instance.arp('10.55.55.2'), () => one.instance.ndp('fe80::3')]) {
        order.push(`owner ${(await ask())?.mac}`);
        assert.deepEqual(order.splice(0), [`put ${A} 10.88.88.69:4789`, `owner ${A}`]);
      }
      assert.equal(await one.instance.arp('10.55.55.99'), null);
      assert.equal(await one.instance.ndp('fe80::99'), null);
      assert.deepEqual(order, []);
    });

    test('only for its own vnetid', async () => {
      server.set(24, NEW, { ip: '10.88.88.71', owns: ['10.55.55.4'] });
      await start();
      assert.equal(await one.instance.lookup(query(NEW)), null);
      assert.equal(await one.instance.arp('10.55.55.4'), null);
    });

    test('a group address without asking anybody', async () => {
      await start();
      assert.equal(await one.instance.lookup(query('01:00:5e:00:00:01')), null);
      assert.equal(server.asked(OPS.VL2).length, 0);
    });

    test('a status of failure is a rejection in words', async () => {
      await start();
      server.failWith = 1;
      const answers = `svp server 127.0.0.1:${port} answers fatal error (status 1)`;
      await assert.rejects(one.instance.lookup(query(B)), { message: answers });
      await assert.rejects(one.instance.arp('10.55.55.2'), { message: answers });
    });
  });

  describe('streams', () => {
    const many = Array.from({ length: 200 }, (_, n) => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`);
    const fill = () => {
      for (const [n, mac] of many.entries()) server.set(23, mac, { ip: `10.0.0.${n + 1}` });
    };
    const askAll = async () => {
      const answers = await Promise.all(many.map((mac) => one.instance.lookup(query(mac))));
      assert.deepEqual(
        answers.map((answer) => answer?.target),
        many.map((_, n) => ({ ip: `10.0.0.${n + 1}`, port: 4789 })),
      );
    };

    test('200 questions at once, answered in the reverse order in one write', async () => {
      fill();
      await start();
      const answers: Buffer[] = [];
      server.behave = (answer, socket) => {
        answers.unshift(answer);
        if (answers.length === many.length) socket.write(Buffer.concat(answers));
      };
      await askAll();
      assert.equal(server.sockets.size, 1);
    });

    test('ids that pass 2^32', async () => {
      one = client(port);
      one.testbed.chance = 1 - 100 / 2 ** 32;
      one = client(port, 23, 'svp.test', '10.88.88.69', one.testbed);
      fill();
      await start();
      await askAll();
      const ids = server.requests.map(({ id }) => id);
      assert.ok(ids.includes(0xffffffff) && ids.includes(0));
      assert.equal(new Set(ids).size, ids.length);
    });

    test('answers that arrive byte by byte', async () => {
      server.behave = (answer, socket) => {
        for (const byte of answer) socket.write(Buffer.of(byte));
      };
      await start();
      assert.deepEqual(await one.instance.arp('10.55.55.3'), { mac: B });
    });
  });

  describe('what no server may send ends the connection in order, and the question is asked once more', () => {
    const spoilt: [what: string, spoil: (answer: Buffer) => Buffer, reason: RegExp][] = [
      ['a wrong CRC', (answer) => Buffer.concat([answer.subarray(0, 30), Buffer.of(0xee), answer.subarray(31)]), /CRC/],
      ['another version', (answer) => sealed(Buffer.concat([Buffer.of(0, 2), answer.subarray(2)])), /version 2/],
      ['an unknown operation', (answer) => sealed(with16(answer, 2, 99)), /operation 99/],
      ['the answer to another question', (answer) => with32(answer, 8, 0xdead), /question 57005, which was not asked/],
      ['another size', (answer) => with32(answer, 4, 21), /21 bytes/],
      [
        'an operation that answers something else',
        (answer) => sealed(Buffer.concat([with32(with16(answer, 2, 6), 4, 28), Buffer.alloc(8)])),
        /operation 6 answers lookup of/,
      ],
    ];
    for (const [what, spoil, reason] of spoilt) {
      test(what, async () => {
        await start();
        await one.testbed.pass(1000);
        let isSpoilt = false;
        server.behave = (answer, socket, request) => {
          const isNow: boolean = !isSpoilt && isQuestion(request);
          socket.write(isNow ? spoil(Buffer.from(answer)) : answer);
          isSpoilt ||= isNow;
        };
        const asked = one.instance.lookup(query(B));
        await until(() => one.context.logged.some((line) => line.includes('broke')));
        await one.testbed.pass(499);
        assert.equal(server.requests.filter(isQuestion).length, 1);
        await one.testbed.pass(1);
        assert.deepEqual(await asked, { target: { ip: 'fd88::70', port: 4790 } });
        assert.match(one.breaks[0] ?? '', reason);
        assert.deepEqual(one.testbed.attempts, ['0 127.0.0.1', '1000 127.0.0.1'], 'tried again at once');
        assert.equal(server.died, null, 'no reset');
      });
    }

    test('a connection closed inside an answer', async () => {
      await start();
      await one.testbed.pass(1000);
      server.behave = (answer, socket, request) => {
        if (!isQuestion(request)) return void socket.write(answer);
        server.behave = (whole, other) => void other.write(whole);
        socket.end(answer.subarray(0, 20));
      };
      const asked = one.instance.arp('10.55.55.2');
      await until(() => one.breaks.length > 0);
      await one.testbed.pass(500);
      assert.deepEqual(await asked, { mac: A });
      assert.match(one.breaks[0] ?? '', /closed the connection inside an answer/);
    });

    test('with more of it to come: what is under way is read to its end', async () => {
      await start();
      await one.testbed.pass(1000);
      server.behave = (answer, socket, request) => {
        if (!isQuestion(request)) return void socket.write(answer);
        server.behave = (whole, other) => void other.write(whole);
        socket.write(with32(Buffer.from(answer), 8, 0xdead));
        socket.write(Buffer.alloc(1 << 20));
      };
      const asked = one.instance.lookup(query(B));
      await until(() => one.breaks.length > 0);
      await one.testbed.pass(500);
      await asked;
      await until(() => server.sockets.size === 1);
      assert.equal(server.died, null, 'no reset');
    });

    test('a question that two connections broke on is given up, and no third server is asked', async () => {
      await start();
      await one.testbed.pass(1000);
      server.behave = (answer, socket, request) => {
        if (isQuestion(request)) socket.destroy();
        else socket.write(answer);
      };
      const asked = assert.rejects(one.instance.lookup(query(B)), { message: '2 connections broke on it' });
      for (let i = 1; i <= 2; i++) {
        await until(() => one.breaks.length >= i);
        await one.testbed.pass(1000);
      }
      await asked;
      await one.testbed.pass(2000);
      assert.equal(server.requests.filter(isQuestion).length, 2);
    });
  });

  describe('stop', () => {
    test('while asked: the question is rejected, and nothing is left', async () => {
      await start();
      server.behave = () => {};
      const asked = one.instance.lookup(query(B));
      await until(() => server.asked(OPS.VL2).length === 1);
      one.context.abort();
      await assert.rejects(asked, { message: 'the plugin was stopped' });
      await assert.rejects(one.instance.arp('10.55.55.2'), { message: /the plugin was stopped/ });
      await until(() => server.sockets.size === 0);
      await until(() => one.testbed.timers === 0);
      one.instance.stop();
    });

    test('while a question waits for a connection', async () => {
      await server.close();
      one.instance.start();
      await until(() => one.breaks.length === 1);
      const asked = one.instance.lookup(query(B));
      one.instance.stop();
      await assert.rejects(asked, { message: 'the plugin was stopped' });
      await until(() => one.testbed.timers === 0);
      await server.listen();
    });
  });

  describe('start is refused', () => {
    const good = { 'svp/host': 'svp.example.com', 'svp/port': 1296, 'svp/underlay_ip': '10.0.0.1' };
    const expectedHost = 'expected a host name or an IP address; a port is svp/port';
    const refused: [values: object, message: string][] = [
      [{ 'svp/host': '' }, `svp/host=: ${expectedHost}`],
      [{ 'svp/host': 'svp.example.com:1296' }, `svp/host=svp.example.com:1296: ${expectedHost}`],
      [{ 'svp/host': 'two words' }, `svp/host=two words: ${expectedHost}`],
      [
        { 'svp/underlay_ip': '224.0.0.1' },
        'svp/underlay_ip=224.0.0.1: a multicast address; expected the address of one host',
      ],
      [{ 'svp/underlay_ip': '::' }, 'svp/underlay_ip=::: the unspecified address; expected the address of one host'],
    ];
    for (const [values, message] of refused) {
      test(JSON.stringify(values), () => {
        const instance = svp.create(recordingContext(), { ...good, ...values });
        assert.throws(() => instance.start(), { message });
        instance.stop();
      });
    }
  });
});

function with16(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeUInt16BE(value, at);
  return sealed(bytes);
}

function with32(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeUInt32BE(value, at);
  return sealed(bytes);
}
