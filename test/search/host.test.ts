import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DynamicPlugin, PluginContext, PropertyValue } from '../../src/search/api.js';
import { Deadlines } from '../../src/search/host/deadlines.js';
import { FAULTS_IN_A_ROW_MAX, PluginHost } from '../../src/search/host/host.js';
import { PluginCounts, PluginFault } from '../../src/search/host/types.js';
import { MAC, PEER, pluginOf, settled, silentLog } from '../daemon/harness.js';
import { localChannels } from '../support/local-channel.js';
import { query } from './context.js';

function hostOf(plugin: DynamicPlugin, values: Record<string, PropertyValue> = {}) {
  let nowMs = 0;
  const deadlines = new Deadlines(() => nowMs);
  const said: string[] = [];
  const health = {
    degrade: (part: string, reason: string) => void said.push(`${part}: ${reason}`),
    restore() {},
  };
  const sink = {
    put: (mac: string) => void said.push(`put ${mac}`),
    withdraw: (mac: string) => void said.push(`withdraw ${mac}`),
    moved: (ip: string) => void said.push(`moved ${ip}`),
    vteps: (ips: readonly string[]) => void said.push(`vteps ${ips.join(' ')}`),
    floodChanged: () => void said.push('flood changed'),
  };
  const warnings: string[] = [];
  const deaths: string[] = [];
  const counts = new PluginCounts();
  const channels = localChannels(plugin);
  const host = new PluginHost({
    name: plugin.name,
    open: channels.open,
    ...{ values, vni: 23, family: 4, health, deadlines, sink, counts },
    log: { ...silentLog, warn: (message: string) => void warnings.push(message) },
    onDeath: ({ message }) => void deaths.push(message),
  });
  const pass = (ms: number) => {
    nowMs += ms;
    deadlines.tick(nowMs);
  };
  return { host, said, warnings, pass, deadlines, counts, deaths, end: channels.end };
}

async function started(plugin: DynamicPlugin, values: Record<string, PropertyValue> = {}) {
  const all = hostOf(plugin, values);
  await all.host.start();
  return all;
}

const never = () => new Promise<never>(() => {});

describe('a search plugin', () => {
  it('that cannot be created says so', async () => {
    const plugin: DynamicPlugin = {
      ...pluginOf({}),
      create() {
        throw new Error('out of luck');
      },
    };
    const message = 'search plugin small: create: out of luck';
    await assert.rejects(hostOf(plugin).host.start(), { name: 'PluginFault', message });
  });

  it('that does not start in time is given up', async () => {
    const { host, pass, deadlines } = hostOf(pluginOf({ start: never }));
    const starting = host.start();
    await settled();
    pass(60_000);
    await assert.rejects(starting, (thrown) => {
      assert(thrown instanceof PluginFault && thrown.isTimeout);
      assert.equal(thrown.message, 'search plugin small: start: no answer within 60 s');
      return true;
    });
    assert.equal(deadlines.size, 0);
  });

  it('that does not stop in time is left behind with a word in the log', async () => {
    const { host, pass, warnings } = await started(pluginOf({ stop: never }));
    const stopped = host.stop();
    pass(2000);
    await stopped;
    assert.deepEqual(warnings, ['search plugin small: stop: no answer within 2 s']);
  });

  it('is told to stop by its signal, and is not heard afterwards', async () => {
    const plugin = pluginOf({});
    const { host, said } = await started(plugin);
    const context = plugin.context();
    context.put(MAC, PEER);
    await host.stop();
    assert.equal(context.signal.aborted, true);
    context.put(MAC, PEER);
    context.withdraw(MAC);
    context.moved('10.0.0.1', MAC);
    context.degrade('still here');
    assert.deepEqual(said, [`put ${MAC}`]);
  });

  it('starts with the last list of VTEPs that it told before', async () => {
    const plugin = pluginOf({
      start() {
        for (const last of [1, 2, 3]) plugin.context().vteps?.([`10.0.0.${last}`]);
      },
    });
    const { said } = await started(plugin);
    assert.deepEqual(said, ['vteps 10.0.0.1', 'vteps 10.0.0.3']);
  });

  it('gets frozen values and a frozen context, and nothing else', async () => {
    let seen: unknown;
    let context: PluginContext | undefined;
    const plugin: DynamicPlugin = {
      ...pluginOf({}),
      create(given, values) {
        [context, seen] = [given, values];
        return { start() {}, stop() {}, lookup: () => null };
      },
    };
    await started(plugin, { 'small/size': 3 });
    assert.deepEqual(seen, { 'small/size': 3 });
    assert(Object.isFrozen(seen) && Object.isFrozen(context));
    const facts = ['vni', 'listen', 'tunnelPort', 'log', 'signal'];
    const methods = ['put', 'withdraw', 'moved', 'vteps', 'floodChanged', 'degrade', 'restore'];
    assert.deepEqual(Object.keys(context as object), [...facts, ...methods]);
  });

  it('cannot make a line of the log or the table out of a long text with line feeds', async () => {
    const { host, said } = await started(
      pluginOf({
        lookup() {
          throw new Error(`one\ntwo\t${'x'.repeat(10_000)}`);
        },
      }),
    );
    await assert.rejects(host.lookup({ vni: 23, mac: MAC, sourceMac: MAC, etherType: 0, vlan: 0 }), ({ message }) => {
      assert(message.length < 300 && !/[\n\t]/.test(message), message);
      return true;
    });
    assert.deepEqual(said, []);
  });

  it('that throws what is no Error, or has no text, is a fault all the same', async () => {
    for (const thrown of [undefined, null, 42, {}, Object.create(null)]) {
      const { host } = await started(
        pluginOf({
          lookup() {
            throw thrown;
          },
        }),
      );
      const asked = host.lookup({ vni: 23, mac: MAC, sourceMac: MAC, etherType: 0, vlan: 0 });
      await assert.rejects(asked, { name: 'PluginFault' });
    }
  });

  it('that fails again and again is given up, unless a good answer comes in between', async () => {
    let isBroken = true;
    const { host, deaths, counts } = await started(
      pluginOf({
        lookup() {
          if (isBroken) throw new Error('no table');
          return null;
        },
      }),
    );
    const fail = () => assert.rejects(host.lookup(query(MAC)), { name: 'PluginFault' });
    for (let i = 1; i < FAULTS_IN_A_ROW_MAX; i++) await fail();
    isBroken = false;
    assert.equal(await host.lookup(query(MAC)), null);
    isBroken = true;
    for (let i = 1; i < FAULTS_IN_A_ROW_MAX; i++) await fail();
    assert.deepEqual(deaths, []);
    await fail();
    const reason = `its last 3 questions failed; the last one: search plugin small: lookup of ${MAC}: no table`;
    assert.deepEqual(deaths, [`search plugin small: ${reason}`]);
    assert.deepEqual({ ...counts }, { questions: 6, faults: 5, timeouts: 0, deaths: 1 });
  });

  it('that has said what is wrong with it is not given up', async () => {
    const plugin = pluginOf({
      lookup() {
        throw new Error('no connection');
      },
    });
    const { host, deaths } = await started(plugin);
    plugin.context().degrade('the server is gone');
    for (let i = 0; i < 10; i++) await assert.rejects(host.lookup(query(MAC)));
    assert.deepEqual(deaths, []);
    plugin.context().restore();
    await assert.rejects(host.lookup(query(MAC)));
    assert.equal(deaths.length, 1);
  });

  it('that ends fails what was asked, once and for all', async () => {
    const { host, deaths, end } = await started(pluginOf({ lookup: never }));
    const asked = [host.lookup(query(MAC)), host.lookup(query('02:00:00:00:00:02'))];
    end('ended its thread with exit code 3');
    for (const each of asked) await assert.rejects(each, { message: /ended its thread with exit code 3/ });
    assert.equal(deaths.length, 1);
  });

  it('that has ended, or was stopped, fails what is asked then at once', async () => {
    const dead = await started(pluginOf({ lookup: never }));
    dead.end('ended its thread with exit code 3');
    await assert.rejects(dead.host.lookup(query(MAC)), { message: /ended its thread with exit code 3/ });
    const stopped = await started(pluginOf({ lookup: never }));
    stopped.host.retire();
    await assert.rejects(stopped.host.lookup(query(MAC)), { message: /was stopped/ });
    assert.deepEqual([dead.deadlines.size, stopped.deadlines.size], [0, 0]);
  });

  it('tells its entries page by page, and one that is none is a fault', async () => {
    const all = Array.from({ length: 3000 }, (_, i) => ({
      mac: `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
      target: PEER,
    }));
    const { host } = await started(pluginOf({ entries: () => all }));
    const told = [];
    for await (const page of host.entries()) told.push(...page);
    assert.deepEqual(told, all);
    const { host: other } = await started(pluginOf({ entries: () => [{ mac: 'x', target: PEER }] }));
    await assert.rejects(other.entries().next(), { name: 'PluginFault', message: /entries: "x" is not a MAC/ });
  });

  it('whose entries are walked no further, or stop as they are walked, gets to end its walk', async () => {
    const ended: string[] = [];
    const walking = async (of: string) => {
      function* entries() {
        try {
          while (true) yield { mac: MAC, target: PEER };
        } finally {
          ended.push(of);
        }
      }
      const { host, deadlines } = await started(pluginOf({ entries }));
      const walk = host.entries();
      await walk.next();
      return { host, walk, deadlines };
    };
    const left = await walking('left');
    await left.walk.return(undefined);
    await settled();
    assert.deepEqual(ended, ['left']);
    assert.equal((await left.host.entries().next()).done, false, 'another walk begins anew');
    const stopped = await walking('stopped');
    await stopped.host.stop();
    assert.deepEqual(ended, ['left', 'stopped']);
    assert.equal(left.deadlines.size + stopped.deadlines.size, 0);
  });

  it('whose walk hangs, and throws as it is left, fails that walk alone', async () => {
    async function* entries() {
      try {
        await never();
        yield { mac: MAC, target: PEER };
      } finally {
        assert.fail('no end either');
      }
    }
    const { host, pass, deadlines, warnings } = await started(pluginOf({ entries }));
    const page = host.entries().next();
    pass(3000);
    await assert.rejects(page, { message: 'search plugin small: entries: no answer within 3 s' });
    assert.equal(await host.lookup(query(MAC)), null);
    pass(3000);
    await settled();
    assert.equal(deadlines.size, 0);
    await host.stop();
    assert.deepEqual(warnings, []);
  });

  it('floods to what it says, groups included, and to no nonsense', async () => {
    const group = { ip: '239.1.1.1', port: 4789 };
    const learn = { ageing: 300_000, max: 10, port: 4789 };
    const { host } = await started(pluginOf({ flood: () => ({ endpoints: [PEER, group], unknown: true, learn }) }));
    assert.deepEqual(await host.flood(), { endpoints: [PEER, group], unknown: true, learn });
    const wrong: [unknown, RegExp][] = [
      [null, /no flood list/],
      [{ endpoints: 'all' }, /not a list/],
      [{ endpoints: [{ ip: '0.0.0.0', port: 1 }] }, /not the address of one host/],
      [{ endpoints: [{ ip: 'fd00::1', port: 1 }] }, /cannot be reached/],
      [{ endpoints: Array.from({ length: 513 }, () => PEER) }, /at most 512/],
      [{ endpoints: [], learn: { ...learn, max: 0 } }, /learn.max/],
      [{ endpoints: [], learn: { ...learn, ageing: undefined } }, /time to live/],
    ];
    for (const [flood, message] of wrong) {
      const { host: other } = await started(pluginOf({ flood: () => flood as never }));
      await assert.rejects(other.flood(), { message });
    }
  });
});
