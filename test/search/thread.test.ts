/** The threads of plugin instances: each way to misbehave, really done, and what is told of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PEER } from '../daemon/harness.js';
import { query } from './context.js';
import { hostOf, moduleWith } from './instance-rig.js';

const MAC = 'de:ad:be:ef:00:01';

describe('the thread of a search plugin', () => {
  it('answers, pushes in order, and what it prints is logged', async () => {
    const path = moduleWith(`
      lookup(query) { console.log('asked'); context.put('${MAC}', ${JSON.stringify(PEER)}); context.withdraw('${MAC}');
        return { target: ${JSON.stringify(PEER)}, ttl: 5 }; }`);
    const { host, said, printed, end } = await hostOf(path, 'thread');
    await host.start();
    assert.deepEqual(await host.lookup(query(MAC)), { target: PEER, ttl: 5 });
    assert.deepEqual(said, [`put ${MAC}`, `withdraw ${MAC}`]);
    await end();
    assert.deepEqual(printed, ['printed: asked']);
  });

  // Where the machine is busy, a thread that takes memory without a pause has been busy for too long first.
  const hogging = /needed more than 64 MiB of memory$|kept its thread busy for 5 s$/;
  const misbehaviours: [what: string, instance: string, told: RegExp][] = [
    ['loops for ever', 'lookup() { while (true) {} }', /kept its thread busy for 5 s$/],
    ['exits', 'lookup() { process.exit(7) }', /ended its thread with exit code 7$/],
    [
      'waits in a system call',
      `lookup() { process.getBuiltinModule('node:child_process').execFileSync('sleep', ['8']) }`,
      /kept its thread busy for 5 s$/,
    ],
    [
      'posts to the port of its thread',
      `lookup() { process.getBuiltinModule('node:worker_threads').parentPort.postMessage('ready') }`,
      /posted to its thread's port, which is the host's$/,
    ],
    ['throws from a timer', 'lookup() { setTimeout(() => { throw new Error("late") }, 1) }', /threw late$/],
    ['forgets a rejection', 'lookup() { Promise.reject(new Error("alone")); return null }', /threw alone$/],
    ['eats heap', 'lookup() { const all = []; while (true) all.push(new Array(1000).fill(all.length)) }', hogging],
    [
      'eats buffers',
      'lookup() { const all = []; setInterval(() => all.push(Buffer.alloc(8 << 20)), 10); return null; }, keep: 1',
      /needed more than 64 MiB of memory$/,
    ],
    [
      'eats buffers without a pause',
      'lookup() { const all = []; while (true) all.push(Buffer.alloc(8 << 20, 1)) }',
      hogging,
    ],
    [
      'takes more than it may in one go, for which V8 would end the process',
      `lookup() { globalThis.kept = 'x,'.repeat(1e7).split(','); return null; }`,
      hogging,
    ],
    [
      'leaks into a Map, which doubles its table in one go',
      `lookup() { const all = new Map(); setInterval(() => { for (let i = 0; i < 1e5; i++) all.set(all.size, i); }, 20);
        return null; }`,
      /needed more than 64 MiB of memory$/,
    ],
    ['pushes without end', `lookup() { while (true) context.put('${MAC}', ${JSON.stringify(PEER)}) }`, hogging],
  ];
  for (const [what, instance, told] of misbehaviours) {
    it(`that ${what} is ended, and says why`, async () => {
      const { host, death, counts, end } = await hostOf(moduleWith(instance), 'thread');
      await host.start();
      const asked = host.lookup(query(MAC)).catch(() => null);
      assert.match(await death, told);
      await asked;
      assert.equal(counts.deaths, 1);
      await end();
    });
  }

  it('that answers what is no data costs that answer alone', async () => {
    const { host, end } = await hostOf(moduleWith('lookup: () => ({ target: () => 1 }), arp: () => null'), 'thread');
    await host.start();
    const [lookup, arp] = await Promise.allSettled([host.lookup(query(MAC)), host.arp('10.0.0.1', 0)]);
    assert.match(
      String((lookup as PromiseRejectedResult).reason),
      /"\[Function: target\]" is neither an endpoint nor "drop"/,
    );
    assert.deepEqual(arp, { status: 'fulfilled', value: null });
    await end();
  });

  it('that only makes much garbage is left alone', async () => {
    const path = moduleWith(`
      async start() {
        for (let turn = 0; turn < 12; turn++) {
          for (let i = 0; i < 2e5; i++) ({ [turn]: i }).toString();
          globalThis.kept = Buffer.alloc(20 << 20, 1);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }`);
    const { host, counts, end } = await hostOf(path, 'thread');
    await host.start();
    assert.equal(counts.deaths, 0);
    await end();
  });

  for (const how of ['context.log.info', 'console.log', 'console.error']) {
    it(`that calls ${how} without end is cut short`, async () => {
      const path = moduleWith(`lookup() { for (let i = 0; i < 20_000; i++) ${how}("again"); return null; }`);
      const { host, printed, end } = await hostOf(path, 'thread');
      await host.start();
      await host.lookup(query(MAC));
      await host.lookup(query(MAC)); // whatever went another way has come by now
      assert(printed.length > 0 && printed.length < 5000, `${printed.length} lines`);
      await end();
    });
  }
});
