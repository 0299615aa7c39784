/** The announcement's session as written: three daemons, three hosts, every pair, and what the tables say. */
import assert from 'node:assert/strict';
import { buildSeed, SEED_HOSTS, type SeedMachine } from '../../src/demo/seed.js';
import { iperf, labTest, neighbourOf, pingAll, rate, readStats, untilUsable } from './support.js';

interface TargetRow {
  mac: string;
  destination: string;
  source: string;
}

labTest('the three hosts of the announcement reach each other', async ({ lab, step, note }) => {
  const { machines, file } = await buildSeed(lab);
  const [zlan, zlan2] = machines as [SeedMachine, SeedMachine, SeedMachine];
  await Promise.all(machines.map(({ host, seed }) => untilUsable(host, seed.vnic)));

  for (const from of machines) {
    for (const to of machines) {
      if (from === to) continue;
      await step(`${from.seed.name} pings ${to.seed.name} over IPv4 and IPv6`, async () => {
        const { host, seed } = from;
        await pingAll(host, to.seed.ipv4);
        await pingAll(host, `${to.seed.ipv6}%${seed.vnic}`);
        assert.equal(await neighbourOf(host, seed.vnic, to.seed.ipv4), to.seed.mac);
        assert.equal(await neighbourOf(host, seed.vnic, to.seed.ipv6), to.seed.mac);
      });
    }
  }

  await step('TCP flows both ways', async () => {
    const there = await iperf(zlan.host, zlan2.host, zlan2.seed.ipv4);
    const back = await iperf(zlan.host, zlan2.host, zlan2.seed.ipv4, '--reverse');
    const over6 = await iperf(zlan.host, zlan2.host, `${zlan2.seed.ipv6}%${zlan.seed.vnic}`);
    for (const report of [there, back, over6]) assert.ok(report.end.sum_received.bytes > 1_000_000);
    note(`TCP zlan to zlan2 ${rate(there)}, back ${rate(back)}, over IPv6 ${rate(over6)}`);
  });

  await step('show-overlay, -f and -t say what is so', async () => {
    await propertiesShown(zlan, file);
    assert.match(await zlan.host.vxlane('show-overlay', '-f'), /^LINK +STATUS +DETAILS\noverlay0 +ONLINE +--\n$/);
    await targetsShown(zlan);
  });

  await step('no frame was dropped for a reason that a healthy network does not have', async () => {
    for (const { host } of machines) await onlyHarmlessDrops(host);
  });
});

async function propertiesShown({ host, seed }: SeedMachine, file: string): Promise<void> {
  const text = await host.vxlane('show-overlay', 'overlay0');
  assert.match(text, /^LINK +PROPERTY +PERM +REQ +VALUE +DEFAULT +POSSIBLE\n/);
  const row = (name: string) =>
    text
      .split('\n')
      .find((line) => line.split(/\s+/)[1] === name)
      ?.split(/\s+/);
  assert.deepEqual(row('mtu')?.slice(0, 5), ['overlay0', 'mtu', 'rw', '-', '1450'], text);
  assert.deepEqual(row('vxlan/listen_ip')?.slice(2, 5), ['r-', 'y', seed.underlay], text);
  assert.deepEqual(row('vxlan/listen_port')?.slice(3, 6), ['-', '4789', '4789'], text);
  assert.deepEqual(row('files/config')?.slice(3, 5), ['y', file], text);
}

async function targetsShown({ host }: SeedMachine): Promise<void> {
  const text = await host.vxlane('show-overlay', '-t', 'overlay0');
  assert.match(text, /^LINK +TARGET +DESTINATION +SOURCE +AGE/);
  const rows = await host.vxlaneJson<TargetRow[]>('show-overlay', '-t', 'overlay0');
  const wanted = SEED_HOSTS.map(({ mac, underlay }) => {
    const isOwn = mac === 'de:ad:be:ef:00:00';
    return [mac, isOwn ? 'vnic foo0' : `${underlay}:4789`, isOwn ? 'vnic' : 'files'];
  });
  const seen = rows.map(({ mac, destination, source }) => [mac, destination, source]);
  assert.deepEqual(seen, wanted);
  for (const [target, destination] of seen) {
    assert.ok(text.includes(target as string) && text.includes(destination as string), text);
  }
}

/** Group frames that the `files` plugin does not flood, and questions about addresses it does not know. */
const HARMLESS = ['no_flood_list', 'host_chatter', 'ndp_unknown', 'owner_answers', 'arp_gratuitous'];

async function onlyHarmlessDrops(host: SeedMachine['host']): Promise<void> {
  const { drops } = await readStats(host);
  const others = drops.filter(({ reason }) => !HARMLESS.includes(reason));
  assert.deepEqual(others, [], `${host.name}: ${JSON.stringify(others)}`);
}
