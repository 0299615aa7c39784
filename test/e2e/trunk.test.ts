/**
 * A trunk: VLANs of a bridge are overlays. Behind the bridge are hosts of two VLANs; another daemon tags their frames,
 * by a trunk of its own, so that the bridge carries tags and super-frames as a switch's would. Beyond the underlay a
 * kernel has a vxlan device for each VNI. Both VLANs have the same inner addresses.
 *
 *   h100, h200 ── daemon "inside", trunk t1 ──┐            ┌── t0, daemon "gate" ══ underlay ══ vx100, vx200 of "far"
 *                                             └─ br0 ──────┘
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VnicView } from '../../src/control/protocol.js';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { byTap } from './by-tap.js';
import { Capture } from './capture.js';
import {
  drops,
  eventually,
  type Host,
  iperf,
  type LabTest,
  labTest,
  mac,
  neighbourOf,
  pingAll,
  pingNone,
  rate,
  readStats,
} from './support.js';

const GATE = '10.88.88.1';
const FAR = '10.88.88.2';
const INSIDE = '10.88.88.3';
const NOBODY = '10.88.88.99';
const HERE = '10.9.0.1';
const THERE = '10.9.0.2';
const VLANS = [100, 200] as const;
const vniOf = (vlan: number): number => 10_000 + vlan;
/** Of the host of a VLAN, and of the kernel's device of it. */
const hostMac = (vlan: number): string => mac(vlan / 100);
const farMac = (vlan: number): string => mac(16 + vlan / 100);

const probe = probeUnderlayTap();

interface Site {
  readonly gate: Host;
  readonly far: Host;
  readonly hosts: ReadonlyMap<number, Host>;
}

async function build({ lab }: LabTest): Promise<Site> {
  const far = await lab.addHost('far', { addresses: [`${FAR}/24`] });
  const gate = await lab.addHost('gate', { addresses: [`${GATE}/24`] });
  const inside = await lab.addHost('inside', { addresses: [`${INSIDE}/24`] });
  const hosts = new Map<number, Host>();
  await far.exec('ip', 'link', 'set', 'lo', 'up');
  await gate.startDaemon('--underlay', probe.ok ? 'tap' : 'socket');
  await inside.startDaemon();
  for (const vlan of VLANS) {
    const vni = vniOf(vlan);
    const machine = await lab.addMachine(`h${vlan}`);
    const inner = await lab.addMachine(`far${vlan}`);
    hosts.set(vlan, machine);
    const tunnel = ['id', String(vni), 'local', FAR, 'remote', GATE, 'dstport', '4789'];
    await far.exec('ip', 'link', 'add', 'vx0', 'address', farMac(vlan), 'type', 'vxlan', ...tunnel);
    await far.exec('ip', 'link', 'set', 'vx0', 'netns', inner.netns);
    await inner.exec('ip', 'link', 'set', 'vx0', 'mtu', '1450', 'up');
    await inner.exec('ip', 'addr', 'add', `${THERE}/24`, 'dev', 'vx0');
    const flood = (own: string, to: string) => ['-p', `vxlan/listen_ip=${own}`, '-p', `flood/endpoints=${to}`];
    const words = (own: string, to: string) => ['-v', String(vni), '-e', 'vxlan', '-s', 'flood', ...flood(own, to)];
    await gate.vxlane('create-overlay', ...words(GATE, FAR), `ov${vlan}`);
    await inside.vxlane('create-overlay', ...words(INSIDE, NOBODY), `in${vlan}`);
    await inside.vxlane('create-vnic', '-m', hostMac(vlan), '-l', `in${vlan}`, '-n', machine.netns, `h${vlan}`);
    await machine.exec('ip', 'addr', 'add', `${HERE}/24`, 'dev', `h${vlan}`);
  }
  await gate.exec('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
  await gate.exec('ip', 'link', 'set', 'br0', 'up');
  await gate.vxlane('create-vnic', '-m', mac(100), '--trunk', '100=ov100,200=ov200', 't0');
  await inside.vxlane('create-vnic', '-m', mac(101), '--trunk', '100=in100,200=in200', '-n', gate.netns, 't1');
  for (const trunk of ['t0', 't1']) await gate.exec('ip', 'link', 'set', trunk, 'master', 'br0');
  return { gate, far, hosts };
}

async function checkBooks(host: Host): Promise<void> {
  const { totals: t } = await readStats(host);
  const taken = t.encapIn! + t.decapIn! + t.injected! + t.copies! + t.tooBigAnswers!;
  assert.equal(taken, t.encapOut! + t.delivered! + t.dropped! + t.held! + t.upcalled!, JSON.stringify(t));
}

labTest('a trunk: the VLANs of a bridge are overlays', async (context) => {
  const { lab, step, note } = context;
  const { gate, hosts } = await build(context);
  const [h100, h200] = [hosts.get(100)!, hosts.get(200)!];
  const farHosts = new Map(VLANS.map((vlan) => [vlan, lab.hosts.find(({ name }) => name === `far${vlan}`)!]));
  const vnicsOfGate = () => gate.vxlaneJson<VnicView[]>('show-vnic');

  await step('it is a VNIC for each VLAN, and one interface', async () => {
    const shown = await vnicsOfGate();
    const facts = shown.map(({ name, overlay, interface: device, trunk, allowAnyMac, state }) => [
      ...[name, overlay, device, trunk?.name, trunk?.vlan, allowAnyMac, state],
    ]);
    assert.deepEqual(facts, [
      ['t0.100', 'ov100', 't0', 't0', 100, true, 'up'],
      ['t0.200', 'ov200', 't0', 't0', 200, true, 'up'],
    ]);
  });

  await step('every VLAN reaches its own overlay, where the same address is another host', async () => {
    for (const [vlan, host] of hosts) {
      await pingAll(host, THERE);
      assert.equal(await neighbourOf(host, `h${vlan}`, THERE), farMac(vlan));
      await pingAll(farHosts.get(vlan as 100)!, HERE);
      await pingAll(host, THERE, '-s', '1422', '-M', 'do');
    }
  });

  await step('on the bridge frames have their tags', async () => {
    const tagged = await Capture.start(gate, 'br0', 'vlan', 'inout');
    await pingAll(h200, THERE);
    const packets = await tagged.stop(['vlan.id', 'icmp.type'], 'icmp');
    assert.ok(packets.length >= 6);
    assert.deepEqual(new Set(packets.map((packet) => packet['vlan.id']?.[0])), new Set(['200']));
  });

  await step('what has no tag, or one that nobody has, goes nowhere and is counted', async () => {
    const before = await drops(gate, 'vlan_unknown');
    await gate.exec('ip', 'addr', 'add', '10.9.0.77/24', 'dev', 'br0');
    await pingNone(gate, THERE);
    await gate.exec('ip', 'addr', 'del', '10.9.0.77/24', 'dev', 'br0');
    await eventually('counted', async () => (await drops(gate, 'vlan_unknown')) > before);
    const { vnics } = await readStats(gate);
    for (const { name, drops: dropped } of vnics) assert.equal(dropped, 0, name);
  });

  await step('super-frames pass, both ways', async () => {
    const server = farHosts.get(100)!;
    for (const extra of [[], ['--reverse']]) {
      note(`${extra.join(' ') || 'to the overlay'}: ${rate(await iperf(h100, server, THERE, ...extra))}`);
    }
    await checkBooks(gate);
    if (!probe.ok) return note(`not by the underlay TAP: ${probe.reason}`);
    const { sent, received } = await byTap(gate);
    note(`${sent} sent by the underlay TAP, ${received} received`);
    assert.ok(sent > 100 && received > 100);
  });

  await step('what is asked of a proxy is answered behind the tag', async () => {
    const hostsFile = `${gate.dir}/hosts.json`;
    const table = {
      [hostMac(200)]: { ip: GATE, port: 4789, arp: HERE },
      [farMac(200)]: { ip: FAR, port: 4789, arp: THERE },
    };
    await gate.exec('sh', '-c', `echo '${JSON.stringify(table)}' > ${hostsFile}`);
    await gate.vxlane('modify-overlay', '--search', 'files', '-p', `files/config=${hostsFile}`, 'ov200');
    await h200.exec('ip', 'neigh', 'flush', 'dev', 'h200');
    const asked = await Capture.start(farHosts.get(200)!, 'vx0', 'arp', 'in');
    await pingAll(h200, THERE);
    assert.equal(await neighbourOf(h200, 'h200', THERE), farMac(200));
    const requests = await asked.stop(['arp.opcode', 'arp.src.proto_ipv4'], 'arp.opcode == 1');
    assert.deepEqual(requests, [], 'nobody beyond the underlay was asked');
    await pingAll(h100, THERE);
  });

  await step('what cannot be is refused, and what is there stays', async () => {
    const refused = async (pattern: RegExp, ...words: string[]) => {
      const { code, stderr } = await gate.tryVxlane(...words);
      assert.notEqual(code, 0);
      assert.match(stderr, pattern);
    };
    const flood = ['-p', `vxlan/listen_ip=${GATE}`, '-p', `flood/endpoints=${FAR}`];
    await gate.vxlane('create-overlay', '-v', '7', '-e', 'vxlan', '-s', 'flood', ...flood, 'ov7');
    await refused(/overlay ov100 .*t0\.100/, 'delete-overlay', 'ov100');
    const more = ['create-vnic', '--trunk'];
    await refused(/t0\.100 takes any MAC on overlay ov100/, ...more, '300=ov100', '-m', mac(100), 't0');
    await refused(/its mac is not de:ad:be:ef:00:64, as there/, ...more, '300=ov7', '-m', mac(102), 't0');
    await refused(/bad trunk: 5000=ov100: a VLAN is a number/, ...more, '5000=ov100', '-m', mac(102), 't2');
    await refused(/name t0 is that of trunk t0/, 'create-vnic', '-m', mac(103), '-l', 'ov100', 't0');
    await refused(/missing overlay/, 'create-vnic', '-m', mac(103), 'v0');
    // All or none.
    await refused(/no such overlay: nix/, ...more, '7=ov7,8=nix', '-m', mac(102), 't2');
    assert.deepEqual(
      (await vnicsOfGate()).map(({ name }) => name),
      ['t0.100', 't0.200'],
    );
    await pingAll(h100, THERE);
  });

  await step('a VLAN goes and comes while the others stay', async () => {
    await gate.vxlane('delete-vnic', 't0.200');
    await pingAll(h100, THERE);
    await pingNone(h200, THERE);
    await gate.vxlane('create-vnic', '-m', mac(100), '--trunk', '200=ov200', 't0');
    await pingAll(h200, THERE);
    await pingAll(h100, THERE);
  });

  await step('it outlives the daemon, and another takes it over', async () => {
    await gate.stopDaemon('SIGKILL');
    await gate.startDaemon();
    await eventually('up again', async () => (await vnicsOfGate()).every(({ state }) => state === 'up'));
    for (const host of hosts.values()) await pingAll(host, THERE);
    await gate.replaceDaemon();
    await eventually('up again', async () => (await vnicsOfGate()).every(({ state }) => state === 'up'));
    for (const host of hosts.values()) await pingAll(host, THERE);
    await checkBooks(gate);
  });

  await step('its interface is made again, and goes with its last VNIC', async () => {
    await gate.exec('ip', 'link', 'del', 't0');
    await eventually('gone', async () => (await vnicsOfGate()).every(({ state }) => /deleted/.test(state)));
    await gate.vxlane('reload');
    await gate.exec('ip', 'link', 'set', 't0', 'master', 'br0');
    for (const host of hosts.values()) await pingAll(host, THERE);
    await gate.vxlane('delete-vnic', 't0');
    assert.deepEqual(await vnicsOfGate(), []);
    assert.notEqual((await gate.try(['ip', 'link', 'show', 't0'])).code, 0);
  });
});

labTest('a trunk in a configuration file', async ({ lab, step }) => {
  const gate = await lab.addHost('gate', { addresses: [`${GATE}/24`] });
  const file = join(gate.dir, 'vxlane.yaml');
  const properties = `{ vxlan/listen_ip: ${GATE}, flood/endpoints: ${FAR} }`;
  const overlays = VLANS.map((vlan) => `  ov${vlan}: { vni: ${vlan}, search: flood, properties: ${properties} }\n`);
  const declare = (trunk: string) => {
    const vnic = trunk === '' ? '' : `vnics:\n  t0: { mac: ${mac(100)}, trunk: ${trunk} }\n`;
    writeFileSync(file, `overlays:\n${overlays.join('')}${vnic}`);
  };
  const shown = async () =>
    (await gate.vxlaneJson<VnicView[]>('show-vnic')).map(({ name, overlay, state }) => `${name} ${overlay} ${state}`);
  const index = async () => (await gate.json<{ ifindex: number }[]>('ip', '-j', 'link', 'show', 't0'))[0]?.ifindex;

  declare('{ 100: ov100 }');
  await gate.startDaemon('--config', file);
  await step('is brought up, changes VLAN by VLAN, and keeps its interface', async () => {
    await eventually('up', async () => (await shown()).join() === 't0.100 ov100 up');
    const made = await index();
    for (const [trunk, expected] of [
      ['{ 100: ov100, 200: ov200 }', ['t0.100 ov100 up', 't0.200 ov200 up']],
      ['{ 200: ov100, 100: ov200 }', ['t0.100 ov200 up', 't0.200 ov100 up']],
      ['{ 200: ov100 }', ['t0.200 ov100 up']],
    ] as const) {
      declare(trunk);
      await gate.vxlane('reload');
      assert.deepEqual(await shown(), expected);
      assert.equal(await index(), made);
    }
    const { stderr } = await gate.tryVxlane('delete-vnic', 't0');
    assert.match(stderr, /vxlane\.yaml/);
    declare('');
    await gate.vxlane('reload');
    assert.deepEqual(await shown(), []);
    assert.notEqual((await gate.try(['ip', 'link', 'show', 't0'])).code, 0);
  });
});
