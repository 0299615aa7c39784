/** Hosts whose files have the addresses of their VNICs: nobody types `ip addr`. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { addressesOf, eventually, type Host, labTest, mac, pingAll, pingNone, untilUsable } from './support.js';

const NUMBERS = [1, 2] as const;

labTest('addresses in configuration files', async ({ lab, step }) => {
  const hosts = join(lab.dir, 'hosts.json');
  const entry = (number: number) => {
    const arp = [number, number + 10].map((last) => `10.55.55.${last}`);
    return [mac(number), { ip: `10.88.88.${number}`, arp, ndp: `fd00::${number}` }];
  };
  writeFileSync(hosts, JSON.stringify(Object.fromEntries(NUMBERS.map(entry))));
  const declare = (host: Host, number: number, addresses: readonly string[]) => {
    const properties = { 'vxlan/listen_ip': `10.88.88.${number}`, 'files/config': hosts };
    const file = {
      overlays: { overlay0: { vni: 23, search: 'files', properties } },
      vnics: { foo0: { overlay: 'overlay0', mac: mac(number), addresses } },
    };
    writeFileSync(join(host.dir, 'vxlane.yaml'), stringify(file));
  };
  const both = (number: number) => [`10.55.55.${number}/24`, `fd00::${number}/64`];
  const start = (host: Host) => host.startDaemon('--config', join(host.dir, 'vxlane.yaml'));
  const [one, two] = await Promise.all([
    lab.addHost('one', { addresses: ['10.88.88.1/24'] }),
    lab.addHost('two', { addresses: ['10.88.88.2/24'] }),
  ]);
  declare(one, 1, both(1));
  declare(two, 2, both(2));
  await Promise.all([start(one), start(two)]);
  await Promise.all([untilUsable(one, 'foo0'), untilUsable(two, 'foo0')]);

  const state = async () => (await one.vxlaneJson<{ state: string }[]>('show-vnic', 'foo0'))[0]?.state;
  const global = async (host: Host) =>
    (await addressesOf(host, 'foo0')).map(({ local }) => local).filter((local) => !local.startsWith('fe80:'));

  await step('are there when the daemons are ready, and hosts reach each other', async () => {
    await pingAll(one, '10.55.55.2');
    await pingAll(two, '10.55.55.1');
    await pingAll(one, 'fd00::2');
  });

  await step('are there after kill -9, and given back when they were lost meanwhile', async () => {
    await one.stopDaemon('SIGKILL');
    await one.exec('ip', 'addr', 'del', '10.55.55.1/24', 'dev', 'foo0');
    await one.exec('ip', 'addr', 'add', '10.66.66.1/24', 'dev', 'foo0');
    await start(one);
    await eventually('all are there', async () => (await global(one)).length === 3);
    await pingAll(one, '10.55.55.2');
    await pingAll(two, 'fd00::1');
  });

  await step('are there after kill -9 when the interface is gone', async () => {
    await one.stopDaemon('SIGKILL');
    await one.exec('ip', 'link', 'del', 'foo0');
    await start(one);
    await untilUsable(one, 'foo0');
    assert.deepEqual(await global(one), ['10.55.55.1', 'fd00::1']);
    await pingAll(two, '10.55.55.1');
  });

  await step('that change are followed by a reload: the new one answers, the old one is nobody’s', async () => {
    await one.exec('ip', 'addr', 'add', '10.66.66.1/24', 'dev', 'foo0');
    await pingNone(two, '10.55.55.11');
    declare(one, 1, ['10.55.55.11/24', 'fd00::1/64']);
    assert.equal(await one.vxlane('reload'), `${join(one.dir, 'vxlane.yaml')}: applied\n`);
    await pingAll(two, '10.55.55.11');
    await pingAll(two, 'fd00::1');
    await pingNone(two, '10.55.55.1');
    assert.deepEqual((await global(one)).sort(), ['10.55.55.11', '10.66.66.1', 'fd00::1']);
  });

  await step('removed by hand are said, and given back by a reload', async () => {
    await one.exec('ip', 'addr', 'del', '10.55.55.11/24', 'dev', 'foo0');
    const missing = '10.55.55.11/24 is not on its interface: it was removed (vxlane reload gives it back)';
    await eventually('it is said', async () => (await state()) === missing);
    const { code, stdout } = await one.tryVxlane('status');
    assert.equal(code, 3);
    assert.match(stdout, /10\.55\.55\.11\/24 is not on its interface/);
    await one.vxlane('reload');
    assert.equal(await state(), 'up');
    await pingAll(two, '10.55.55.11');
  });
});
