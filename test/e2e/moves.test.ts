/** A machine that migrates onto a bridge of this host, while the table of the `files` plugin still has it elsewhere. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { targetOf } from './flood-lab.js';
import { plug } from './plugged.js';
import { labTest, mac, pingAll } from './support.js';

const VNIC_IP = '10.9.0.1';
const MACHINE_IP = '10.9.0.8';

labTest('a machine that moves here is reached at once, wherever the table has it', async ({ lab, step }) => {
  const ours = await lab.addHost('ours', { addresses: ['10.88.88.1/24'] });
  const machine = await lab.addMachine('machine');
  // else it would speak unasked
  await machine.exec('sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1');
  const table = join(lab.dir, 'hosts.json');
  writeFileSync(table, JSON.stringify({ [mac(7)]: { ip: '10.88.88.2' } }));
  await ours.startDaemon();
  const properties = ['-p', 'vxlan/listen_ip=10.88.88.1', '-p', `files/config=${table}`];
  await ours.vxlane('create-overlay', '-v', '42', '-e', 'vxlan', '-s', 'files', ...properties, 'ov0');
  await ours.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
  await ours.vxlane('create-vnic', '-m', mac(9), '-l', 'ov0', '--allow-any-mac', 'up0');
  await ours.exec('ip', 'link', 'set', 'v0', 'up');
  await ours.exec('ip', 'addr', 'add', `${VNIC_IP}/24`, 'dev', 'v0');
  await ours.exec('ip', 'link', 'add', 'br1', 'mtu', '1400', 'type', 'bridge');
  await ours.exec('ip', 'link', 'set', 'up0', 'master', 'br1', 'up');
  await ours.exec('ip', 'link', 'set', 'br1', 'up');
  await plug(ours, machine, 'br1', mac(7), [`${MACHINE_IP}/24`]);
  await ours.exec('ip', 'neigh', 'replace', MACHINE_IP, 'lladdr', mac(7), 'dev', 'v0', 'nud', 'permanent');
  await machine.exec('ip', 'neigh', 'replace', VNIC_IP, 'lladdr', mac(1), 'dev', 'eth0', 'nud', 'permanent');

  await step('the table is believed as long as nothing contradicts it', async () => {
    await ours.try(['ping', '-c', '1', '-W', '0.2', MACHINE_IP]);
    assert.equal((await targetOf(ours, mac(7)))?.destination, '10.88.88.2:4789');
  });

  await step('the first frame of the machine does', async () => {
    // as a gratuitous ARP would: an answer that comes within a millisecond may still go to where it was
    await machine.try(['ping', '-c', '1', '-W', '0.2', VNIC_IP]);
    await pingAll(machine, VNIC_IP);
    await pingAll(ours, MACHINE_IP, '-I', 'v0');
    const { destination, source } = (await targetOf(ours, mac(7)))!;
    assert.deepEqual([destination, source], ['vnic up0', 'learned']);
  });
});
