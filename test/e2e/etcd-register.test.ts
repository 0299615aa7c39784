/** Two hosts that write into one etcd what is on them: nobody else writes the table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsEtcd } from '../support/etcd.js';
import { ENDPOINT, PREFIX, STORE, Store } from './etcd-store.js';
import { plug } from './plugged.js';
import { drops, eventually, type Host, type Lab, labTest, mac, pingAll, untilUsable } from './support.js';

async function build(lab: Lab, own: number): Promise<Host> {
  const host = await lab.addHost(`host${own}`, { addresses: [`10.88.88.${own}/24`] });
  await host.startDaemon();
  const etcd = [`etcd/endpoints=${ENDPOINT}`, `etcd/prefix=${PREFIX}`, 'etcd/register=true', 'etcd/lease=5'];
  const properties = [`vxlan/listen_ip=10.88.88.${own}`, ...etcd].flatMap((each) => ['-p', each]);
  await host.vxlane('create-overlay', '-v', '23', '-e', 'vxlan', '-s', 'etcd', ...properties, 'ov0');
  await addVnic(host, own);
  return host;
}

async function addVnic(host: Host, own: number): Promise<void> {
  const addresses = ['--address', `10.9.0.${own}/24`, '--address', `fd09::${own}/64`];
  await host.vxlane('create-vnic', '-m', mac(own), '-l', 'ov0', ...addresses, `v${own}`);
  await host.exec('ip', 'link', 'set', `v${own}`, 'up');
  await untilUsable(host, `v${own}`);
}

/** Where a key says that a MAC is; undefined: there is none. */
async function written(store: Store, own: number): Promise<string | undefined> {
  const { stdout } = await store.try('get', '--print-value-only', PREFIX + mac(own));
  return stdout.trim() === '' ? undefined : JSON.parse(stdout).ip;
}

const missing = needsEtcd();
if (missing !== false) test('hosts that write into etcd what is on them', { skip: missing }, () => {});
else {
  labTest('hosts that write into etcd what is on them', async ({ lab, step }) => {
    const store = new Store(await lab.addHost('store', { addresses: [`${STORE}/24`] }));
    await store.start();
    const [one, two] = [await build(lab, 1), await build(lab, 2)];
    const isAt = (own: number, ip: string | undefined) =>
      eventually(`${mac(own)} is at ${ip}`, async () => (await written(store, own)) === ip);

    await step('each finds the other, by addresses that nobody has written down', async () => {
      await isAt(1, '10.88.88.1');
      await isAt(2, '10.88.88.2');
      for (const address of ['10.9.0.2', 'fd09::2']) await pingAll(one, address);
      for (const address of ['10.9.0.1', 'fd09::1']) await pingAll(two, address);
    });

    await step('a MAC that comes to another host is there, and its key goes with its VNIC', async () => {
      await two.vxlane('delete-vnic', 'v2');
      await isAt(2, undefined);
      await addVnic(one, 2);
      await isAt(2, '10.88.88.1');
      await one.vxlane('delete-vnic', 'v2');
      await addVnic(two, 2);
      await isAt(2, '10.88.88.2');
      await pingAll(one, '10.9.0.2');
    });

    await step('what a guest asks from is written, with ip-nospoof only if it is its own', async () => {
      const askFrom = async (address: string, whom: string) => {
        await two.exec('ip', 'addr', 'add', `${address}/24`, 'dev', 'v2');
        await two.try(['ping', '-n', '-c', '1', '-W', '1', '-I', address, whom]);
        await two.exec('ip', 'addr', 'del', `${address}/24`, 'dev', 'v2');
      };
      const addresses = async () => (await store.try('get', '--print-value-only', PREFIX + mac(2))).stdout;
      await askFrom('10.9.0.66', '10.9.0.98');
      await eventually('it is written', async () => (await addresses()).includes('10.9.0.66'));
      await two.vxlane('modify-vnic', '--protection', 'ip-nospoof', 'v2');
      await askFrom('10.9.0.67', '10.9.0.99');
      await eventually('it is dropped', async () => (await drops(two, 'spoofed_ip')) > 0);
      assert.doesNotMatch(await addresses(), /10\.9\.0\.67/);
    });

    await step('what is behind a bridge is written while it is heard', async () => {
      const behind = await lab.addMachine('behind');
      await two.vxlane('create-vnic', '-m', mac(9), '-l', 'ov0', '--allow-any-mac', 'up0');
      await two.exec('ip', 'link', 'add', 'inner', 'type', 'bridge');
      await two.exec('ip', 'link', 'set', 'inner', 'up');
      await two.exec('ip', 'link', 'set', 'up0', 'master', 'inner', 'up');
      await plug(two, behind, 'inner', mac(3), ['10.9.0.3/24']);
      await pingAll(behind, '10.9.0.1');
      await isAt(3, '10.88.88.2');
      await pingAll(one, '10.9.0.3');
    });

    await step('keys of a host that dies go with its lease, and are back with it', async () => {
      await two.stopDaemon('SIGKILL');
      await isAt(2, undefined);
      await isAt(3, undefined);
      assert.equal(await written(store, 1), '10.88.88.1');
      await two.startDaemon();
      await isAt(2, '10.88.88.2');
      await pingAll(one, '10.9.0.2');
    });

    await step('a VNIC that was left at its old host takes nothing when the daemon there is started anew', async () => {
      for (const host of [one, two]) {
        await host.vxlane('create-vnic', '-m', mac(7), '-l', 'ov0', 'v7');
        await isAt(7, host === one ? '10.88.88.1' : '10.88.88.2');
      }
      await one.stopDaemon();
      await one.startDaemon();
      await eventually('the host says that it has its MAC as well', async () => {
        const shown = await one.vxlane('show-overlay', '-f', 'ov0');
        return shown.includes(`MACs are here that etcd has elsewhere: ${mac(7)}`);
      });
      await isAt(1, '10.88.88.1');
      assert.equal(await written(store, 7), '10.88.88.2');
      for (const host of [two, one]) await host.vxlane('delete-vnic', 'v7');
    });

    await step('all are taken back with the overlay', async () => {
      for (const vnic of ['v2', 'up0']) await two.vxlane('delete-vnic', vnic);
      await two.vxlane('delete-overlay', 'ov0');
      assert.deepEqual([await written(store, 2), await written(store, 3)], [undefined, undefined]);
    });
  });
}
