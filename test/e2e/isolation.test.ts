/** Alice and Bob: the same MACs and the same addresses on the same two hosts, and neither sees the other's traffic. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Capture } from './capture.js';
import { type Host, type Lab, labTest, mac, pingAll, pingNone } from './support.js';

interface Tenant {
  readonly name: 'alice' | 'bob';
  readonly vni: string;
}

const ALICE: Tenant = { name: 'alice', vni: '100' };
const BOB: Tenant = { name: 'bob', vni: '200' };

/** A tenant's machine: a namespace with VNIC `NAME0` on an overlay of `host`, MAC ...:01 or ...:02, 10.1.2.1 or .2. */
async function rent(lab: Lab, host: Host, tenant: Tenant, file: string, number: 1 | 2): Promise<Host> {
  const machine = await lab.addMachine(`${tenant.name}${number}`);
  const overlay = `${tenant.name}net`;
  const vnic = `${tenant.name}0`;
  const properties = ['-p', `vxlan/listen_ip=10.88.88.${number}`, '-p', `files/config=${file}`];
  await host.vxlane('create-overlay', '-v', tenant.vni, '-e', 'vxlan', '-s', 'files', ...properties, overlay);
  await host.vxlane('create-vnic', '-m', mac(number), '-l', overlay, '-n', machine.netns, vnic);
  await machine.exec('ip', 'addr', 'add', `10.1.2.${number}/24`, 'dev', vnic);
  return machine;
}

labTest('two overlays with the same addresses do not see each other', async ({ lab, step }) => {
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24'] });
  await Promise.all([one.startDaemon(), two.startDaemon()]);
  const file = join(lab.dir, 'hosts.json');
  const entry = (number: number) => [mac(number), { ip: `10.88.88.${number}`, arp: `10.1.2.${number}` }];
  writeFileSync(file, JSON.stringify(Object.fromEntries([entry(1), entry(2)])));
  const alice1 = await rent(lab, one, ALICE, file, 1);
  const alice2 = await rent(lab, two, ALICE, file, 2);
  const bob1 = await rent(lab, one, BOB, file, 1);
  const bob2 = await rent(lab, two, BOB, file, 2);

  await step('each reaches its own', async () => {
    for (const machine of [alice1, bob1]) await pingAll(machine, '10.1.2.2');
    for (const machine of [alice2, bob2]) await pingAll(machine, '10.1.2.1');
  });

  await step("nothing of Alice's arrives at Bob's machines", async () => {
    const atBobs = [await Capture.start(bob1, 'bob0', 'icmp', 'in'), await Capture.start(bob2, 'bob0', 'icmp', 'in')];
    await pingAll(alice1, '10.1.2.2');
    for (const capture of atBobs) assert.deepEqual(await capture.stop(['frame.number']), []);
  });

  await step("Bob's machine being gone is not hidden by Alice's, which has its address", async () => {
    await two.vxlane('delete-vnic', 'bob0');
    await pingNone(bob1, '10.1.2.2');
    await pingAll(alice1, '10.1.2.2');
  });

  await step('both overlays share one UDP socket', async () => {
    const sockets = await one.exec('ss', '-Hlun', 'sport = :4789');
    assert.equal(sockets.trim().split('\n').length, 1, sockets);
  });

  await step('a second overlay with the same VNI is refused', async () => {
    const properties = ['-p', 'vxlan/listen_ip=10.88.88.1', '-p', `files/config=${file}`];
    const taken = await one.tryVxlane(
      'create-overlay',
      '-v',
      '100',
      '-e',
      'vxlan',
      '-s',
      'files',
      ...properties,
      'third',
    );
    assert.equal(taken.code, 1, taken.stdout);
    assert.match(taken.stderr, /alicenet/);
  });
});
