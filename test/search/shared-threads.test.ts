/** Threads that several plugin instances share: who shares one, what is one's own, what becomes of the others. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Deadlines } from '../../src/search/host/deadlines.js';
import { FAULTS_IN_A_ROW_MAX, PluginHost } from '../../src/search/host/host.js';
import { LOG_LINES_PER_SECOND } from '../../src/search/host/line-limit.js';
import type { PluginLocation } from '../../src/search/host/messages.js';
import { PULSE_EVERY_MS } from '../../src/search/host/thread.js';
import { APART_MS, INSTANCES_MAX, PluginThreads } from '../../src/search/host/threads.js';
import { PluginCounts, type PluginFault } from '../../src/search/host/types.js';
import { PEER, silentLog } from '../daemon/harness.js';
import { until } from '../support/until.js';
import { query } from './context.js';

const MEMORY_MIB = 64;
const MAC = 'de:ad:be:ef:00:01';
const directory = mkdtempSync(join(tmpdir(), 'vxlane-threads-'));
after(() => rmSync(directory, { recursive: true }));

/** `does` what its property says, when it is asked. */
const MODULE = `
  import { writeFileSync } from 'node:fs';
  const kept = [];
  const deeds = {
    answers: () => {},
    loops: () => { while (true) {} },
    exits: () => process.exit(7),
    'throws late': () => setTimeout(() => { throw new Error('late'); }, 1),
    'takes 20 MiB': () => kept.push(Buffer.alloc(20 << 20, 1)),
    'logs much': (context) => { for (let i = 0; i < 5000; i++) context.log.info('again'); },
    fails: () => { throw new Error('no'); },
  };
  export default { name: 'mine', mode: 'dynamic', properties: [], create: (context, values) => ({
    start() {}, stop() { if (values.journal) writeFileSync(values.journal, 'stopped'); },
    lookup() { deeds[values.does](context); return { target: ${JSON.stringify(PEER)} }; } }) };`;
const path = join(directory, 'mine.mjs');
writeFileSync(path, MODULE);
const SHARED: PluginLocation = { kind: 'module', url: pathToFileURL(path).href };

class Testbed {
  nowMs = 0;
  readonly threads: PluginThreads;
  readonly #deadlines = new Deadlines(() => performance.now());
  readonly #hosts = new Set<PluginHost>();

  constructor(most: number | null) {
    const now = () => this.nowMs;
    this.threads = new PluginThreads(most === null ? { now } : { now, mostAt: () => most });
    const timer = setInterval(() => {
      for (const host of this.#hosts) host.watch(performance.now());
    }, 50);
    after(async () => {
      await Promise.all([...this.#hosts].map((host) => host.stop()));
      clearInterval(timer);
    });
  }

  /** An instance of `owner`, started. */
  readonly instance = async (does: string, owner: object = {}, location = SHARED, journal = '') => {
    const lines: string[] = [];
    const counts = new PluginCounts();
    let died = (_fault: PluginFault) => {};
    const death = new Promise<PluginFault>((resolve) => {
      died = resolve;
    });
    const host = new PluginHost({
      name: 'mine',
      open: this.threads.open(location, MEMORY_MIB, owner),
      ...{ values: { does, journal }, vni: 23, family: 4, deadlines: this.#deadlines, counts },
      log: { ...silentLog, info: (line) => void lines.push(line), warn: (line) => void lines.push(line) },
      health: { degrade() {}, restore() {} },
      sink: { put() {}, withdraw() {}, moved() {}, vteps() {}, floodChanged() {} },
      onDeath: died,
    });
    this.#hosts.add(host);
    await host.start();
    const ask = () => host.lookup(query(MAC)).then(() => 'answered', String);
    return { does, owner, host, death, lines, ask };
  };

  /** One after the other, so that the first sit together. */
  readonly instances = async (deeds: readonly string[]) => {
    const all = [];
    for (const does of deeds) all.push(await this.instance(does));
    return all;
  };

  /** Those that have died are there again, as a slot would do it. */
  readonly again = async (dead: readonly Pick<Running, 'does' | 'owner' | 'host'>[]) => {
    const all = [];
    for (const { does, owner, host } of dead) {
      await host.stop();
      all.push(await this.instance(does, owner));
    }
    return all;
  };
}

type Running = Awaited<ReturnType<Testbed['instance']>>;

const FOUR = ['answers', 'answers', 'answers', 'answers'];

describe('instances that share a thread', () => {
  it('are as many as it takes, and leave it to the others', async () => {
    const { threads, instances, instance } = new Testbed(4);
    const all = await instances([...FOUR, 'answers']);
    assert.equal(threads.size, 2);
    for (const { ask } of all) assert.equal(await ask(), 'answered');
    await all[0]!.host.stop();
    await all[4]!.host.stop();
    assert.equal(threads.size, 1);
    assert.equal(await all[1]!.ask(), 'answered');
    await instance('answers'); // where the first one was
    assert.equal(threads.size, 1);
  });

  it('log each for itself: one that logs too much is cut short, and its neighbour is not', async () => {
    const { instances } = new Testbed(4);
    const [loud, calm] = await instances(['logs much', 'logs much']);
    await loud!.ask();
    await loud!.ask();
    assert(loud!.lines.length <= 2 * LOG_LINES_PER_SECOND, `${loud!.lines.length} lines`);
    assert.deepEqual(calm!.lines, []);
    await calm!.ask();
    await calm!.ask();
    assert(calm!.lines.length > LOG_LINES_PER_SECOND / 2, `${calm!.lines.length} lines`);
  });

  it('are told to stop when they are given up, as nobody ends their thread', async () => {
    const { instance } = new Testbed(4);
    const journal = join(directory, 'given-up');
    const neighbour = await instance('answers');
    const bad = await instance('fails', {}, SHARED, journal);
    for (let count = 0; count < FAULTS_IN_A_ROW_MAX; count++) await bad.ask();
    assert.equal((await bad.death).isShared, false);
    await bad.host.stop();
    await until(() => existsSync(journal));
    assert.equal(await neighbour.ask(), 'answered');
  });

  it('are not joined by another where the memory is half used', async () => {
    const { threads, instances, instance } = new Testbed(4);
    const [first, second] = await instances(['takes 20 MiB', 'takes 20 MiB']);
    await first!.ask();
    await second!.ask();
    await until(async () => {
      const third = await instance('answers');
      const isApart = threads.size === 2;
      await third.host.stop();
      return isApart;
    });
  });
});

describe('a thread that ends takes all its instances with it', () => {
  for (const [does, reason] of [
    ['loops', /^search plugin mine kept its thread busy for 5 s$/],
    ['exits', /^search plugin mine ended its thread with exit code 7$/],
  ] as const) {
    it(`and the one that ${does} when it is asked is set apart at once`, async () => {
      const { threads, instances, again } = new Testbed(4);
      const all = await instances(['answers', 'answers', does, 'answers']);
      void all[2]!.ask();
      const faults = await Promise.all(all.map(({ death }) => death));
      assert.match(faults[2]!.message, reason);
      assert.deepEqual(
        faults.map(({ isShared }) => isShared),
        [true, true, false, true],
      );
      const next = await again(all);
      assert.equal(threads.size, 2);
      void next[2]!.ask();
      assert.equal((await next[2]!.death).isShared, false);
      assert.equal(threads.size, 1);
      assert.equal(await next[0]!.ask(), 'answered');
    });
  }

  it('and one that cannot be told from the others is alone after halving, with the blame', async () => {
    const { threads, instances, again } = new Testbed(4);
    let all = await instances(['answers', 'answers', 'answers', 'throws late']);
    void all[3]!.ask();
    const reason = /^search plugin mine: one of 4 that shared a thread threw late$/;
    for (const { death } of all) assert.match((await death).message, reason);
    all = await again(all);
    assert.equal(threads.size, 2);
    void all[3]!.ask();
    assert.match((await all[2]!.death).message, /one of 2 that shared a thread threw late$/);
    assert.equal(await all[0]!.ask(), 'answered');
    all = [...all.slice(0, 2), ...(await again(all.slice(2)))];
    assert.equal(threads.size, 3);
    void all[3]!.ask();
    const { message, isShared } = await all[3]!.death;
    assert.equal(message, 'search plugin mine threw late');
    assert.equal(isShared, false);
    for (const { ask } of all.slice(0, 3)) assert.equal(await ask(), 'answered');
  });

  it('and those that need more memory than one may use together have it in two', async () => {
    const { threads, instances, again } = new Testbed(4);
    let all = await instances(['takes 20 MiB', 'takes 20 MiB', 'takes 20 MiB', 'takes 20 MiB']);
    for (const { ask } of all) void ask();
    for (const { death } of all) assert.match((await death).message, /shared a thread needed more than 64 MiB/);
    all = await again(all);
    assert.equal(threads.size, 2);
    for (const { ask } of all) assert.equal(await ask(), 'answered');
    await setTimeout(3 * PULSE_EVERY_MS);
    assert.equal(threads.size, 2);
  });

  it('and strangers keep away from them until they have been good for a while', async () => {
    const testbed = new Testbed(4);
    const [bad] = await testbed.instances(['exits']);
    void bad!.ask();
    await bad!.death;
    await testbed.again([bad!]);
    await testbed.instance('answers');
    assert.equal(testbed.threads.size, 2);
    testbed.nowMs += APART_MS;
    await testbed.instances(FOUR);
    assert.equal(testbed.threads.size, 2);
  });
});

describe('who shares', () => {
  const DIRECT: PluginLocation = { kind: 'built-in', name: 'direct' };
  const FLOOD: PluginLocation = { kind: 'built-in', name: 'flood' };

  it('are the plugins that come with vxlane, each kind by itself; another has a thread for each instance', async () => {
    const { threads } = new Testbed(null);
    const listener = { said() {}, ended() {} };
    const open = (location: PluginLocation, memoryMiB = MEMORY_MIB) => {
      const channel = threads.open(location, memoryMiB, {})(listener);
      after(() => channel.close());
      return threads.size;
    };
    assert.equal(open(DIRECT), 1);
    for (let count = 1; count < INSTANCES_MAX; count++) assert.equal(open(DIRECT), 1);
    assert.equal(open(DIRECT), 2);
    assert.equal(open(FLOOD), 3);
    assert.equal(open(FLOOD, 2 * MEMORY_MIB), 4); // its limit is that of the thread
    assert.equal(open(SHARED), 5);
    assert.equal(open(SHARED), 6);
  });
});
