/** `mac: auto` by a command and by a file: hosts that talk, and the same MACs after a restart and a reload. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VnicView } from '../../src/control/protocol.js';
import { type Host, labTest, pingAll } from './support.js';

const LIST = '10.88.88.1,10.88.88.2';

labTest('VNICs with mac auto', async ({ lab, step, note }) => {
  if (!existsSync('/etc/machine-id')) return note('not shown: this machine has no /etc/machine-id');
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24'] });
  const config = join(lab.dir, 'vxlane.yaml');
  const properties = `{ vxlan/listen_ip: 10.88.88.2, flood/endpoints: "${LIST}" }`;
  const overlays = `overlays: { ov0: { vni: 42, search: flood, properties: ${properties} } }`;
  writeFileSync(config, `${overlays}\nvnics: { v1: { overlay: ov0, mac: auto } }\n`);
  const start = () => Promise.all([one.startDaemon(), two.startDaemon('--config', config)]);
  await start();
  const flood = ['-p', 'vxlan/listen_ip=10.88.88.1', '-p', `flood/endpoints=${LIST}`];
  await one.vxlane('create-overlay', '-v', '42', '-e', 'vxlan', '-s', 'flood', ...flood, 'ov0');
  await one.vxlane('create-vnic', '-m', 'auto', '-l', 'ov0', 'v0');
  await one.exec('ip', 'addr', 'add', '10.9.0.1/24', 'dev', 'v0');
  await two.exec('ip', 'addr', 'add', '10.9.0.2/24', 'dev', 'v1');
  const macOf = async (host: Host) => (await host.vxlaneJson<VnicView[]>('show-vnic'))[0]!.mac;
  const macs = await Promise.all([one, two].map(macOf));

  await step('are of two MACs, which their interfaces have, and reach each other', async () => {
    assert.notEqual(macs[0], macs[1]);
    const [link] = await one.json<{ address: string }[]>('ip', '-j', 'link', 'show', 'dev', 'v0');
    assert.equal(link?.address, macs[0]);
    await pingAll(one, '10.9.0.2');
  });

  await step('keep them over a restart and a reload, and their addresses with them', async () => {
    await Promise.all([one, two].map((host) => host.stopDaemon('SIGKILL')));
    await start();
    assert.equal(await two.vxlane('reload'), `${config}: applied\n`);
    assert.deepEqual(await Promise.all([one, two].map(macOf)), macs);
    await pingAll(two, '10.9.0.1');
  });
});
