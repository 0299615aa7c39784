/** The underlay TAP while the daemon runs: several overlays, another daemon beside it, kill -9, a smaller MTU. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Host } from '../../src/demo/host.js';
import { withNetns } from '../../src/system/netns.js';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { ENGINE } from '../support/engine.js';
import { tcxPrograms } from '../support/tcx.js';
import { Capture } from './capture.js';
import { buildKernelPair, INNER, type KernelPair, VNI } from './kernel-pair.js';
import { drops, eventually, labTest, mac } from './support.js';
import { streamBothWays } from './traffic.js';

const ETHERNET = 14;
const SMALLER = 1400;
const TAP = ['--underlay', 'tap'];
const probe = probeUnderlayTap();

async function tapsOf(host: Host): Promise<string[]> {
  const links = await host.json<{ ifname: string }[]>('ip', '-j', 'link', 'show');
  return links.map(({ ifname }) => ifname).filter((name) => name.startsWith('vxlane-u'));
}

async function programsOf(host: Host): Promise<number> {
  const [link] = await host.json<{ ifindex: number }[]>('ip', '-j', 'link', 'show', 'eth0');
  return withNetns(host.netns, () => tcxPrograms(link!.ifindex));
}

/** VALUE and POSSIBLE of `underlay`. */
async function underlayOf(host: Host): Promise<string> {
  return (await host.vxlane('show-overlay', '-p', '-o', 'property,value,possible', 'ov0'))
    .split('\n')
    .filter((line) => line.startsWith('underlay:'))
    .join();
}

/** An overlay of a daemon on host `ours`, with the kernel's device at the other end: 10.`net`.0.1 and 10.`net`.0.2. */
async function addOverlay({ ours, kernels }: KernelPair, daemon: Host, net: number, port: number): Promise<void> {
  const vni = VNI + net;
  const properties = ['vxlan/listen_ip=10.88.88.1', `vxlan/listen_port=${port}`, 'direct/dest_ip=10.88.88.2'];
  const all = [...properties, `direct/dest_port=${port}`, 'mtu=1450'].flatMap((property) => ['-p', property]);
  await daemon.vxlane('create-overlay', '-v', `${vni}`, '-e', 'vxlan', '-s', 'direct', ...all, `ov${net}`);
  await daemon.vxlane('create-vnic', '-m', mac(net), '-l', `ov${net}`, `v${net}`);
  const tunnel = ['id', `${vni}`, 'local', '10.88.88.2', 'remote', '10.88.88.1', 'dstport', `${port}`];
  await kernels.exec('ip', 'link', 'add', `vx${net}`, 'type', 'vxlan', ...tunnel);
  await kernels.exec('ip', 'link', 'set', `vx${net}`, 'mtu', '1450', 'up');
  await kernels.exec('ip', 'addr', 'add', `10.${net}.0.2/24`, 'dev', `vx${net}`);
  await ours.exec('ip', 'addr', 'add', `10.${net}.0.1/24`, 'dev', `v${net}`);
}

labTest('an underlay TAP of several overlays, beside that of another daemon', async ({ lab, step, note }) => {
  if (!probe.ok) return note(`not tested: ${probe.reason}`);
  const pair = await buildKernelPair(lab, { mtu: 1450, daemon: TAP, likeOnTheWire: false });
  const { ours, kernels } = pair;
  const stream = (address: string, port = 7000) => streamBothWays(ours, kernels, address, { port });

  await step('two overlays share a socket; one goes, the other stays', async () => {
    await addOverlay(pair, ours, 20, 4789);
    await Promise.all([stream(INNER.kernels[0]), stream('10.20.0.2', 7002)]);
    await ours.vxlane('delete-vnic', 'v20');
    await ours.vxlane('delete-overlay', 'ov20');
    await stream(INNER.kernels[0]);
  });

  const beside = new Host('beside', ours.netns, join(lab.dir, 'beside'), lab.processes, {
    daemonOptions: ['--engine', ENGINE],
  });
  await step('each of two daemons has what is its own', async () => {
    await beside.startDaemon(...TAP);
    await addOverlay(pair, beside, 30, 4790);
    await Promise.all([stream(INNER.kernels[0]), stream('10.30.0.2', 7002)]);
    assert.deepEqual([(await tapsOf(ours)).length, await programsOf(ours)], [2, 2]);
  });

  await step('kill -9 leaves neither a TAP nor a program, and the other daemon goes on', async () => {
    await beside.stopDaemon('SIGKILL');
    await eventually('the TAP is gone', async () => (await tapsOf(ours)).length === 1);
    await eventually('the program is gone', async () => (await programsOf(ours)) === 1);
    await stream(INNER.kernels[0]);
    await ours.stopDaemon('SIGKILL');
    await eventually('nothing is left', async () => (await tapsOf(ours)).length + (await programsOf(ours)) === 0);
    await ours.startDaemon(...TAP);
    await stream(INNER.kernels[0]);
  });

  await step('show-overlay says what there is: the TAP, and why there is none', async () => {
    assert.equal(await underlayOf(ours), 'underlay:tap:tap,socket');
    await ours.exec('ip', 'link', 'delete', ...(await tapsOf(ours)));
    const gone = 'underlay:socket:socket (its interface was deleted)';
    await eventually(gone, async () => (await underlayOf(ours)) === gone);
  });
});

labTest('no datagram leaves by the TAP that is too long for an interface whose MTU shrinks', async (context) => {
  const { lab, step, note } = context;
  if (!probe.ok) return note(`not tested: ${probe.reason}`);
  const options = { mtu: 1450, daemon: TAP, likeOnTheWire: false, nic: 'off' } as const;
  const { ours, kernels } = await buildKernelPair(lab, options);
  await streamBothWays(ours, kernels, INNER.kernels[0]);
  const longer = `udp dst port 4789 and greater ${SMALLER + ETHERNET + 1}`;
  const before = await Capture.start(kernels, 'eth0', longer, 'in');
  await ours.exec('ping', '-c', '1', '-W', '5', '-s', '1400', INNER.kernels[0]);
  assert.equal((await before.stop(['frame.len'])).length, 1, 'what is longer would be seen');
  await ours.exec('ip', 'link', 'set', 'eth0', 'mtu', String(SMALLER));
  // Its clock ticks every 100 ms in the thread that answers; the command alone takes longer.
  await drops(ours, 'exceeds_pmtu');
  const capture = await Capture.start(kernels, 'eth0', longer, 'in');

  await step('super-frames whose segments are too long are dropped, and counted', async () => {
    const server = kernels.spawn(['iperf3', '--server', '--one-off', '--forceflush'], { timeoutMs: 30_000 });
    await server.printed(/Server listening/);
    await ours.try(['timeout', '2', 'iperf3', '--client', INNER.kernels[0], '--time', '1']);
    await server.stop();
    assert.ok((await drops(ours, 'exceeds_pmtu')) > 0);
  });

  await step('what fits passes', async () => {
    await ours.exec('ip', 'link', 'set', 'v0', 'mtu', String(SMALLER - 50));
    await kernels.exec('ip', 'link', 'set', 'vx0', 'mtu', String(SMALLER - 50));
    await streamBothWays(ours, kernels, INNER.kernels[0]);
  });

  await step('nothing on the wire is longer', async () => {
    assert.deepEqual(await capture.stop(['frame.len']), []);
  });
});
