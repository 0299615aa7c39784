/** What an instance is told of this host, and what it says of flooding, wherever it runs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Isolation } from '../../src/search/host/placement.js';
import { until } from '../support/until.js';
import { hostOf, moduleWith } from './instance-rig.js';

const MAC = 'de:ad:be:ef:00:01';
const INSTANCE = `
  stop: (ending) => context.log.info('stopped ' + ending),
  localAdded(local) {
    if (local.ips.length === 0) throw new Error('it has no address');
    const { ip, port } = context.listen;
    context.log.info([Object.isFrozen(local), local.mac, ...local.ips, ip, port].join(' '));
    context.floodChanged();
  },
  localRemoved: (mac) => context.log.info('gone ' + mac),`;

for (const isolation of ['thread', 'process'] satisfies Isolation[]) {
  describe(`an instance in a ${isolation}`, () => {
    it('is told what is here, where its overlay listens, how it ends; it says that it floods elsewhere', async () => {
      const { host, printed, said } = await hostOf(moduleWith(INSTANCE), isolation);
      await host.start();
      host.local(MAC, { mac: MAC, ips: ['10.55.55.3', 'fe80::3'] });
      host.local(MAC, null);
      await until(() => printed.length === 2 && said.length === 1);
      host.local(MAC, { mac: MAC, ips: [] });
      await until(() => printed.length === 3);
      await host.stop('for_good');
      assert.deepEqual(printed, [
        `true ${MAC} 10.55.55.3 fe80::3 10.88.88.69 4789`,
        `gone ${MAC}`,
        `search plugin mine: localAdded of ${MAC}: it has no address`,
        'stopped for_good',
      ]);
      assert.deepEqual(said, ['flood changed']);
    });

    it('that cannot be told is not', async () => {
      const { host, printed } = await hostOf(moduleWith(''), isolation);
      await host.start();
      host.local(MAC, { mac: MAC, ips: [] });
      host.local(MAC, null);
      assert.equal(await host.lookup({ vni: 23, mac: MAC, sourceMac: MAC, etherType: 0, vlan: 0 }), null);
      assert.deepEqual(printed, []);
    });
  });
}
