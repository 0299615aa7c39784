/** vxlane on both ends, two workers each: super-frames, their order, and what stays on one host. */
import assert from 'node:assert/strict';
import { Capture } from './capture.js';
import { type Host, type Lab, labTest, mac } from './support.js';
import { sendDatagrams, streamBothWays } from './traffic.js';
import '../support/each-engine.js';

const WORKERS = ['--workers', '2'];

/** A machine with VNIC `vN` of the host's overlay ov0, and addresses 10.5.0.N and fd05::N. */
async function attach(lab: Lab, host: Host, n: number): Promise<Host> {
  const vm = await lab.addMachine(`vm${n}`);
  await host.vxlane('create-vnic', '-m', mac(n), '-l', 'ov0', '-n', vm.netns, `v${n}`);
  await vm.exec('ip', 'addr', 'add', `10.5.0.${n}/24`, 'dev', `v${n}`);
  await vm.exec('ip', 'addr', 'add', `fd05::${n}/64`, 'dev', `v${n}`, 'nodad');
  return vm;
}

async function addOverlay(host: Host, own: number, other: number, ...properties: string[]): Promise<void> {
  const all = [`vxlan/listen_ip=10.88.88.${own}`, `direct/dest_ip=10.88.88.${other}`, ...properties];
  const options = all.flatMap((property) => ['-p', property]);
  await host.vxlane('create-overlay', '-v', '5', '-e', 'vxlan', '-s', 'direct', ...options, 'ov0');
}

labTest('two hosts with two workers each', async ({ lab, step }) => {
  const [one, two] = [
    await lab.addHost('one', { addresses: ['10.88.88.1/24'] }),
    await lab.addHost('two', { addresses: ['10.88.88.2/24'] }),
  ];
  await Promise.all([one.startDaemon(...WORKERS), two.startDaemon(...WORKERS)]);
  await Promise.all([addOverlay(one, 1, 2), addOverlay(two, 2, 1)]);
  const [vm1, vm2] = [await attach(lab, one, 1), await attach(lab, two, 2)];

  for (const address of ['10.5.0.2', 'fd05::2']) {
    await step(`eight TCP streams and UDP to ${address}`, async () => {
      await streamBothWays(vm1, vm2, address, { streams: 8, bytes: 1 << 20 });
      await sendDatagrams(vm1, vm2, address);
      await sendDatagrams(vm2, vm1, address.replace(/2$/, '1'));
    });
  }
});

for (const mtu of [1280, 1450]) {
  labTest(`two VNICs of one host, MTU ${mtu}`, async ({ lab, step }) => {
    const host = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
    await host.startDaemon(...WORKERS);
    await addOverlay(host, 1, 2, `mtu=${mtu}`);
    const [vm1, vm2] = [await attach(lab, host, 1), await attach(lab, host, 2)];
    const capture = await Capture.start(vm2, 'v2', 'tcp and greater 2000', 'in');

    await step('TCP over IPv4 and IPv6, UDP', async () => {
      await streamBothWays(vm1, vm2, '10.5.0.2', { streams: 2 });
      await streamBothWays(vm1, vm2, 'fd05::2', { streams: 2 });
      await sendDatagrams(vm1, vm2, '10.5.0.2');
    });
    await step('super-frames pass whole', async () => {
      const frames = await capture.stop(['frame.len', 'ipv6.version']);
      assert.ok(
        frames.some((frame) => frame['ipv6.version']?.length === 0),
        'none over IPv4',
      );
      assert.ok(
        frames.some((frame) => frame['ipv6.version']?.length === 1),
        'none over IPv6',
      );
    });
  });
}
