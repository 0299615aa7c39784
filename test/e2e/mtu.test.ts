/** The MTU of overlays and VNICs comes from the way to the endpoints, and goes with it. */
import assert from 'node:assert/strict';
import { eventually, type Host, type Lab, type LabTest, labTest, mac, pingAll } from './support.js';
import { streamBothWays } from './traffic.js';

interface Pair {
  readonly one: Host;
  readonly two: Host;
}

/** Two hosts whose VTEP addresses are on their loopback interfaces, as in a routed fabric; v0 is the VNIC of each. */
async function build(lab: Lab, search: (peer: string) => string[]): Promise<Pair> {
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24'] });
  for (const [n, host] of [one, two].entries()) {
    const [own, peer] = [n + 1, 2 - n];
    await host.exec('ip', 'addr', 'add', `192.0.2.${own}/32`, 'dev', 'lo');
    const source = ['src', `192.0.2.${own}`];
    await host.exec('ip', 'route', 'add', `192.0.2.${peer}/32`, 'via', `10.88.88.${peer}`, ...source);
    await host.startDaemon();
    const listen = ['-p', `vxlan/listen_ip=192.0.2.${own}`];
    await host.vxlane('create-overlay', '-v', '7', '-e', 'vxlan', ...search(`192.0.2.${peer}`), ...listen, 'ov0');
    await host.vxlane('create-vnic', '-m', mac(own), '-l', 'ov0', 'v0');
    await host.exec('ip', 'addr', 'add', `10.9.0.${own}/24`, 'dev', 'v0');
  }
  return { one, two };
}

const direct = (peer: string) => ['-s', 'direct', '-p', `direct/dest_ip=${peer}`];

async function mtuOf(host: Host, device: string): Promise<number> {
  const [link] = await host.json<{ mtu: number }[]>('ip', '-j', 'link', 'show', 'dev', device);
  return link!.mtu;
}

const untilMtu = (host: Host, mtu: number) =>
  eventually(`v0 of ${host.name} has MTU ${mtu}`, async () => (await mtuOf(host, 'v0')) === mtu);

const setMtus = async (hosts: readonly Host[], device: string, mtu: number) => {
  for (const host of hosts) await host.exec('ip', 'link', 'set', device, 'mtu', String(mtu));
};

async function propertyOf(host: Host, name: string): Promise<string | null | undefined> {
  type Shown = { properties: { name: string; value: string | null }[] };
  const [overlay] = await host.vxlaneJson<Shown[]>('show-overlay', 'ov0');
  return overlay?.properties.find((property) => property.name === name)?.value;
}

async function healthOf(host: Host): Promise<string> {
  const [health] = await host.vxlaneJson<{ status: string; details: string }[]>('show-overlay', '-f', 'ov0');
  return `${health?.status} ${health?.details}`.trim();
}

labTest('the MTU of VNICs follows the way to a destination', async (context) => {
  const { one, two } = await build(context.lab, direct);
  const { step } = context;

  await step('a listen address on the loopback interface: that of the interface the route uses', async () => {
    assert.equal(await mtuOf(one, 'v0'), 1450);
    assert.equal(await propertyOf(one, 'underlay-mtu'), '1500 by eth0 to 192.0.2.2');
    await streamBothWays(one, two, '10.9.0.2');
  });

  await step('it goes down and up with the interface, and TCP goes on', async () => {
    await setMtus([one, two], 'eth0', 1400);
    await Promise.all([untilMtu(one, 1350), untilMtu(two, 1350)]);
    assert.equal(await propertyOf(one, 'mtu'), '1350');
    await streamBothWays(one, two, '10.9.0.2');
    await setMtus([one, two], 'eth0', 1500);
    await Promise.all([untilMtu(one, 1450), untilMtu(two, 1450)]);
  });

  await step('it goes with the route', async () => {
    await one.exec('ip', 'link', 'add', 'eth1', 'mtu', '1300', 'type', 'veth', 'peer', 'name', 'eth1p');
    await one.exec('ip', 'link', 'set', 'eth1p', 'up');
    await one.exec('ip', 'link', 'set', 'eth1', 'up');
    await one.exec('ip', 'route', 'replace', '192.0.2.2/32', 'dev', 'eth1', 'src', '192.0.2.1');
    await untilMtu(one, 1250);
    await one.exec('ip', 'route', 'replace', '192.0.2.2/32', 'via', '10.88.88.2', 'src', '192.0.2.1');
    await untilMtu(one, 1450);
  });

  await step('what is set by hand stays, and says when it no longer fits', () => setByHand(one));
  await step('what an operator lowered stays', () => lowered(one));
  await step('what the daemon lowered is not taken for that', () => loweredByDaemon(one));
  await pingAll(one, '10.9.0.2');
});

async function setByHand(one: Host): Promise<void> {
  await one.vxlane('modify-overlay', '-p', 'mtu=1440', 'ov0');
  assert.equal(await mtuOf(one, 'v0'), 1440);
  await setMtus([one], 'eth0', 1400);
  const refusal = 'mtu 1440 does not fit: interface eth0, by which 192.0.2.2 is reached, has MTU 1400, so at most 1350';
  await eventually('it is DEGRADED', async () => (await healthOf(one)) === `DEGRADED ${refusal}`);
  assert.equal(await mtuOf(one, 'v0'), 1440);
  const outcome = await one.tryVxlane('modify-overlay', '-p', 'mtu=1351', 'ov0');
  assert.match(outcome.stderr, /mtu 1351 does not fit/);
  await setMtus([one], 'eth0', 1500);
  await eventually('it is ONLINE', async () => (await healthOf(one)) === 'ONLINE');
}

/** The overlay's MTU is 1440 by hand here; what matters is that of the interface. */
async function lowered(one: Host): Promise<void> {
  await setMtus([one], 'v0', 1200);
  const shown = () => one.vxlane('show-vnic', '--parsable', '-o', 'mtu', 'v0');
  await eventually('it is shown', async () => /^1200$/m.test(await shown()));
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await one.stopDaemon(signal);
    await one.startDaemon();
    assert.equal(await mtuOf(one, 'v0'), 1200, `after ${signal}`);
  }
}

async function loweredByDaemon(one: Host): Promise<void> {
  await one.vxlane('delete-vnic', 'v0');
  await one.vxlane('delete-overlay', 'ov0');
  const listen = ['-p', 'vxlan/listen_ip=192.0.2.1'];
  await one.vxlane('create-overlay', '-v', '7', '-e', 'vxlan', ...direct('192.0.2.2'), ...listen, 'ov0');
  await one.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
  await one.exec('ip', 'addr', 'add', '10.9.0.1/24', 'dev', 'v0');
  await setMtus([one], 'eth0', 1400);
  await untilMtu(one, 1350);
  await eventually('it is kept', async () =>
    (await one.exec('cat', `${one.dir}/state/vnics/v0.json`)).includes('1350'),
  );
  await one.stopDaemon();
  await setMtus([one], 'eth0', 1500);
  await one.startDaemon();
  await untilMtu(one, 1450);
  await setMtus([one], 'v0', 1300);
  await setMtus([one], 'eth0', 1400);
  await eventually('the overlay follows', async () => (await propertyOf(one, 'mtu')) === '1350');
  assert.equal(await mtuOf(one, 'v0'), 1300);
  await setMtus([one], 'eth0', 1500);
  await eventually('the overlay follows', async () => (await propertyOf(one, 'mtu')) === '1450');
  assert.equal(await mtuOf(one, 'v0'), 1300);
}

labTest('the MTU of VNICs follows the ways to where frames are flooded and MACs are', (context) => flooded(context));

async function flooded({ lab, step }: LabTest): Promise<void> {
  const flood = (peer: string) => ['-s', 'flood', '-p', `flood/endpoints=${peer}`];
  const { one, two } = await build(lab, flood);
  await step('a flood list', async () => {
    assert.equal(await mtuOf(one, 'v0'), 1450);
    await streamBothWays(one, two, '10.9.0.2');
  });
  await one.exec('ip', 'link', 'add', 'eth1', 'mtu', '1300', 'type', 'veth', 'peer', 'name', 'eth1p');
  await one.exec('ip', 'link', 'set', 'eth1p', 'up');
  await one.exec('ip', 'link', 'set', 'eth1', 'up');
  await one.exec('ip', 'route', 'add', '192.0.2.9/32', 'dev', 'eth1', 'src', '192.0.2.1');
  await step('a target behind a smaller interface, as long as it is there', async () => {
    await one.vxlane('modify-overlay', '-s', `${mac(9)}=192.0.2.9:4789`, 'ov0');
    await untilMtu(one, 1250);
    assert.equal(await propertyOf(one, 'underlay-mtu'), '1300 by eth1 to 192.0.2.9');
    await one.vxlane('modify-overlay', '-d', mac(9), 'ov0');
    await untilMtu(one, 1450);
  });
}
