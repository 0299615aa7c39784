/** Two hosts on an IPv6 underlay, each with a GoBGP: what FRR 8.4 cannot be, a VTEP with an IPv6 address. */
import { test } from 'node:test';
import { pasted } from '../support/evpn-manual.js';
import { needsPrograms } from '../support/server-process.js';
import { HostGoBgp, tcpRates } from './evpn-lab.js';
import { eventually, type Host, type Lab, labTest, mac, pingAll, untilUsable } from './support.js';

async function build(lab: Lab, own: number, other: number): Promise<Host> {
  const host = await lab.addHost(`host${own}`, { addresses: [`fd00::${own}/64`] });
  const configuration = pasted('toml').replace('10.0.0.2', `fd00::${other}`).replace('10.0.0.1', `10.0.0.${own}`);
  await new HostGoBgp(lab, host, configuration).start();
  await host.startDaemon();
  const [overlay] = pasted('vxlane').trim().split('\n') as [string];
  await host.vxlane(...overlay.replace('10.0.0.1', `fd00::${own}`).split(' ').slice(1));
  const addresses = ['--address', `10.9.0.${own}/24`, '--address', `fd09::${own}/64`];
  await host.vxlane('create-vnic', '-m', mac(own), '-l', 'overlay0', ...addresses, 'foo0');
  await host.exec('ip', 'link', 'set', 'foo0', 'up');
  await untilUsable(host, 'foo0');
  return host;
}

const missing = needsPrograms('iperf3', 'gobgpd', 'gobgp');
if (missing !== false) test('evpn on an IPv6 underlay', { skip: missing }, () => {});
else {
  labTest('evpn on an IPv6 underlay', async ({ lab, note }) => {
    const [one, two] = await Promise.all([build(lab, 1, 2), build(lab, 2, 1)]);
    for (const [host, other] of [
      [one, 2],
      [two, 1],
    ] as const) {
      const isFound = async () =>
        (await host.tryVxlane('lookup', 'overlay0', mac(other))).stdout.includes(`fd00::${other}`);
      await eventually(`${host.name} knows of the other`, isFound, 90_000);
      for (const address of [`10.9.0.${other}`, `fd09::${other}`]) await pingAll(host, address);
    }
    note(await tcpRates(one, two, 'fd09::2'));
  });
}
