/** A router behind a VNIC, which is radvd, tells hosts of the overlay's MTU, though it says nothing of it itself. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Running } from '../../src/demo/processes.js';
import { Capture } from './capture.js';
import { buildFloodLab } from './flood-lab.js';
import { eventually, labTest, mac } from './support.js';

const FIELDS = ['icmpv6.opt.mtu', 'icmpv6.checksum.status'];
const MULTICAST = 'icmpv6.type == 134 && ipv6.dst == ff02::1';

labTest('router advertisements tell of the MTU', async ({ lab, step }) => {
  const { ours, kernels } = await buildFloodLab(lab, { properties: ['mtu=1300'] });
  const [guest] = kernels;
  const beside = await lab.addMachine('beside');
  await ours.vxlane('create-vnic', '-m', mac(9), '-l', 'ov0', '-n', beside.netns, 'v1');
  await beside.exec('ip', 'link', 'set', 'v1', 'up');
  await ours.exec('sysctl', '-q', '-w', 'net.ipv6.conf.v0.disable_ipv6=0', 'net.ipv6.conf.all.forwarding=1');
  await guest.exec('sysctl', '-q', '-w', 'net.ipv6.conf.vx0.disable_ipv6=0');
  const file = join(ours.dir, 'radvd.conf');
  const sends = 'AdvSendAdvert on; AdvRASolicitedUnicast off; MinRtrAdvInterval 3; MaxRtrAdvInterval 4';
  writeFileSync(file, `interface v0 { ${sends}; prefix 2001:db8:9::/64 { }; };\n`);
  const hasRouter = async () => (await guest.exec('ip', '-6', 'route', 'show', 'default', 'dev', 'vx0')) !== '';
  const mtuOf = async () => (await guest.exec('sysctl', '-n', 'net.ipv6.conf.vx0.mtu')).trim();
  const local = await Capture.start(beside, 'v1', 'icmp6', 'in');
  const sent = await Capture.start(ours, 'v0', 'icmp6', 'out');
  const radvd = ['radvd', '-n', '-m', 'stderr', '-C', file, '-p', join(ours.dir, 'radvd.pid')];

  let router: Running;

  await step('to a guest elsewhere, whose kernel heeds it', async () => {
    assert.equal(await mtuOf(), '1400');
    router = ours.spawn(radvd, { timeoutMs: 60_000 });
    await eventually('the guest has a default route', hasRouter, 20_000);
    await eventually('the guest has the MTU', async () => (await mtuOf()) === '1300', 10_000);
    assert.match(await guest.exec('ip', '-6', 'route', 'show', 'default', 'dev', 'vx0'), /via fe80::/);
  });

  await step('and to a VNIC here, each advertisement once', async () => {
    await router.stop();
    const origin = await sent.stop(FIELDS, MULTICAST);
    const told = await local.stop(FIELDS, MULTICAST);
    assert.ok(origin.length > 0 && origin.every((packet) => packet['icmpv6.opt.mtu']?.length === 0));
    assert.deepEqual(told, Array(origin.length).fill({ 'icmpv6.opt.mtu': ['1300'], 'icmpv6.checksum.status': ['1'] }));
  });

  await step('not with ndp/mtu_option=off', async () => {
    await ours.vxlane('modify-overlay', '-p', 'ndp/mtu_option=off', 'ov0');
    const untold = await Capture.start(beside, 'v1', 'icmp6', 'in');
    ours.spawn(radvd, { timeoutMs: 60_000 });
    const isHeard = async () => (await untold.dissect(FIELDS, MULTICAST)).length > 0;
    await eventually('the VNIC here hears the router again', isHeard, 20_000);
    const [first] = await untold.stop(FIELDS, MULTICAST);
    assert.deepEqual(first, { 'icmpv6.opt.mtu': [], 'icmpv6.checksum.status': ['1'] });
  });
});
