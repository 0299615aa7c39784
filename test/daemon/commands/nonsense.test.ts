/** Whatever a plugin may hand over instead of an answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer, PluginContext } from '../../../src/search/api.js';
import { dropped, harness, MAC, miss, PEER, settled } from '../harness.js';

describe('nonsense', () => {
  const answers: Record<string, unknown> = {
    'no endpoint': { target: 'nowhere' },
    undefined: undefined,
    'a port of 0': { target: { ip: '10.88.88.70', port: 0 } },
    'a port as text': { target: { ip: '10.88.88.70', port: '4789' } },
    'a multicast address': { target: { ip: '239.1.1.1', port: 4789 } },
    'the broadcast address': { target: { ip: '255.255.255.255', port: 4789 } },
    'no address': { target: { ip: '0.0.0.0', port: 4789 } },
    'an address in another spelling': { target: { ip: '10.088.88.70', port: 4789 } },
    'an address of the other family': { target: { ip: 'fd00::1', port: 4789 } },
    'a negative time to live': { target: 'drop', ttl: -1 },
    'a time to live that is no number': { target: 'drop', ttl: Number.NaN },
  };
  for (const [what, answer] of Object.entries(answers)) {
    it(`as an answer (${what}) counts as a failure that names the plugin`, async () => {
      const { upcalls, fdb, health } = await harness({ lookup: () => answer as Answer });
      upcalls.handle(miss(MAC));
      await settled();
      assert.deepEqual(fdb(MAC), dropped('lookup_failed'));
      assert.match(health.details, /^search plugin small: lookup of de:ad:be:ef:00:01: /);
    });
  }

  const words: Record<string, (context: PluginContext) => void> = {
    'put of a group MAC': (context) => context.put('ff:ff:ff:ff:ff:ff', PEER),
    'put of a MAC in capitals': (context) => context.put('DE:AD:BE:EF:00:01', PEER),
    'put of no target': (context) => context.put(MAC, { ip: 'x', port: 1 }),
    'withdrawal of nothing': (context) => context.withdraw(undefined as unknown as string),
    'move of no address': (context) => context.moved('10.0.0', MAC),
  };
  for (const [what, say] of Object.entries(words)) {
    it(`said unasked (${what}) degrades until something sensible is said`, async () => {
      const { context, health, datapath } = await harness({});
      const before = datapath.fdb.size;
      say(context);
      assert.match(health.details, /^search plugin small: (put|withdraw|moved): /);
      assert.equal(datapath.fdb.size, before);
      context.put(MAC, PEER);
      assert.equal(health.status, 'ONLINE');
    });
  }
});
