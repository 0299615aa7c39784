/** A worker that traps, which the debug build can be made to: VNICs stay, traffic resumes by itself, it is counted. */
import assert from 'node:assert/strict';
import { createClient } from '../../src/control/client.js';
import { eventually, type Host, type Lab, labTest, mac, pingAll } from './support.js';
import '../support/each-engine.js';

process.env.VXLANE_DEBUG_WASM = '1';

/** Two hosts with a VNIC each. */
async function build(lab: Lab): Promise<{ one: Host; vm1: Host; index: string }> {
  const hosts = [1, 2].map((n) => lab.addHost(`host${n}`, { addresses: [`10.88.88.${n}/24`] }));
  const [one, two] = (await Promise.all(hosts)) as [Host, Host];
  await Promise.all([one.startDaemon(), two.startDaemon()]);
  const machines: Host[] = [];
  for (const [host, n] of [
    [one, 1],
    [two, 2],
  ] as const) {
    const vm = await lab.addMachine(`vm${n}`);
    const properties = ['-p', `vxlan/listen_ip=10.88.88.${n}`, '-p', `direct/dest_ip=10.88.88.${3 - n}`];
    await host.vxlane('create-overlay', '-v', '6', '-e', 'vxlan', '-s', 'direct', ...properties, 'ov0');
    await host.vxlane('create-vnic', '-m', mac(n), '-l', 'ov0', '-n', vm.netns, `v${n}`);
    await vm.exec('ip', 'addr', 'add', `10.6.0.${n}/24`, 'dev', `v${n}`);
    machines.push(vm);
  }
  const vm1 = machines[0]!;
  return { one, vm1, index: await vm1.exec('cat', '/sys/class/net/v1/ifindex') };
}

labTest('a datapath worker that traps is replaced under traffic', async ({ lab }) => {
  const { one, vm1, index } = await build(lab);
  await pingAll(vm1, '10.6.0.2');
  process.kill(one.daemonPid!, 'SIGUSR2');
  const client = createClient(one.socket);
  await eventually('the restart is counted', async () => (await client.daemon()).workerRestarts === 1);
  assert.match(one.daemonLog(), /datapath worker restarted/);
  await pingAll(vm1, '10.6.0.2');
  assert.equal(await vm1.exec('cat', '/sys/class/net/v1/ifindex'), index, 'the interface is the same');
});
