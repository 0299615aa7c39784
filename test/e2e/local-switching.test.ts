/** VNICs of one overlay on one host, and machines behind a VNIC. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Capture } from './capture.js';
import { plug, untilCarries } from './plugged.js';
import { drops, type Host, type Lab, labTest, mac, pingAll, pingNone } from './support.js';
import '../support/each-engine.js';

const VXLAN = 'udp port 4789';

async function startPair(lab: Lab): Promise<[Host, Host]> {
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24'] });
  await Promise.all([one.startDaemon(), two.startDaemon()]);
  return [one, two];
}

/** A machine with VNIC `vN` of the host's overlay ov0, MAC ...:N and address 10.5.0.N. IPv6 is off: no noise. */
async function attach(lab: Lab, host: Host, n: number, ...options: string[]): Promise<Host> {
  const vm = await lab.addMachine(`vm${n}`);
  await vm.exec('sysctl', '-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
  await host.vxlane('create-vnic', ...options, '-m', mac(n), '-l', 'ov0', '-n', vm.netns, `v${n}`);
  await vm.exec('ip', 'addr', 'add', `10.5.0.${n}/24`, 'dev', `v${n}`);
  return vm;
}

labTest('VNICs of one overlay on one host', async ({ lab, step }) => {
  const [one, two] = await startPair(lab);
  for (const [host, own, other] of [
    [one, 1, 2],
    [two, 2, 1],
  ] as const) {
    const properties = ['-p', `vxlan/listen_ip=10.88.88.${own}`, '-p', `direct/dest_ip=10.88.88.${other}`];
    await host.vxlane('create-overlay', '-v', '5', '-e', 'vxlan', '-s', 'direct', ...properties, 'ov0');
  }
  const vm1 = await attach(lab, one, 1);
  const vm2 = await attach(lab, one, 2);
  const vm3 = await attach(lab, two, 3);

  await step('unicast between them never touches the wire', async () => {
    await pingAll(vm1, '10.5.0.2'); // resolves addresses, by broadcasts that do go out
    const wire = await Capture.start(one, 'eth0', VXLAN);
    await pingAll(vm1, '10.5.0.2');
    assert.deepEqual(await wire.stop(['frame.number'], 'icmp'), []);
  });

  await step('a broadcast reaches every other VNIC once, the wire once, and never its sender', async () => {
    const asks = 'arp and arp[24:4] == 0x0a050063'; // for 10.5.0.99
    const captures = {
      sender: await Capture.start(vm1, 'v1', asks, 'in'),
      local: await Capture.start(vm2, 'v2', asks, 'in'),
      wire: await Capture.start(one, 'eth0', VXLAN, 'inout'),
      remote: await Capture.start(vm3, 'v3', asks, 'in'),
    };
    await vm1.try(['arping', '-b', '-c', '1', '-w', '1', '-I', 'v1', '10.5.0.99']);
    const seen = async (capture: Capture) =>
      (await capture.stop(['arp.opcode'], 'arp.dst.proto_ipv4 == 10.5.0.99')).length;
    assert.equal(await seen(captures.sender), 0);
    assert.equal(await seen(captures.local), 1);
    assert.equal(await seen(captures.remote), 1);
    assert.equal(await seen(captures.wire), 1);
  });

  await step('remote machines are reached beside the local ones', async () => {
    await pingAll(vm1, '10.5.0.3');
    await pingAll(vm3, '10.5.0.2');
  });

  await step('a frame with another source MAC is dropped as spoofed_source', async () => {
    const before = await drops(one, 'spoofed_source');
    await vm1.exec('ip', 'link', 'add', 'mv0', 'link', 'v1', 'address', mac(0x41), 'type', 'macvlan');
    await vm1.exec('ip', 'link', 'set', 'mv0', 'up');
    await vm1.exec('ip', 'addr', 'add', '10.5.0.41/32', 'dev', 'mv0');
    const local = await Capture.start(vm2, 'v2', `ether src ${mac(0x41)}`, 'in');
    const asked = await vm1.try(['arping', '-b', '-c', '3', '-w', '3', '-I', 'mv0', '-s', '10.5.0.41', '10.5.0.2']);
    assert.match(asked.stdout, /Sent 3 probes.*\nReceived 0 response/, asked.stderr);
    assert.deepEqual(await local.stop(['frame.number']), []);
    assert.equal((await drops(one, 'spoofed_source')) - before, 3);
  });
});

labTest('machines behind a VNIC that allows any MAC', async ({ lab, step }) => {
  const [one, two] = await startPair(lab);
  const file = join(lab.dir, 'hosts.json');
  const entry = (n: number, host: number) => [mac(n), { ip: `10.88.88.${host}`, arp: `10.5.0.${n}` }];
  writeFileSync(file, JSON.stringify(Object.fromEntries([entry(1, 1), entry(2, 2), entry(21, 2), entry(22, 2)])));
  for (const [host, own] of [
    [one, 1],
    [two, 2],
  ] as const) {
    const properties = ['-p', `vxlan/listen_ip=10.88.88.${own}`, '-p', `files/config=${file}`];
    await host.vxlane('create-overlay', '-v', '5', '-e', 'vxlan', '-s', 'files', ...properties, 'ov0');
  }
  const vm1 = await attach(lab, one, 1);

  await step('without such a VNIC their frames drop as no_local_port, and nothing loops', async () => {
    const before = await drops(two, 'no_local_port');
    await pingNone(vm1, '10.5.0.21');
    assert.equal((await drops(two, 'no_local_port')) - before, 3);
  });

  await step('with it each is reached, and reaches out', async () => {
    const bridge = await attach(lab, two, 2, '--allow-any-mac');
    await bridge.exec('ip', 'addr', 'flush', 'dev', 'v2');
    await bridge.exec('ip', 'link', 'add', 'br0', 'type', 'bridge');
    await bridge.exec('ip', 'link', 'set', 'v2', 'master', 'br0', 'up');
    await bridge.exec('ip', 'link', 'set', 'br0', 'up');
    await untilCarries(bridge, 'v2');
    const guests = [await guest(lab, bridge, 21), await guest(lab, bridge, 22)] as const;
    await pingAll(vm1, '10.5.0.21');
    await pingAll(vm1, '10.5.0.22');
    for (const machine of guests) await pingAll(machine, '10.5.0.1');
    await pingAll(guests[0], '10.5.0.22');
    assert.equal(await drops(two, 'spoofed_source'), 0);
  });
});

/** A machine with MAC ...:N and address 10.5.0.N, cabled to br0 of another. */
async function guest(lab: Lab, bridge: Host, n: number): Promise<Host> {
  const machine = await lab.addMachine(`guest${n}`);
  await plug(bridge, machine, 'br0', mac(n), [`10.5.0.${n}/24`]);
  return machine;
}
