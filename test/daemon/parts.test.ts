/** The small parts: all or nothing, one at a time, deadlines, times to live, back-off, health. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Serial } from '../../src/daemon/commands/serial.js';
import { allOrNothing } from '../../src/daemon/commands/undo.js';
import { EXPIRY_RESOLUTION_MS, Expiry } from '../../src/daemon/forwarding/expiry.js';
import { Backoff } from '../../src/daemon/health/backoff.js';
import { Health } from '../../src/daemon/health/health.js';
import { DeadlinePassed, Deadlines } from '../../src/search/host/deadlines.js';
import { deferred, settled, silentLog } from './harness.js';

describe('all or nothing', () => {
  it('takes back what was done, last first, and passes the error on', async () => {
    const done: string[] = [];
    const action = allOrNothing(silentLog, async (undo) => {
      undo.push('one', () => void done.push('undo one'));
      undo.push('two', async () => void done.push('undo two'));
      throw new Error('three failed');
    });
    await assert.rejects(action, { message: 'three failed' });
    assert.deepEqual(done, ['undo two', 'undo one']);
  });

  it('takes back the rest when one step cannot be, and logs that one', async () => {
    const done: string[] = [];
    const errors: string[] = [];
    const log = { ...silentLog, error: (message: string) => void errors.push(message) };
    const action = allOrNothing(log, async (undo) => {
      undo.push('one', () => void done.push('undo one'));
      undo.push('two', () => {
        throw new Error('stuck');
      });
      throw new Error('three failed');
    });
    await assert.rejects(action, { message: 'three failed' });
    assert.deepEqual(done, ['undo one']);
    assert.deepEqual(errors, ['could not undo: two']);
  });

  it('takes nothing back when all went well', async () => {
    let isUndone = false;
    const undoIt = () => {
      isUndone = true;
    };
    assert.equal(
      await allOrNothing(silentLog, async (undo) => {
        undo.push('one', undoIt);
        return 7;
      }),
      7,
    );
    assert.equal(isUndone, false);
  });
});

describe('one at a time', () => {
  it('starts an action when the one before has ended, also badly', async () => {
    const serial = new Serial();
    const first = deferred<void>();
    const order: string[] = [];
    const one = serial.run(async () => {
      await first.promise;
      order.push('one');
    });
    const two = serial.run(() => void order.push('two'));
    await settled();
    assert.deepEqual(order, []);
    first.reject(new Error('one failed'));
    await assert.rejects(one, { message: 'one failed' });
    await two;
    assert.deepEqual(order, ['two']);
  });
});

describe('deadlines', () => {
  it('pass at their time, and a late end is ignored', async () => {
    const deadlines = new Deadlines(() => 5000);
    const work = deferred<number>();
    const guarded = deadlines.within(100, 'work', work.promise);
    deadlines.tick(5099);
    assert.equal(deadlines.size, 1);
    deadlines.tick(5100);
    await assert.rejects(guarded, DeadlinePassed);
    work.reject(new Error('too late to matter'));
    await settled();
    assert.equal(deadlines.size, 0);
  });

  it('pass all at once when the daemon ends', async () => {
    const deadlines = new Deadlines(() => 0);
    const guarded = deadlines.within(10_000, 'work', new Promise(() => {}));
    deadlines.passAll();
    await assert.rejects(guarded, DeadlinePassed);
    assert.equal(deadlines.size, 0);
  });

  it('settle as the work does and leave nothing behind', async () => {
    const deadlines = new Deadlines(() => 0);
    assert.equal(await deadlines.within(100, 'work', Promise.resolve(7)), 7);
    await assert.rejects(deadlines.within(100, 'work', Promise.reject(new Error('bad'))), { message: 'bad' });
    await settled();
    assert.equal(deadlines.size, 0);
  });
});

describe('times to live, against a slow twin', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), key, inMs: fc.integer({ min: -500, max: 5000 }) }),
    fc.record({ do: fc.constant('delete' as const), key }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 2000 }) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.constant(86_400_000) }),
  );
  it('a key is due never early, at most one bucket late, once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let nowMs = 10_000;
        const expiry = new Expiry(nowMs);
        const twin = new Map<string, { atMs: number; setAtMs: number }>();
        for (const each of steps) {
          if (each.do === 'set') {
            expiry.set(each.key, nowMs + each.inMs);
            twin.set(each.key, { atMs: nowMs + each.inMs, setAtMs: nowMs });
          } else if (each.do === 'delete') {
            expiry.delete(each.key);
            twin.delete(each.key);
          } else {
            nowMs += each.ms;
            for (const due of expiry.due(nowMs)) {
              const { atMs } = twin.get(due)!;
              assert(atMs <= nowMs, 'early');
              twin.delete(due);
            }
            for (const { atMs, setAtMs } of twin.values()) {
              const latest = Math.max(atMs, setAtMs) + EXPIRY_RESOLUTION_MS;
              assert(nowMs < latest, `late: ${nowMs} ${atMs}`);
            }
          }
          assert.equal(expiry.size, twin.size);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('back-off', () => {
  it('waits 1, 2, 4 … 32, 32 seconds', () => {
    const backoff = new Backoff();
    assert.equal(backoff.isDue(1e12), false, 'nothing has failed yet');
    const waits = Array.from({ length: 7 }, () => backoff.failed(0) / 1000);
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 32]);
    assert.equal(backoff.isDue(31_999), false);
    assert.equal(backoff.isDue(32_000), true);
  });

  it('goes on where it was after a success that did not last, and starts over after one that did', () => {
    const backoff = new Backoff();
    for (const _ of [1, 2, 4]) backoff.failed(0);
    backoff.succeeded(10_000);
    assert.equal(backoff.isDue(1e12), false);
    assert.equal(backoff.failed(69_999), 8000);
    backoff.succeeded(80_000);
    assert.equal(backoff.failed(140_000), 1000);
  });

  it('starts over at once when what stood against it has changed, unless there is nothing to try', () => {
    const backoff = new Backoff();
    backoff.hurry(0);
    assert.equal(backoff.isDue(1e12), false);
    for (const _ of [1, 2, 4]) backoff.failed(0);
    backoff.hurry(10);
    assert.equal(backoff.isDue(10), true);
    assert.equal(backoff.failed(10), 1000);
  });
});

describe('health', () => {
  it('is DEGRADED while any part is, and says all reasons', () => {
    const health = new Health();
    health.degrade('lookup', 'no answer');
    health.degrade('plugin', 'old table');
    assert.equal(health.details, 'old table; no answer');
    health.restore('lookup');
    assert.equal(health.status, 'DEGRADED');
    health.restore('plugin');
    assert.equal(health.status, 'ONLINE');
    assert.equal(health.details, '');
  });
});
