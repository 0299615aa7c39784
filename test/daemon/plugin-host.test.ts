import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Deadlines } from '../../src/daemon/deadlines.js';
import { Health } from '../../src/daemon/health.js';
import { PluginFault, PluginHost } from '../../src/daemon/plugin-host.js';
import type { DynamicPlugin, PluginContext, PropertyValue } from '../../src/search/api.js';
import { MAC, PEER, pluginOf, silentLog } from './harness.js';

function hostOf(plugin: DynamicPlugin, values: Record<string, PropertyValue> = {}) {
  let nowMs = 0;
  const deadlines = new Deadlines(() => nowMs);
  const health = new Health();
  const said: string[] = [];
  const sink = {
    put: (mac: string) => void said.push(`put ${mac}`),
    withdraw: (mac: string) => void said.push(`withdraw ${mac}`),
    moved: (ip: string) => void said.push(`moved ${ip}`),
  };
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
  const host = new PluginHost({ plugin, values, vni: 23, family: 4, log, health, deadlines, sink });
  const pass = (ms: number) => {
    nowMs += ms;
    deadlines.tick(nowMs);
  };
  return { host, health, said, warnings, pass, deadlines };
}

const never = () => new Promise<never>(() => {});

describe('a search plugin', () => {
  it('that cannot be created says so', () => {
    const plugin: DynamicPlugin = {
      ...pluginOf({}),
      create() {
        throw new Error('out of luck');
      },
    };
    assert.throws(() => hostOf(plugin), { name: 'PluginFault', message: 'search plugin small: create: out of luck' });
  });

  it('that does not start in time is given up', async () => {
    const { host, pass, deadlines } = hostOf(pluginOf({ start: never }));
    const started = host.start();
    pass(10_000);
    await assert.rejects(started, (thrown) => {
      assert(thrown instanceof PluginFault && thrown.isTimeout);
      assert.equal(thrown.message, 'search plugin small: start: no answer within 10 s');
      return true;
    });
    assert.equal(deadlines.size, 0);
  });

  it('that does not stop in time is left behind with a word in the log', async () => {
    const { host, pass, warnings } = hostOf(pluginOf({ stop: never }));
    const stopped = host.stop();
    pass(2000);
    await stopped;
    assert.deepEqual(warnings, ['search plugin small: stop: no answer within 2 s']);
  });

  it('is told to stop by its signal, and is not heard afterwards', async () => {
    const plugin = pluginOf({});
    const { host, said, health } = hostOf(plugin);
    const context = plugin.context();
    context.put(MAC, PEER);
    await host.stop();
    assert.equal(context.signal.aborted, true);
    context.put(MAC, PEER);
    context.withdraw(MAC);
    context.moved('10.0.0.1', MAC);
    context.degrade('still here');
    assert.deepEqual(said, [`put ${MAC}`]);
    assert.equal(health.status, 'ONLINE');
  });

  it('gets frozen values and a frozen context, and nothing else', () => {
    let seen: unknown;
    let context: PluginContext | undefined;
    const plugin: DynamicPlugin = {
      ...pluginOf({}),
      create(given, values) {
        [context, seen] = [given, values];
        return { start() {}, stop() {}, lookup: () => null };
      },
    };
    hostOf(plugin, { 'small/size': 3 });
    assert.deepEqual(seen, { 'small/size': 3 });
    assert(Object.isFrozen(seen) && Object.isFrozen(context));
    const names = ['vni', 'log', 'signal', 'put', 'withdraw', 'moved', 'degrade', 'restore'];
    assert.deepEqual(Object.keys(context as object), names);
  });

  it('cannot make a line of the log or the table out of a long text with line feeds', async () => {
    const { host, health } = hostOf(
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
    assert.equal(health.status, 'ONLINE');
  });

  it('that throws what is no Error, or has no text, is a fault all the same', async () => {
    for (const thrown of [undefined, null, 42, {}, Object.create(null)]) {
      const { host } = hostOf(
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
});
