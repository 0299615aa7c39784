/** Hosts whose overlays and VNICs are declared: edits under traffic, a broken edit, a restart. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { SteadyFlows } from './steady-flows.js';
import { addressesOf, eventually, type Host, labTest, mac, pingAll } from './support.js';

interface File {
  overlays: Record<string, { vni: number; search: string; properties: Record<string, unknown>; targets?: object }>;
  vnics: Record<string, { overlay: string; mac: string; netns?: string }>;
}

/** SIGHUP, and waits until it has been followed. */
async function hangUp(host: Host): Promise<void> {
  const reloads = () => host.daemonLog().split('"msg":"reloaded"').length;
  const before = reloads();
  process.kill(host.daemonPid as number, 'SIGHUP');
  await eventually('the reload has ended', async () => reloads() > before);
}

/** A cycle of what a round varies. */
const ROUNDS = 12;

labTest('declared hosts', async ({ lab, step }) => {
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24', '10.88.88.11/24'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24'] });
  const hosts = join(lab.dir, 'hosts.json');
  const entry = (number: number) => [mac(number), { ip: `10.88.88.${number}`, arp: `10.55.55.${number}` }];
  writeFileSync(hosts, JSON.stringify(Object.fromEntries([entry(1), entry(2)])));

  const fileOf = (host: Host) => join(host.dir, 'vxlane.yaml');
  const declared = (number: number): File => ({
    overlays: {
      overlay0: {
        vni: 23,
        search: 'files',
        properties: { 'vxlan/listen_ip': `10.88.88.${number}`, 'files/config': '../hosts.json' },
      },
    },
    vnics: { foo0: { overlay: 'overlay0', mac: mac(number) } },
  });
  const declare = (host: Host, file: File) => writeFileSync(fileOf(host), stringify(file));
  const mine = declared(1);
  declare(one, mine);
  declare(two, declared(2));
  // Before there is a daemon.
  const waits = [
    ['--timeout', '120'],
    ['--timeout', '120', '--for', 'vnic', 'foo0'],
  ].map((args) => one.tryVxlane('wait', ...args));
  await Promise.all([one, two].map((host) => host.startDaemon('--config', fileOf(host))));
  for (const wait of waits) {
    const { code, stdout, stderr } = await wait;
    assert.deepEqual([code, stdout, stderr], [0, '', '']);
  }
  await one.exec('ip', 'addr', 'add', '10.55.55.1/24', 'dev', 'foo0');
  await two.exec('ip', 'addr', 'add', '10.55.55.2/24', 'dev', 'foo0');

  await step('are up after the start', async () => {
    await pingAll(one, '10.55.55.2');
  });

  await step('lose nothing on an overlay that stays as it is, while others come, change and go', async () => {
    const flows = await SteadyFlows.start(one, two, [{ name: 'overlay0', address: '10.55.55.2' }]);
    for (let round = 0; round < ROUNDS; round++) {
      // now on the socket of overlay0, now on one of its own
      const ip = round % 3 === 0 ? '10.88.88.11' : '10.88.88.1';
      const properties = { 'vxlan/listen_ip': ip, 'files/config': '../hosts.json', mtu: 1300 + (round % 3) * 10 };
      const targets = { [mac(round % 5)]: 'drop' };
      const other = { vni: 24 + (round % 2), search: 'files', properties, targets };
      mine.overlays = { overlay0: mine.overlays.overlay0!, ...(round % 4 === 3 ? {} : { overlay1: other }) };
      mine.vnics = {
        foo0: mine.vnics.foo0!,
        ...(round % 4 === 1 ? { bar0: { overlay: 'overlay1', mac: mac(9) } } : {}),
      };
      declare(one, mine);
      await hangUp(one);
    }
    await flows.end();
    assert.doesNotMatch(one.daemonLog(), /configuration refused|what is declared is not in effect/);
    const starts = one.daemonLog().match(/"overlay":"overlay0".*"msg":"search plugin serves"/g);
    assert.equal(starts?.length, 1, 'the plugin of overlay0 ran on');
  });

  await step('keep what they have when the file is broken, and say why', async () => {
    writeFileSync(fileOf(one), stringify(mine).replace('overlay: overlay0', 'overlay: overlay9'));
    const { code, stderr } = await one.tryVxlane('reload');
    assert.equal(code, 1);
    assert.match(stderr, /vxlane\.yaml:\d+:\d+: vnics\.foo0\.overlay: is "overlay9", which is not declared/);
    const { status, details } = await one.vxlaneJson<{ status: string; details: string[] }>('show-config');
    assert.deepEqual([status, details.map((line) => `vxlane: ${line}\n`).join('')], ['refused', stderr]);
    await pingAll(one, '10.55.55.2');
  });

  await step('do not start with a broken file, and a VNIC has its addresses when they start again', async () => {
    await one.stopDaemon();
    const refused = await one.tryVxlane('daemon', '--config', fileOf(one), '--state-dir', join(one.dir, 'state'));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^vxlane: .*vxlane\.yaml:\d+:\d+: vnics\.foo0\.overlay: /);
    mine.overlays.overlay0!.vni = 29;
    declare(one, mine);
    await one.startDaemon('--config', fileOf(one));
    assert.ok((await addressesOf(one, 'foo0')).some(({ local }) => local === '10.55.55.1'));
  });

  await step('follow a change that makes an overlay anew, on both sides', async () => {
    const theirs = declared(2);
    theirs.overlays.overlay0!.vni = 29;
    declare(two, theirs);
    await hangUp(two);
    await pingAll(one, '10.55.55.2');
    const vnic = await two.vxlaneJson<{ state: string; declared: string }[]>('show-vnic', 'foo0');
    assert.deepEqual([vnic[0]?.state, vnic[0]?.declared], ['up', `${fileOf(two)}:9`]);
  });

  await step('have an answer of "vxlane reload" that is true when it is there', async () => {
    mine.vnics = { foo0: mine.vnics.foo0!, bar0: { overlay: 'overlay0', mac: mac(9), netns: 'vxlane-no-such' } };
    declare(one, mine);
    const bad = await one.tryVxlane('reload');
    assert.deepEqual([bad.code, bad.stdout], [3, `${fileOf(one)}: incomplete\n`]);
    assert.match(bad.stderr, /^vxlane: .*bar0: .*vxlane-no-such/);
    mine.vnics = { foo0: mine.vnics.foo0!, bar0: { overlay: 'overlay0', mac: mac(9) } };
    declare(one, mine);
    // Two at once, and a signal between: each waits for its own.
    const [first, second] = [one.tryVxlane('reload'), one.tryVxlane('reload')];
    process.kill(one.daemonPid as number, 'SIGHUP');
    for (const { code, stdout, stderr } of [await first, await second]) {
      assert.deepEqual([code, stdout, stderr], [0, `${fileOf(one)}: applied\n`, '']);
    }
    assert.equal((await one.vxlaneJson<{ state: string }[]>('show-vnic', 'bar0'))[0]?.state, 'up');
  });
});
