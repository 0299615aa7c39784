/** The threads of plugin instances: each way to misbehave, really done, and what is told of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { findPlugin } from '../../src/search/find.js';
import { Deadlines } from '../../src/search/host/deadlines.js';
import { PluginHost } from '../../src/search/host/host.js';
import { threadAt } from '../../src/search/host/thread.js';
import { PluginCounts } from '../../src/search/host/types.js';
import { PEER, silentLog } from '../daemon/harness.js';
import { query } from './context.js';

const MEMORY_MIB = 64;
const directory = mkdtempSync(join(tmpdir(), 'vxlane-plugins-'));
after(() => rmSync(directory, { recursive: true }));

let count = 0;

/** The path of a module whose plugin has this instance; `before` stands at the top of it. */
function moduleWith(instance: string, before = ''): string {
  const path = join(directory, `plugin-${count++}.js`);
  writeFileSync(
    path,
    `${before}
     export default { name: 'mine', mode: 'dynamic', properties: [],
       create: (context, values) => ({ start() {}, stop() {}, lookup: () => null, ${instance} }) };`,
  );
  return path;
}

/** A clock that runs while a test does: threads take time. */
function ticking(deadlines: Deadlines, hosts: Set<PluginHost>, speed: number) {
  const timer = setInterval(() => {
    const nowMs = performance.now() * speed;
    deadlines.tick(nowMs);
    for (const host of hosts) host.watch(nowMs);
  }, 50 / speed);
  return () => clearInterval(timer);
}

async function hostOf(path: string) {
  const hosts = new Set<PluginHost>();
  const deadlines = new Deadlines(() => performance.now());
  const found = await findPlugin(path, deadlines);
  const counts = new PluginCounts();
  const printed: string[] = [];
  const said: string[] = [];
  let died = (_message: string) => {};
  const death = new Promise<string>((resolve) => {
    died = resolve;
  });
  const host = new PluginHost({
    name: found.manifest.name,
    open: threadAt(found.location, MEMORY_MIB),
    ...{ values: {}, vni: 23, family: 4, deadlines, counts },
    log: { ...silentLog, info: (message: string) => void printed.push(message) },
    health: { degrade: (part, reason) => void said.push(`${part}: ${reason}`), restore() {} },
    sink: {
      put: (mac) => void said.push(`put ${mac}`),
      withdraw: (mac) => void said.push(`withdraw ${mac}`),
      moved() {},
    },
    onDeath: ({ message }) => died(message),
  });
  hosts.add(host);
  const stopClock = ticking(deadlines, hosts, 1);
  const end = async () => {
    await host.stop();
    stopClock();
  };
  after(end); // also when a test failed
  return { host, death, counts, printed, said, end };
}

const MAC = 'de:ad:be:ef:00:01';

describe('the thread of a search plugin', () => {
  it('answers, pushes in order, and what it prints is logged', async () => {
    const path = moduleWith(`
      lookup(query) { console.log('asked'); context.put('${MAC}', ${JSON.stringify(PEER)}); context.withdraw('${MAC}');
        return { target: ${JSON.stringify(PEER)}, ttl: 5 }; }`);
    const { host, said, printed, end } = await hostOf(path);
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
      const { host, death, counts, end } = await hostOf(moduleWith(instance));
      await host.start();
      const asked = host.lookup(query(MAC)).catch(() => null);
      assert.match(await death, told);
      await asked;
      assert.equal(counts.deaths, 1);
      await end();
    });
  }

  it('that answers what is no data costs that answer alone', async () => {
    const { host, end } = await hostOf(moduleWith('lookup: () => ({ target: () => 1 }), arp: () => null'));
    await host.start();
    const [lookup, arp] = await Promise.allSettled([host.lookup(query(MAC)), host.arp('10.0.0.1', 0)]);
    assert.match(String((lookup as PromiseRejectedResult).reason), /not plain data/);
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
    const { host, counts, end } = await hostOf(path);
    await host.start();
    assert.equal(counts.deaths, 0);
    await end();
  });

  for (const how of ['context.log.info', 'console.log', 'console.error']) {
    it(`that calls ${how} without end is cut short`, async () => {
      const path = moduleWith(`lookup() { for (let i = 0; i < 20_000; i++) ${how}("again"); return null; }`);
      const { host, printed, end } = await hostOf(path);
      await host.start();
      await host.lookup(query(MAC));
      await host.lookup(query(MAC)); // whatever went another way has come by now
      assert(printed.length > 0 && printed.length < 5000, `${printed.length} lines`);
      await end();
    });
  }
});

describe('a module that is no plugin', () => {
  const wrong: [what: string, text: string, reason: RegExp][] = [
    ['has no default export', 'export const plugin = 1;', /no create\(\)/],
    ['throws when it is imported', 'throw new Error("not today");', /not today/],
    [
      'has a syntax error',
      'export default {\n  name: "x",\n  oops oops\n};',
      /\.m?js:3:8: Unexpected identifier 'oops'$/,
    ],
    ['is cut off', 'export default {', /\.m?js:1:\d+: Unexpected end of input$/],
    ['imports what is not there', "import { nothing } from 'node:fs'; export default {};", /export named 'nothing'/],
    [
      'posts to the port of its thread',
      `import { parentPort } from 'node:worker_threads'; parentPort.postMessage(['ready']); export default {};`,
      /it posted to its thread's port/,
    ],
    ['exits when it is imported', 'process.exit(4);', /exit code 4/],
    [
      'takes memory without end when it is imported',
      'const all = []; while (true) all.push(Buffer.alloc(8 << 20, 1)); export default {};',
      /it needed more than 256 MiB of memory$|it kept its thread busy for 5 s$/,
    ],
    [
      'takes much memory while it is imported',
      `globalThis.kept = Array.from({ length: 40 }, () => Buffer.alloc(8 << 20, 1));
       await new Promise((resolve) => setTimeout(resolve, 60_000)); export default {};`,
      /it needed more than 256 MiB of memory$/,
    ],
    ['has no name', 'export default { create() {}, mode: "dynamic", properties: [] };', /name: /],
    [
      'names a property that is not its own',
      `export default { create() {}, name: 'x', mode: 'dynamic',
         properties: [{ name: 'mtu/x', type: 'uint', required: false, help: 'h' }] };`,
      /properties.0.name: not x\/…/,
    ],
    [
      'has a default that it would refuse',
      `export default { create() {}, name: 'x', mode: 'dynamic',
         properties: [{ name: 'x/y', type: 'uint', required: false, default: 9, range: [1, 5], help: 'h' }] };`,
      /the default of x\/y is "9": expected a decimal whole number from 1 to 5/,
    ],
  ];
  for (const [what, text, reason] of wrong) {
    it(`because it ${what} is refused with the reason`, async () => {
      const path = join(directory, `wrong-${count++}.js`);
      writeFileSync(path, text);
      await assert.rejects(findPlugin(path, new Deadlines(() => 0)), ({ code, message }) => {
        assert.equal(code, 'search_plugin_unusable');
        assert.match(message, reason);
        return true;
      });
    });
  }

  it('is told from one that prints while it says what it is', async () => {
    const path = join(directory, `prints-${count++}.js`);
    const name = `get name() { console.log('hello'); return 'x'; }`;
    writeFileSync(path, `export default { ${name}, mode: 'dynamic', properties: [], create() {} };`);
    assert.equal((await findPlugin(path, new Deadlines(() => 0))).manifest.name, 'x');
  });

  it('is refused when it is not there, and when its path is relative', async () => {
    const deadlines = new Deadlines(() => 0);
    await assert.rejects(findPlugin(join(directory, 'none.js'), deadlines), { message: /no such file/ });
    await assert.rejects(findPlugin('./mine.js', deadlines), { code: 'bad_search_path' });
    await assert.rejects(findPlugin('vxlane-plugin-none', deadlines), { message: /no such package/ });
  });
});
