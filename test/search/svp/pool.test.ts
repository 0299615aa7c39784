/** Servers that come and go: back-off, fail-over, silence, and what the operator reads of it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OPS } from '../../support/svp-server.js';
import { until } from '../../support/until.js';
import { query } from '../context.js';
import { A, Servers, TARGET } from './servers.js';

describe('servers', () => {
  const servers = new Servers();

  describe('away', () => {
    test('are tried at once and then after 1, 2, 4 … 32, 32 s', async () => {
      await servers.end(1);
      servers.one.instance.start();
      for (let tries = 1; tries <= 9; tries++) {
        await servers.broken(tries);
        await servers.one.testbed.pass(Math.min(1000 * 2 ** (tries - 1), 32_000));
      }
      const seconds = [0, 1, 3, 7, 15, 31, 63, 95, 127, 159];
      assert.deepEqual(
        servers.one.testbed.attempts,
        seconds.map((each) => `${1000 * each} 127.0.0.1`),
      );
      await servers.broken(10);
    });

    test('do not keep the overlay from starting: it says which and why, and comes back by itself', async () => {
      await servers.end(1);
      servers.one.instance.start();
      await servers.broken(1);
      const reason = `svp/host svp.test: cannot reach any server: 127.0.0.1:${servers.port}: connection refused`;
      assert.deepEqual(servers.one.context.calls, [`degrade ${reason}`]);
      await servers.serve(1);
      await servers.one.testbed.pass(1000);
      await until(() => servers.one.context.calls.length === 2);
      assert.equal(servers.one.context.calls[1], 'restore');
      assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
    });

    test('a server that was up degrades the overlay after more than 6 failures in a row', async () => {
      await servers.start(1);
      await servers.one.testbed.pass(1000);
      await servers.end(1);
      await servers.broken(1);
      for (let failures = 1; failures <= 7; failures++) {
        assert.deepEqual(servers.one.context.calls, [], `after ${failures - 1} failures`);
        await servers.one.testbed.pass(failures === 1 ? 0 : 1000 * 2 ** (failures - 2));
        await servers.broken(failures + 1);
      }
      const reason = `svp/host svp.test: cannot reach any server: 127.0.0.1:${servers.port}: connection refused`;
      assert.deepEqual(servers.one.context.calls, [`degrade ${reason}`]);
    });

    test('a question that fails degrades it at once, and the next server that is up restores it', async () => {
      await servers.start(1);
      await servers.one.testbed.pass(1000);
      await servers.end(1);
      await servers.broken(1);
      await servers.one.testbed.pass(0);
      await servers.broken(2);
      const asked = assert.rejects(servers.one.instance.lookup(query(A)));
      await servers.one.testbed.pass(2500);
      await asked;
      const reason = `svp/host svp.test: cannot reach any server: 127.0.0.1:${servers.port}: connection refused`;
      assert.deepEqual(servers.one.context.calls.splice(0), [`degrade ${reason}`]);
      await servers.serve(1);
      await servers.one.testbed.pass(4000);
      await until(() => servers.one.context.calls.length === 1);
      assert.deepEqual(servers.one.context.calls, ['restore']);
    });

    test('one of two is no reason to degrade', async () => {
      await servers.serve(2);
      await servers.start(1, 2);
      await servers.one.testbed.pass(1000);
      await servers.end(2);
      await servers.broken(1);
      await servers.one.testbed.pass(100_000);
      assert.deepEqual(servers.one.context.calls, []);
    });

    test('a question waits until one is there', async () => {
      await servers.end(1);
      servers.one.instance.start();
      await servers.broken(1);
      const asked = servers.one.instance.lookup(query(A));
      await servers.serve(1);
      await servers.one.testbed.pass(1000);
      assert.deepEqual(await asked, TARGET);
    });

    test('a question waits no longer than its deadline, which is below 3 s, and says why', async () => {
      await servers.end(1);
      servers.one.instance.start();
      await servers.broken(1);
      const reason = `svp/host svp.test: cannot reach any server: 127.0.0.1:${servers.port}: connection refused`;
      const asked = assert.rejects(servers.one.instance.lookup(query(A)), { message: reason });
      await servers.one.testbed.pass(2999);
      await asked;
    });

    test('a bounded number of questions wait', async () => {
      await servers.end(1);
      servers.one.instance.start();
      const asked = Array.from({ length: 4096 }, () => servers.one.instance.lookup(query(A)));
      await assert.rejects(servers.one.instance.lookup(query(A)), { message: /4096 questions are waiting/ });
      servers.one.instance.stop();
      for (const each of await Promise.allSettled(asked)) assert.equal(each.status, 'rejected');
    });
  });

  describe('several', () => {
    test('take turns', async () => {
      await servers.serve(2);
      await servers.serve(3);
      await servers.start(1, 2, 3);
      for (let n = 0; n < 9; n++) assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
      assert.deepEqual(
        [1, 2, 3].map((n) => servers.lookups(n)),
        [3, 3, 3],
      );
    });

    test('answer for one that dies with questions', async () => {
      await servers.serve(2);
      await servers.start(1, 2);
      const kept: (() => void)[] = [];
      for (const n of [1, 2]) servers.at(n).behave = (answer, socket) => void kept.push(() => socket.write(answer));
      const asked = Array.from({ length: 10 }, () => servers.one.instance.lookup(query(A)));
      await until(() => servers.lookups(1) === 5 && servers.lookups(2) === 5);
      await servers.end(2);
      await servers.broken(1);
      await servers.one.testbed.pass(500);
      await until(() => servers.lookups(1) === 10);
      for (const speak of kept) speak();
      for (const each of await Promise.all(asked)) assert.deepEqual(each, TARGET);
    });

    test('answer for one that is silent for 1 s, and new questions avoid it until it speaks', async () => {
      await servers.serve(2);
      await servers.start(1, 2);
      const kept: (() => void)[] = [];
      servers.at(1).behave = (answer, socket) => void kept.push(() => socket.write(answer));
      const asked = [servers.one.instance.lookup(query(A)), servers.one.instance.lookup(query(A))];
      await until(() => servers.lookups(1) === 1 && servers.lookups(2) === 1);
      await servers.one.testbed.pass(1000);
      for (const each of await Promise.all(asked)) assert.deepEqual(each, TARGET);
      for (let n = 0; n < 4; n++) assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
      assert.deepEqual(
        [1, 2].map((n) => servers.lookups(n)),
        [1, 6],
      );
      servers.at(1).behave = (answer, socket) => void socket.write(answer);
      for (const speak of kept) speak();
      await servers.one.testbed.pass(0);
      for (let n = 0; n < 4; n++) assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
      assert.deepEqual(
        [1, 2].map((n) => servers.lookups(n)),
        [3, 8],
      );
      assert.deepEqual(servers.one.breaks, []);
    });
  });

  describe('silent', () => {
    test('a question without answer is given up, and its late answer breaks nothing', async () => {
      await servers.start(1);
      const kept: (() => void)[] = [];
      servers.at(1).behave = (answer, socket) => void kept.push(() => socket.write(answer));
      const words = 'no svp server answered within 2.5 s';
      const asked = assert.rejects(servers.one.instance.lookup(query(A)), { message: words });
      await until(() => servers.lookups(1) === 1);
      await servers.one.testbed.pass(2500);
      await asked;
      servers.at(1).behave = (answer, socket) => void socket.write(answer);
      for (const speak of kept) speak();
      assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
      assert.deepEqual(servers.one.breaks, []);
    });

    test('a connection that owes 4096 answers is asked no more, and asked again as they come', async () => {
      await servers.start(1);
      const kept: (() => void)[] = [];
      servers.at(1).behave = (answer, socket) => void kept.push(() => socket.write(answer));
      const late = Array.from({ length: 4096 }, () => servers.one.instance.lookup(query(A)));
      const allLate = Promise.allSettled(late);
      await until(() => servers.lookups(1) === 4096);
      await servers.one.testbed.pass(2500, async () => {}); // else a pause for each
      await allLate;
      const words = 'too many questions: the servers owe 4096 answers each';
      const tooMany = assert.rejects(servers.one.instance.lookup(query(A)), { message: words });
      await servers.one.testbed.pass(2500);
      await tooMany;
      const asked = Array.from({ length: 10 }, () => servers.one.instance.lookup(query(A)));
      servers.at(1).behave = (answer, socket) => void socket.write(answer);
      for (const speak of kept) speak();
      for (const each of await Promise.all(asked)) assert.deepEqual(each, TARGET);
      assert.equal(servers.lookups(1), 4106);
      assert.deepEqual(servers.one.breaks, []);
    });

    test('a connection without a sign of life for 10 s is broken and made again', async () => {
      await servers.start(1);
      servers.at(1).behave = () => {};
      const asked = assert.rejects(servers.one.instance.lookup(query(A)));
      await servers.one.testbed.pass(9999);
      assert.deepEqual(servers.one.breaks, []);
      await servers.one.testbed.pass(1);
      assert.deepEqual(servers.one.breaks, ['no answer within 10 s']);
      await asked;
      assert.deepEqual(servers.one.testbed.attempts.slice(1), ['10000 127.0.0.1']);
    });

    test('an idle connection is pinged after 10 s, and broken when that is not answered for 10 s', async () => {
      await servers.serve(2);
      servers.one.testbed.chance = 0.9999; // the first read of the log, a moment before, is the first server's
      await servers.start(1, 2);
      await servers.one.testbed.pass(9999);
      assert.equal(servers.at(2).requests.length, 1);
      servers.at(2).behave = () => {};
      await servers.one.testbed.pass(1);
      assert.equal(servers.at(2).asked(OPS.PING).length, 2);
      await servers.one.testbed.pass(9999);
      assert.deepEqual(servers.one.breaks, []);
      await servers.one.testbed.pass(1);
      assert.deepEqual(servers.one.breaks, ['no answer within 10 s']);
    });

    test('one question unanswered for 30 s beside others that are answered breaks the connection', async () => {
      await servers.start(1);
      let isFirst = true;
      servers.at(1).behave = (answer, socket, { op }) => {
        if (op !== OPS.VL2 || !isFirst) socket.write(answer);
        else isFirst = false;
      };
      const asked = assert.rejects(servers.one.instance.lookup(query(A)));
      await until(() => servers.lookups(1) === 1);
      for (let second = 1; second <= 29; second++) {
        await servers.one.testbed.pass(1000);
        assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
      }
      await asked;
      assert.deepEqual(servers.one.breaks, []);
      await servers.one.testbed.pass(1000);
      assert.deepEqual(servers.one.breaks, ['a query without answer for 30 s']);
    });

    test('a server that answers all but PING loses its connection after 30 s, and that is all', async () => {
      servers.at(1).behave = (answer, socket, { op }) => {
        if (op !== OPS.PING) socket.write(answer);
      };
      await servers.start(1);
      for (let second = 1; second <= 29; second++) {
        await servers.one.testbed.pass(1000);
        assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
      }
      assert.deepEqual(servers.one.breaks, []);
      await servers.one.testbed.pass(1000);
      assert.deepEqual(servers.one.breaks, ['a query without answer for 30 s']);
      assert.deepEqual(await servers.one.instance.lookup(query(A)), TARGET);
    });
  });
});
