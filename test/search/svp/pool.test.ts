/** Servers that come and go: back-off, fail-over, names, silence, and what the operator reads of it. */
import assert from 'node:assert/strict';
import type { Server } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { OPS, SvpServer } from '../../support/svp-server.js';
import { query } from '../context.js';
import { type Client, client, until } from './world.js';

const A = 'de:ad:be:ef:00:00';
const TARGET = { target: { ip: '10.88.88.69', port: 4789 } };

describe('servers', () => {
  /** By the last byte of their address, 127.0.0.n, all on one port. */
  let servers: Map<number, SvpServer>;
  let port: number;
  let one: Client;

  beforeEach(async () => {
    servers = new Map();
    port = 0;
    await serve(1);
    one = client(port);
  });

  afterEach(async () => {
    one.instance.stop();
    for (const server of servers.values()) await server.close();
  });

  async function serve(n: number): Promise<SvpServer> {
    const server = new SvpServer().set(23, A, { ip: '10.88.88.69' });
    servers.set(n, server);
    port = await server.listen((listener: Server) => listener.listen(port, `127.0.0.${n}`));
    return server;
  }

  async function end(n: number): Promise<void> {
    await servers.get(n)?.close();
    servers.delete(n);
  }

  const at = (n: number): SvpServer => servers.get(n) as SvpServer;
  const lookups = (n: number): number => at(n).asked(OPS.VL2).length;

  /** Started, and connected to each of these. */
  async function start(...of: number[]): Promise<void> {
    one.world.addresses = of.map((n) => `127.0.0.${n}`);
    one.instance.start();
    await until('every connection is proven', () => of.every((n) => at(n).asked(OPS.PING).length === 1));
    await one.world.pass(0);
  }

  /** Waits for a break that is under way; those that must not come would have come by then. */
  const broken = (count: number) => until(`${count} breaks`, () => one.breaks.length >= count);

  describe('away', () => {
    test('are tried at once and then after 1, 2, 4 … 32, 32 s', async () => {
      await end(1);
      one.instance.start();
      for (let tries = 1; tries <= 9; tries++) {
        await broken(tries);
        await one.world.pass(Math.min(1000 * 2 ** (tries - 1), 32_000));
      }
      const seconds = [0, 1, 3, 7, 15, 31, 63, 95, 127, 159];
      assert.deepEqual(
        one.world.attempts,
        seconds.map((each) => `${1000 * each} 127.0.0.1`),
      );
      await broken(10);
    });

    test('do not keep the overlay from starting: it says which and why, and comes back by itself', async () => {
      await end(1);
      one.instance.start();
      await broken(1);
      const reason = `svp/host svp.test: cannot reach any server: 127.0.0.1:${port}: connection refused`;
      assert.deepEqual(one.context.calls, [`degrade ${reason}`]);
      await serve(1);
      await one.world.pass(1000);
      await until('restored', () => one.context.calls.length === 2);
      assert.equal(one.context.calls[1], 'restore');
      assert.deepEqual(await one.instance.lookup(query(A)), TARGET);
    });

    test('a server that was up degrades the overlay after more than 6 failures in a row', async () => {
      await start(1);
      await one.world.pass(1000);
      await end(1);
      await broken(1);
      for (let failures = 1; failures <= 7; failures++) {
        assert.deepEqual(one.context.calls, [], `after ${failures - 1} failures`);
        await one.world.pass(failures === 1 ? 0 : 1000 * 2 ** (failures - 2));
        await broken(failures + 1);
      }
      const reason = `svp/host svp.test: cannot reach any server: 127.0.0.1:${port}: connection refused`;
      assert.deepEqual(one.context.calls, [`degrade ${reason}`]);
    });

    test('one of two is no reason to degrade', async () => {
      await serve(2);
      await start(1, 2);
      await one.world.pass(1000);
      await end(2);
      await broken(1);
      await one.world.pass(100_000);
      assert.deepEqual(one.context.calls, []);
    });

    test('a question waits until one is there', async () => {
      await end(1);
      one.instance.start();
      await broken(1);
      const asked = one.instance.lookup(query(A));
      await serve(1);
      await one.world.pass(1000);
      assert.deepEqual(await asked, TARGET);
    });

    test('a question waits no longer than its deadline, which is below 3 s, and says why', async () => {
      await end(1);
      one.instance.start();
      await broken(1);
      const reason = `svp/host svp.test: cannot reach any server: 127.0.0.1:${port}: connection refused`;
      const asked = assert.rejects(one.instance.lookup(query(A)), { message: `lookup of ${A}: ${reason}` });
      await one.world.pass(2999);
      await asked;
    });

    test('a bounded number of questions wait', async () => {
      await end(1);
      one.instance.start();
      const asked = Array.from({ length: 4096 }, () => one.instance.lookup(query(A)));
      await assert.rejects(one.instance.lookup(query(A)), { message: /4096 questions are waiting/ });
      one.instance.stop();
      for (const each of await Promise.allSettled(asked)) assert.equal(each.status, 'rejected');
    });
  });

  describe('several', () => {
    test('take turns', async () => {
      await serve(2);
      await serve(3);
      await start(1, 2, 3);
      for (let n = 0; n < 9; n++) assert.deepEqual(await one.instance.lookup(query(A)), TARGET);
      assert.deepEqual([1, 2, 3].map(lookups), [3, 3, 3]);
    });

    test('answer for one that dies with questions', async () => {
      await serve(2);
      await start(1, 2);
      const kept: (() => void)[] = [];
      for (const n of [1, 2]) at(n).behave = (answer, socket) => void kept.push(() => socket.write(answer));
      const asked = Array.from({ length: 10 }, () => one.instance.lookup(query(A)));
      await until('each has 5', () => lookups(1) === 5 && lookups(2) === 5);
      await end(2);
      await until('the other was asked instead', () => lookups(1) === 10);
      for (const speak of kept) speak();
      for (const each of await Promise.all(asked)) assert.deepEqual(each, TARGET);
    });

    test('answer for one that is silent for 1 s, and new questions avoid it until it speaks', async () => {
      await serve(2);
      await start(1, 2);
      const kept: (() => void)[] = [];
      at(1).behave = (answer, socket) => void kept.push(() => socket.write(answer));
      const asked = [one.instance.lookup(query(A)), one.instance.lookup(query(A))];
      await until('both have one', () => lookups(1) === 1 && lookups(2) === 1);
      await one.world.pass(1000);
      for (const each of await Promise.all(asked)) assert.deepEqual(each, TARGET);
      for (let n = 0; n < 4; n++) assert.deepEqual(await one.instance.lookup(query(A)), TARGET);
      assert.deepEqual([1, 2].map(lookups), [1, 6]);
      at(1).behave = (answer, socket) => void socket.write(answer);
      for (const speak of kept) speak();
      await one.world.pass(0);
      for (let n = 0; n < 4; n++) assert.deepEqual(await one.instance.lookup(query(A)), TARGET);
      assert.deepEqual([1, 2].map(lookups), [3, 8]);
      assert.deepEqual(one.breaks, []);
    });
  });

  describe('silent', () => {
    test('a question without answer is given up, and its late answer breaks nothing', async () => {
      await start(1);
      const kept: (() => void)[] = [];
      at(1).behave = (answer, socket) => void kept.push(() => socket.write(answer));
      const words = `lookup of ${A}: no svp server answered within 2.5 s`;
      const asked = assert.rejects(one.instance.lookup(query(A)), { message: words });
      await until('it was asked', () => lookups(1) === 1);
      await one.world.pass(2500);
      await asked;
      at(1).behave = (answer, socket) => void socket.write(answer);
      for (const speak of kept) speak();
      assert.deepEqual(await one.instance.lookup(query(A)), TARGET);
      assert.deepEqual(one.breaks, []);
    });

    test('a connection without a sign of life for 10 s is broken and made again', async () => {
      await start(1);
      at(1).behave = () => {};
      const asked = assert.rejects(one.instance.lookup(query(A)));
      await one.world.pass(9999);
      assert.deepEqual(one.breaks, []);
      await one.world.pass(1);
      assert.deepEqual(one.breaks, ['no answer within 10 s']);
      await asked;
      assert.deepEqual(one.world.attempts.slice(1), ['10000 127.0.0.1']);
    });

    test('an idle connection is pinged after 10 s, and broken when that is not answered for 10 s', async () => {
      await serve(2);
      one.world.chance = 0.9999; // the first read of the log, a moment before, is the first server's
      await start(1, 2);
      await one.world.pass(9999);
      assert.equal(at(2).requests.length, 1);
      at(2).behave = () => {};
      await one.world.pass(1);
      assert.equal(at(2).asked(OPS.PING).length, 2);
      await one.world.pass(9999);
      assert.deepEqual(one.breaks, []);
      await one.world.pass(1);
      assert.deepEqual(one.breaks, ['no answer within 10 s']);
    });

    test('one question unanswered for 30 s beside others that are answered breaks the connection', async () => {
      await start(1);
      let isFirst = true;
      at(1).behave = (answer, socket, { op }) => {
        if (op !== OPS.VL2 || !isFirst) socket.write(answer);
        else isFirst = false;
      };
      const asked = assert.rejects(one.instance.lookup(query(A)));
      await until('it was asked', () => lookups(1) === 1);
      for (let second = 1; second <= 29; second++) {
        await one.world.pass(1000);
        assert.deepEqual(await one.instance.lookup(query(A)), TARGET);
      }
      await asked;
      assert.deepEqual(one.breaks, []);
      await one.world.pass(1000);
      assert.deepEqual(one.breaks, ['a query without answer for 30 s']);
    });
  });

  describe('names', () => {
    test('that do not resolve degrade the overlay, name the host, and are tried again', async () => {
      one.world.addresses = new Error('no such name');
      one.instance.start();
      await one.world.pass(0);
      assert.deepEqual(one.context.calls, ['degrade svp/host svp.test: cannot be resolved: no such name']);
      const reason = 'svp/host svp.test: no address is known: no such name';
      const asked = assert.rejects(one.instance.lookup(query(A)), { message: `lookup of ${A}: ${reason}` });
      await one.world.pass(2500);
      await asked;
      one.world.addresses = ['127.0.0.1'];
      await one.world.pass(1000);
      await until('restored', () => one.context.calls.includes('restore'));
      assert.deepEqual(await one.instance.lookup(query(A)), TARGET);
    });

    test('that no longer resolve leave the servers in use, and outrank servers that are away', async () => {
      await start(1);
      one.world.addresses = new Error('the name server does not answer');
      await one.world.pass(30_000);
      const names = 'svp/host svp.test: cannot be resolved: the name server does not answer';
      assert.deepEqual(one.context.calls.splice(0), [`degrade ${names}; the address known before stays in use`]);
      assert.deepEqual(await one.instance.lookup(query(A)), TARGET);
      await end(1);
      await broken(1);
      await one.world.pass(200_000);
      assert.deepEqual(one.context.calls.splice(0), []);
      one.world.addresses = ['127.0.0.1'];
      await one.world.pass(30_000);
      const servers = `svp/host svp.test: cannot reach any server: 127.0.0.1:${port}: connection refused`;
      assert.deepEqual(one.context.calls, [`degrade ${servers}`]);
    });

    test('are resolved every 30 s: a new address is used, one that is gone ends after its last answer', async () => {
      await serve(2);
      await start(1);
      await one.world.pass(29_500);
      const kept: (() => void)[] = [];
      at(1).behave = (answer, socket) => void kept.push(() => socket.write(answer));
      const asked = one.instance.lookup(query(A));
      await until('the first was asked', () => lookups(1) === 1);
      one.world.addresses = ['127.0.0.2'];
      await one.world.pass(500);
      await until('the second is connected', () => at(2).sockets.size === 1);
      await one.world.pass(0);
      assert.equal(at(1).sockets.size, 1);
      assert.deepEqual(await one.instance.lookup(query(A)), TARGET);
      assert.equal(lookups(1), 1, 'the one that leaves gets no more questions');
      for (const speak of kept) speak();
      assert.deepEqual(await asked, TARGET);
      await until('the first connection has ended', () => at(1).sockets.size === 0);
      await one.world.pass(60_000);
      assert.equal(one.world.attempts.filter((each) => each.endsWith('127.0.0.1')).length, 1);
    });
  });
});
