/** Three hosts that learn from one etcd where MACs are: traffic, a MAC that moves, etcd gone and back. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SEED_FILE, SEED_HOSTS, type SeedHost, type SeedMachine, seedCommands, type } from '../../src/demo/seed.js';
import { needsEtcd } from '../support/etcd.js';
import { finds } from './doctor-lab.js';
import { ENDPOINT, PREFIX, STORE, Store } from './etcd-store.js';
import { SteadyFlows } from './steady-flows.js';
import { eventually, type Host, type Lab, labTest, pingAll, untilUsable } from './support.js';
import { vtepsAnswer } from './vtep-ping.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

type Row = { mac: string; destination: string; source: string };

async function build(lab: Lab, seed: SeedHost): Promise<SeedMachine> {
  const host = await lab.addHost(seed.name, { addresses: [`${seed.underlay}/24`] });
  await host.startDaemon();
  const properties = `-p etcd/endpoints=${ENDPOINT} -p etcd/prefix=${PREFIX}`;
  for (const command of seedCommands(seed, '')) {
    await type(host, command.replace('-s files', '-s etcd').replace('-p files/config=', properties));
  }
  await untilUsable(host, seed.vnic);
  return { seed, host };
}

async function statusOf(host: Host): Promise<{ status: string; details: string }> {
  const [overlay] = await host.vxlaneJson<{ status: string; details: string }[]>('show-overlay', '-f', 'overlay0');
  return overlay!;
}

async function destinationOf(host: Host, mac: string): Promise<string | undefined> {
  const rows = await host.vxlaneJson<Row[]>('show-overlay', '-t', 'overlay0');
  return rows.find((row) => row.mac === mac)?.destination;
}

const missing = needsEtcd();
if (missing !== false) test('hosts that follow an etcd', { skip: missing }, () => {});
else {
  labTest('hosts that follow an etcd', async ({ lab, step, note }) => {
    const store = new Store(await lab.addHost('store', { addresses: [`${STORE}/24`] }));
    await store.start();
    const file = `${lab.dir}/hosts.json`;
    writeFileSync(file, SEED_FILE);
    const imported = ['etcd', 'import', '--endpoints', ENDPOINT, '--prefix', PREFIX, file];
    assert.match(await store.host.exec(process.execPath, MAIN, ...imported), /^3 added/);
    const machines = await Promise.all(SEED_HOSTS.map((seed) => build(lab, seed)));
    const [zlan, zlan2, zlan3] = machines as [SeedMachine, SeedMachine, SeedMachine];

    await step('every pair pings over IPv4 and IPv6', async () => {
      for (const from of machines) {
        for (const to of machines.filter((machine) => machine !== from)) {
          await pingAll(from.host, to.seed.ipv4);
          await pingAll(from.host, `${to.seed.ipv6}%${from.seed.vnic}`);
        }
      }
    });

    await step('their VTEPs answer each other', async () => {
      const others = [zlan2, zlan3].map(({ seed }) => `${seed.underlay}:4789`);
      await vtepsAnswer(zlan.host, 'overlay0', '--all', others);
      await vtepsAnswer(zlan3.host, 'overlay0', zlan.seed.ipv4, [`${zlan.seed.underlay}:4789`]);
    });

    await step('a MAC that moves is followed by whoever talks to it', async () => {
      await zlan2.host.vxlane('delete-vnic', zlan2.seed.vnic);
      const moved = await lab.addMachine('moved');
      await zlan3.host.vxlane('create-vnic', '-m', zlan2.seed.mac, '-l', 'overlay0', '-n', moved.netns, 'bar0');
      await moved.exec('ip', 'addr', 'add', `${zlan2.seed.ipv4}/24`, 'dev', 'bar0');
      await store.put(zlan2.seed.mac, { ip: zlan3.seed.underlay, arp: zlan2.seed.ipv4 });
      const destination = `${zlan3.seed.underlay}:4789`;
      await eventually(
        'zlan sends there',
        async () => (await destinationOf(zlan.host, zlan2.seed.mac)) === destination,
      );
      await pingAll(zlan.host, zlan2.seed.ipv4);
    });

    await step('without etcd traffic goes on and the overlay says so; with it again, nothing was missed', async () => {
      const flows = await SteadyFlows.start(zlan.host, zlan3.host, [
        { name: 'zlan to zlan3', address: zlan3.seed.ipv4 },
      ]);
      await store.kill();
      const { details } = await eventually('DEGRADED', async () => {
        const now = await statusOf(zlan.host);
        return now.status === 'DEGRADED' && now;
      });
      assert.ok(details.includes(ENDPOINT), details);
      assert.ok((await finds(zlan.host, 'directory-away', 'overlay overlay0')).found.includes(ENDPOINT));
      await store.start();
      await store.put('02:00:00:00:00:77', { ip: zlan2.seed.underlay });
      await eventually('ONLINE', async () => (await statusOf(zlan.host)).status === 'ONLINE', 30_000);
      const target = async () =>
        (await zlan.host.vxlane('lookup', 'overlay0', '02:00:00:00:00:77')).includes('.70:4789');
      await eventually('what was written meanwhile is known', target);
      note(`${await flows.end()} datagrams meanwhile`);
    });
  });
}
