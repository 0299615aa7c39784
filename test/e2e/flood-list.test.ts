/** The `flood` plugin with a replication list, against two of the kernel's vxlan devices. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MoveView } from '../../src/control/protocol.js';
import { Capture } from './capture.js';
import { finds } from './doctor-lab.js';
import { addKernelDevice, buildFloodLab, call, echoesIn, INNER, learnedAt, targetOf } from './flood-lab.js';
import { plug } from './plugged.js';
import { eventually, type Host, labTest, mac, pingAll, pingNone } from './support.js';
import { hostAnswersAlone, vtepsAnswer } from './vtep-ping.js';

const TUNNEL = 'udp dst port 4789';

labTest('flood: a replication list and two kernel VTEPs', async ({ lab, step }) => {
  const { ours, kernels, addresses } = await buildFloodLab(lab);
  const [first, second] = kernels;

  await step('everyone reaches everyone, though nobody was told where anybody is', async () => {
    await pingAll(ours, INNER[1]);
    await pingAll(second, INNER[0]);
    await pingAll(first, INNER[2]);
    await learnedAt(ours, mac(2), addresses[1]);
    await learnedAt(ours, mac(3), addresses[2]);
  });

  await step('a VTEP of the list that is vxlane answers when it is asked, the kernel does not', async () => {
    const third = await lab.addHost('third', { addresses: ['10.88.88.4/24'] });
    await third.startDaemon();
    const other = ['-p', 'vxlan/listen_ip=10.88.88.4', '-p', `flood/endpoints=${addresses[0]}`];
    await third.vxlane('create-overlay', '-v', '42', '-e', 'vxlan', '-s', 'flood', ...other, 'ov0');
    const all = [...addresses, '10.88.88.4'].join(',');
    await ours.vxlane('modify-overlay', '-p', `flood/endpoints=${all}`, 'ov0');
    await vtepsAnswer(ours, 'ov0', '10.88.88.4', ['10.88.88.4:4789']);
    await hostAnswersAlone(ours, 'ov0', addresses[1], `${addresses[1]}:4789`);
    await ours.vxlane('modify-overlay', '-p', `flood/endpoints=${addresses.join(',')}`, 'ov0');
    await third.stopDaemon();
  });

  await step('what goes to a learned MAC goes to its VTEP alone', async () => {
    const there = await Capture.start(first, 'eth0', TUNNEL, 'in');
    const elsewhere = await Capture.start(second, 'eth0', TUNNEL, 'in');
    await pingAll(ours, INNER[1]);
    assert.equal(await echoesIn(there, INNER[1]), 3);
    assert.equal(await echoesIn(elsewhere, INNER[1]), 0);
  });

  await step('what goes to an unknown MAC goes to every VTEP, until it answers', async () => {
    // no ARP from now on: a kernel that looks whether we are still there would teach us its MAC too early
    await ours.exec('ip', 'neigh', 'replace', INNER[1], 'lladdr', mac(2), 'dev', 'v0', 'nud', 'permanent');
    await first.exec('ip', 'neigh', 'replace', INNER[0], 'lladdr', mac(1), 'dev', 'vx0', 'nud', 'permanent');
    await ours.vxlane('modify-overlay', '-f', 'ov0');
    assert.equal(await targetOf(ours, mac(2)), null);
    const elsewhere = await Capture.start(second, 'eth0', TUNNEL, 'in');
    await call(ours, INNER[1]);
    await learnedAt(ours, mac(2), addresses[1]);
    await pingAll(ours, INNER[1]);
    assert.equal(await echoesIn(elsewhere, INNER[1]), 1);
    await ours.exec('ip', 'neigh', 'del', INNER[1], 'dev', 'v0');
  });

  await step('our own endpoint in the list gets no copies', async () => {
    const outward = await Capture.start(ours, 'eth0', TUNNEL, 'out');
    const self = await Capture.start(ours, 'lo', TUNNEL, 'inout');
    await pingNone(ours, '10.9.0.99');
    const copies = await outward.stop(['ip.dst'], 'arp');
    assert.deepEqual(new Set(copies.map((packet) => packet['ip.dst']?.[0])), new Set([addresses[1], addresses[2]]));
    assert.deepEqual(await self.stop(['ip.dst']), []);
  });

  await step('a static target is not moved by what arrives', async () => {
    await ours.vxlane('modify-overlay', '-s', `${mac(2)}=${addresses[2]}:4789`, 'ov0');
    await call(first, INNER[0]);
    await call(first, INNER[0]);
    const row = await targetOf(ours, mac(2));
    assert.deepEqual([row?.destination, row?.source], [`${addresses[2]}:4789`, 'static']);
    await ours.vxlane('modify-overlay', '-d', mac(2), 'ov0');
  });

  await step('a MAC that moves to another VTEP is followed at its first frame', async () => {
    await call(first, INNER[0]);
    await learnedAt(ours, mac(2), addresses[1]);
    for (const kernel of kernels) await kernel.exec('ip', 'link', 'del', 'vx0');
    await addKernelDevice(second, 2, addresses, undefined, mac(2));
    await pingAll(second, INNER[0]);
    await learnedAt(ours, mac(2), addresses[2]);
    assert.match(ours.daemonLog(), /MACs moved/);
  });

  await step('a MAC in two places at once is said to be, and followed', async () => {
    await addKernelDevice(first, 1, addresses, undefined, mac(2));
    await flapUntil('two places at once');
    await followedTo(second, addresses[2]);
    await followedTo(first, addresses[1]);
  });

  await step('it is frozen where it was first, if so wanted', async () => {
    await ours.vxlane('modify-overlay', '-p', 'flood/freeze=600,flood/move_limit=3', 'ov0');
    const home = await targetOf(ours, mac(2));
    await flapUntil('are frozen');
    for (const kernel of kernels) await call(kernel, INNER[0], '-W', '0.2');
    await sleep(200);
    assert.equal((await targetOf(ours, mac(2)))?.destination, home?.destination);
    const [moved] = await ours.vxlaneJson<MoveView[]>('show-overlay', '-m', 'ov0');
    assert.ok(moved !== undefined && moved.mac === mac(2) && moved.state === 'frozen', JSON.stringify(moved));
    assert.deepEqual([moved.destination, moved.home, moved.moves], [home?.destination, home?.destination, 4]);
    assert.match((await finds(ours, 'mac-flapping', 'overlay ov0')).mend, /--thaw de:ad:be:ef:00:02 ov0$/);
    await ours.vxlane('modify-overlay', '--thaw', mac(2), 'ov0');
    const away = home?.destination === `${addresses[1]}:4789` ? 2 : 1;
    await followedTo(kernels[away - 1]!, addresses[away]!);
  });

  async function followedTo(kernel: Host, address: string): Promise<void> {
    await eventually(`it is learned at ${address}`, async () => {
      await call(kernel, INNER[0], '-W', '0.2');
      return (await targetOf(ours, mac(2)))?.destination === `${address}:4789`;
    });
  }

  async function flapUntil(said: string): Promise<void> {
    await eventually(`${mac(2)} is named`, async () => {
      for (const [index, kernel] of kernels.entries()) {
        await call(kernel, INNER[0], '-W', '0.2');
        await sleep(150 * index); // a worker does not repeat itself sooner
      }
      const [state] = await ours.vxlaneJson<{ details: string }[]>('show-overlay', '-f', 'ov0');
      return state?.details.includes(`${said}: ${mac(2)} at `) === true;
    });
  }
});

labTest('flood: ageing', async ({ lab, step }) => {
  const { ours, kernels, addresses } = await buildFloodLab(lab, { properties: ['flood/ageing=2'] });
  const [first, second] = kernels;
  await ours.exec('ip', 'neigh', 'replace', INNER[1], 'lladdr', mac(2), 'dev', 'v0', 'nud', 'permanent');
  await first.exec('ip', 'neigh', 'replace', INNER[0], 'lladdr', mac(1), 'dev', 'vx0', 'nud', 'permanent');

  await step('a MAC that goes on sending stays, by what was learned once', async () => {
    const sending = first.spawn(['ping', '-n', '-i', '0.2', INNER[0]], { timeoutMs: 60_000 });
    await learnedAt(ours, mac(2), addresses[1]);
    const isOld = async () => ((await targetOf(ours, mac(2)))?.ageSeconds ?? 0) >= 5;
    await eventually('it is older than twice the ageing time', isOld, 30_000);
    await sending.stop('SIGINT');
  });

  await step('one that is silent is forgotten, though frames are sent to it', async () => {
    await first.exec('ip', 'link', 'set', 'vx0', 'down');
    const sending = ours.spawn(['ping', '-n', '-i', '0.2', INNER[1]], { timeoutMs: 20_000 });
    await eventually('it is forgotten', async () => (await targetOf(ours, mac(2))) === null);
    await sending.stop('SIGINT');
  });

  await step('and the next frame to it is flooded again', async () => {
    const elsewhere = await Capture.start(second, 'eth0', TUNNEL, 'in');
    await call(ours, INNER[1]);
    assert.ok((await echoesIn(elsewhere, INNER[1])) >= 1);
  });
});

labTest('flood: a bridge with machines behind it, on an any-mac VNIC', async ({ lab, step }) => {
  const { ours, kernels, addresses } = await buildFloodLab(lab);
  const [first] = kernels;
  const machine = await lab.addMachine('machine');
  await ours.vxlane('create-vnic', '-m', mac(9), '-l', 'ov0', '--allow-any-mac', 'up0');
  await ours.exec('sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1');
  // v0 is in the namespace of the bridge, which would answer for it with a MAC of its own
  await ours.exec('sysctl', '-q', '-w', 'net.ipv4.conf.all.arp_ignore=1');
  await machine.exec('sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1');
  await ours.exec('ip', 'link', 'add', 'br1', 'mtu', '1400', 'type', 'bridge');
  await ours.exec('ip', 'link', 'set', 'up0', 'master', 'br1', 'up');
  await ours.exec('ip', 'link', 'set', 'br1', 'up');
  await plug(ours, machine, 'br1', mac(8), ['10.9.0.8/24']);

  await step('they reach kernel VTEPs, and are reached, by unicast to MACs that no VNIC has', async () => {
    await pingAll(machine, INNER[1]);
    await pingAll(first, '10.9.0.8');
    assert.equal((await targetOf(ours, mac(8)))?.destination, 'vnic up0');
  });

  await step('a VNIC beside the bridge reaches them too', () => pingAll(ours, '10.9.0.8', '-I', 'v0'));

  await step(
    'one that moves here from a VTEP is reached at once, from there and by the VNIC beside the bridge',
    async () => {
      await first.exec('ip', 'link', 'set', 'vx0', 'address', mac(7));
      await call(first, INNER[0]);
      await learnedAt(ours, mac(7), addresses[1]);
      await ours.exec('ip', 'neigh', 'replace', '10.9.0.8', 'lladdr', mac(7), 'dev', 'v0', 'nud', 'permanent');
      await first.exec('ip', 'link', 'set', 'vx0', 'address', mac(2));
      await machine.exec('ip', 'link', 'set', 'eth0', 'address', mac(7));
      await pingAll(first, '10.9.0.8');
      const elsewhere = await Capture.start(first, 'eth0', TUNNEL, 'in');
      await pingAll(ours, '10.9.0.8', '-I', 'v0');
      assert.equal(await echoesIn(elsewhere, '10.9.0.8'), 0);
      assert.equal((await targetOf(ours, mac(7)))?.destination, 'vnic up0');
    },
  );

  await step('and at the VTEP to which it moves on', async () => {
    await machine.exec('ip', 'link', 'set', 'eth0', 'address', mac(8));
    await first.exec('ip', 'link', 'set', 'vx0', 'address', mac(7));
    await call(first, INNER[0]);
    await learnedAt(ours, mac(7), addresses[1]);
  });
});
