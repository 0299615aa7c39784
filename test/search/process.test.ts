/** The processes of plugin instances: what none may do, each way to misbehave, really done, and what is told of it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { PEER } from '../daemon/harness.js';
import { until } from '../support/until.js';
import { query } from './context.js';
import { directory, hostOf, moduleWith } from './instance-rig.js';

const MAC = 'de:ad:be:ef:00:01';
const target = JSON.stringify(PEER);
const IMPORTS = `import fs from 'node:fs'; import { createRequire } from 'node:module';
  const require = createRequire(import.meta.url);`;

async function started(instance: string) {
  const running = await hostOf(moduleWith(instance, IMPORTS), 'process');
  await running.host.start();
  const { place } = running.host;
  assert.equal(place.kind, 'process');
  return { ...running, pid: place.kind === 'process' ? place.pid : 0 };
}

const statusOf = (pid: number) => readFileSync(`/proc/${pid}/status`, 'latin1');
const isThere = (pid: number) => {
  try {
    return !/^State:\s+Z/m.test(statusOf(pid));
  } catch {
    return false;
  }
};

describe('the process of a search plugin', () => {
  it('answers, pushes in order, and what it prints is logged', async () => {
    const { host, said, printed, end, pid } = await started(`
      lookup(query) { console.log('asked'); context.put('${MAC}', ${target}); context.withdraw('${MAC}');
        return { target: ${target}, ttl: 5 }; }`);
    assert.deepEqual(await host.lookup(query(MAC)), { target: PEER, ttl: 5 });
    assert.deepEqual(said, [`put ${MAC}`, `withdraw ${MAC}`]);
    await end();
    assert.deepEqual(printed, ['printed: asked']);
    assert.equal(isThere(pid), false);
  });

  it('has a user of its own, no capabilities, few limits, no environment, and the folder of its module', async () => {
    const [one, two] = [await started(''), await started('')];
    const users = [one, two].map(({ pid }) => /^Uid:\t(\d+)\t\1\t\1\t\1$/m.exec(statusOf(pid))?.[1]);
    assert.notEqual(users[0], users[1]);
    assert.ok(!users.includes('0') && !users.includes(undefined), String(users));
    const status = statusOf(one.pid);
    assert.match(status, /^Groups:\s*$/m);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(status, new RegExp(`^${set}:\t0+$`, 'm'));
    assert.match(status, /^NoNewPrivs:\t1$/m);
    const limits = readFileSync(`/proc/${one.pid}/limits`, 'latin1');
    assert.match(limits, /Max open files +1024 +1024/);
    assert.match(limits, /Max processes +64 +64/);
    assert.match(limits, /Max file size +0 +0/);
    assert.match(limits, new RegExp(`Max data size +${(64 + 1024) * 2 ** 20} `));
    assert.equal(readFileSync(`/proc/${one.pid}/environ`, 'latin1'), '');
    assert.equal(readFileSync(`/proc/${one.pid}/oom_score_adj`, 'latin1').trim(), '500');
    const said = await started(`degraded: context.degrade(process.cwd())`);
    await until(() => said.said.length > 0);
    assert.deepEqual(said.said, [`plugin: ${directory}`]);
    await Promise.all([one, two, said].map(({ end }) => end()));
  });

  const secret = join(directory, 'secret');
  writeFileSync(secret, 'of root');
  chmodSync(secret, 0o600);
  const koffi = JSON.stringify(join(import.meta.dirname, '../../../node_modules/koffi'));
  const forbidden: [what: string, deed: string, told: RegExp][] = [
    ['write a file', `fs.writeFileSync('${directory}/written', 'x')`, /restricted|denied|EACCES|ERR_ACCESS_DENIED/],
    ['begin a process', `require('node:child_process').execFileSync('id')`, /restricted/],
    ['begin a thread', `new (require('node:worker_threads').Worker)('1', { eval: true })`, /restricted/],
    ['load native code', `require(${koffi})`, /loading addons is disabled|restricted/],
    ['read what its user may not', `fs.readFileSync('${secret}')`, /EACCES/],
    ['signal its daemon', 'process.kill(process.ppid, 0)', /EPERM/],
    ['open a debugger', `require('node:inspector').open(0, '127.0.0.1')`, /restricted/],
    ['become somebody', 'process.setuid(0)', /EPERM/],
  ];
  for (const [what, deed, told] of forbidden) {
    it(`cannot ${what}`, async () => {
      const { host, end, counts } = await started(`lookup() { ${deed}; return null; }`);
      await assert.rejects(host.lookup(query(MAC)), { message: told });
      assert.equal(counts.deaths, 0);
      await end();
    });
  }

  const all = 'const all = [];';
  const tooMuch = /needed more than 64 MiB of memory$/;
  // Where the machine is busy, one that takes memory without a pause has been busy for too long first.
  const hogging = /needed more than 64 MiB of memory$|kept its process busy for 5 s$/;
  const misbehaviours: [what: string, deed: string, told: RegExp][] = [
    ['loops for ever', 'while (true) {}', /kept its process busy for 5 s$/],
    ['exits', 'process.exit(7)', /ended its process with exit code 7$/],
    ['throws from a timer', 'setTimeout(() => { throw new Error("late") }, 1)', /threw late$/],
    ['forgets a rejection', 'Promise.reject(new Error("alone"))', /threw alone$/],
    ['forgets 100,000 of them', 'for (let i = 0; i < 1e5; i++) Promise.reject(new Error("r"))', /threw r$|needed|kept/],
    ['kills itself', `process.kill(process.pid, 'SIGKILL')`, /was ended by SIGKILL$/],
    ['aborts', 'process.abort()', /was ended by SIGABRT$/],
    ['eats heap', `${all} while (true) all.push(new Array(1000).fill(all.length))`, hogging],
    ['takes all at once, which ends Node', 'globalThis.kept = new Array(1e8).fill({})', hogging],
    ['eats buffers', `${all} setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 10)`, tooMuch],
    [
      'eats memory that is not of the heap',
      `${all} setInterval(() => { const memory = new WebAssembly.Memory({ initial: 160 });
         new Uint8Array(memory.buffer).fill(1); all.push(memory); }, 10)`,
      tooMuch,
    ],
    ['pushes without end', `while (true) context.put('${MAC}', ${target})`, hogging],
    ['leaks descriptors', `setInterval(() => fs.openSync('/dev/null'), 1)`, /threw EMFILE/],
    [
      'closes its descriptors',
      'for (let fd = 3; fd < 64; fd++) try { fs.closeSync(fd) } catch {}',
      /process|channel|ended by/,
    ],
    ['speaks nonsense in the place of its instance', `fs.writeSync(3, 'hello\\n')`, /said what is no JSON/],
    ['says what no instance says', `fs.writeSync(3, '[{"kind":"root"}]\\n')`, /said what no instance says/],
    [
      'floods its host in the place of its instance',
      `const more = () => { try { while (true) fs.writeSync(3, '[]\\n') } catch { setTimeout(more, 1) } };
       more()`,
      /said more, in the place of its instance, than its host had taken$/,
    ],
    [
      'says more at once than is heard',
      `const more = () => { try { while (true) fs.writeSync(3, 'x'.repeat(50_000)) } catch { setTimeout(more, 1) } };
       more()`,
      /said (more than 1048576 bytes at once|what is no JSON, in the place of its instance)$/,
    ],
  ];
  for (const [what, deed, told] of misbehaviours) {
    it(`that ${what} is ended, and says why`, async () => {
      const { host, death, counts, end, pid } = await started(`lookup() { ${deed}; return null; }`);
      const asked = host.lookup(query(MAC)).catch(() => null);
      assert.match(await death, told);
      await asked;
      assert.equal(counts.deaths, 1);
      await end();
      await until(() => !isThere(pid));
    });
  }

  const stripped: [what: string, answer: string][] = [
    ['a text of 200 MB', `junk: 'x'.repeat(2e8)`],
    ['a deep tree', 'junk: (() => { let o = {}; for (let i = 0; i < 3e4; i++) o = { o }; return o; })()'],
    ['memory that others share', 'junk: new SharedArrayBuffer(1e8)'],
    ['a getter that never returns', 'get junk() { while (true); }'],
    ['what looks like a prototype', '["__proto__"]: { polluted: 1 }'],
  ];
  for (const [what, junk] of stripped) {
    it(`does not carry ${what} beside an answer`, async () => {
      const { host, end } = await started(`lookup: () => ({ target: ${target}, ${junk} })`);
      assert.deepEqual(await host.lookup(query(MAC)), { target: PEER });
      await end();
    });
  }

  it('cuts short why it says that it cannot work, however long that is', async () => {
    const { host, said, end } = await started(`lookup() { context.degrade('x'.repeat(1e7)); return null; }`);
    await host.lookup(query(MAC));
    assert.deepEqual(said, [`plugin: ${'x'.repeat(200)}…`]);
    await end();
  });

  it('that only makes much garbage is left alone', async () => {
    const { counts, end } = await started(`
      async start() {
        for (let turn = 0; turn < 12; turn++) {
          for (let i = 0; i < 2e5; i++) ({ [turn]: i }).toString();
          globalThis.kept = Buffer.alloc(20 << 20, 1);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }`);
    assert.equal(counts.deaths, 0);
    await end();
  });
});

describe('the end of a daemon by SIGKILL', () => {
  const deeds: [what: string, deed: string][] = [
    ['does nothing', ''],
    ['loops', 'while (true) {}'],
  ];
  for (const [what, deed] of deeds) {
    it(`ends a process of a plugin that ${what}`, async () => {
      const path = moduleWith(`lookup() { fs.writeSync(3, '[]\\n'); ${deed}; return null; }`, IMPORTS);
      const daemon = spawn(process.execPath, [join(import.meta.dirname, 'lone-host.js'), path]);
      const [said] = (await once(daemon.stdout, 'data')) as [Buffer];
      const pid = Number(said);
      assert.ok(isThere(pid), String(said));
      daemon.kill('SIGKILL');
      await until(() => !isThere(pid));
    });
  }
});

describe('a daemon that may not change its user', () => {
  it('has plugins in processes of its own user, without its privileges', async () => {
    const user = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      '--inh-caps=+net_admin',
      '--ambient-caps=+net_admin',
    ];
    const program = [process.execPath, join(import.meta.dirname, 'lone-host.js'), moduleWith('')];
    const daemon = spawn('setpriv', [...user, ...program]);
    const [said] = (await once(daemon.stdout, 'data')) as [Buffer];
    const status = statusOf(Number(said));
    assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    daemon.kill('SIGKILL');
    await until(() => !isThere(Number(said)));
  });
});
