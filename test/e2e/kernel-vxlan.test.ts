/**
 * The other side is the kernel's own vxlan device: both directions, both underlays, and what tshark says of our
 * datagrams.
 */
import assert from 'node:assert/strict';
import { Capture } from './capture.js';
import { CHECKING, datagramIsGood, FIELDS, flippedBitShows } from './datagrams.js';
import { type Host, iperf, type Lab, labTest, mac, pingAll, rate, setLinkLocal, untilUsable } from './support.js';
import '../support/each-engine.js';

const UNDERLAYS = [
  { family: 4, ours: '10.88.88.1', kernels: '10.88.88.2', prefix: 24, mtu: 1450 },
  { family: 6, ours: 'fd88::1', kernels: 'fd88::2', prefix: 64, mtu: 1430 },
] as const;

const UDP = ['--udp', '--bitrate', '10M', '--length', '1200'];

type Underlay = (typeof UNDERLAYS)[number];

interface Pair {
  ours: Host;
  kernels: Host;
}

/** Our end has VNIC v0 with 10.9.0.1 and fe80::a, the kernel's has vx0 with 10.9.0.2 and fe80::b. */
async function build(lab: Lab, underlay: Underlay): Promise<Pair> {
  const address = (ip: string) => ({ addresses: [`${ip}/${underlay.prefix}`], likeOnTheWire: true });
  const ours = await lab.addHost('ours', address(underlay.ours));
  const kernels = await lab.addHost('kernels', address(underlay.kernels));
  const tunnel = ['local', underlay.kernels, 'remote', underlay.ours, 'dstport', '4789'];
  await kernels.exec('ip', 'link', 'add', 'vx0', 'type', 'vxlan', 'id', '42', ...tunnel);
  await kernels.exec('ip', 'link', 'set', 'vx0', 'mtu', String(underlay.mtu), 'up');
  await ours.startDaemon();
  const properties = ['-p', `vxlan/listen_ip=${underlay.ours}`, '-p', `direct/dest_ip=${underlay.kernels}`];
  await ours.vxlane('create-overlay', '-v', '42', '-e', 'vxlan', '-s', 'direct', ...properties, 'ov0');
  await ours.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
  await ours.exec('ip', 'addr', 'add', '10.9.0.1/24', 'dev', 'v0');
  await kernels.exec('ip', 'addr', 'add', '10.9.0.2/24', 'dev', 'vx0');
  await setLinkLocal(ours, 'v0', 'fe80::a');
  await setLinkLocal(kernels, 'vx0', 'fe80::b');
  await Promise.all([untilUsable(ours, 'v0'), untilUsable(kernels, 'vx0')]);
  return { ours, kernels };
}

for (const underlay of UNDERLAYS) {
  labTest(`the kernel's vxlan device over an IPv${underlay.family} underlay`, async ({ lab, step, note }) => {
    const pair = await build(lab, underlay);
    const { ours, kernels } = pair;

    await step('each pings the other', async () => {
      await pingAll(ours, '10.9.0.2');
      await pingAll(kernels, '10.9.0.1');
      await pingAll(ours, 'fe80::b%v0');
      await pingAll(kernels, 'fe80::a%vx0');
    });

    await step('the largest packet passes whole, a larger one is refused by the interface', async () => {
      const [link] = await ours.json<{ mtu: number }[]>('ip', '-j', 'link', 'show', 'dev', 'v0');
      assert.equal(link?.mtu, underlay.mtu);
      const whole = ['-M', 'do', '-s', String(underlay.mtu - 28)];
      await pingAll(ours, '10.9.0.2', ...whole);
      await pingAll(kernels, '10.9.0.1', ...whole);
      const over = await ours.try(['ping', '-c', '1', '-M', 'do', '-s', String(underlay.mtu - 27), '10.9.0.2']);
      assert.match(over.stdout + over.stderr, /too long/i);
    });

    await step('TCP and UDP flow both ways', async () => {
      const there = await iperf(ours, kernels, '10.9.0.2');
      const back = await iperf(ours, kernels, '10.9.0.2', '--reverse');
      note(`TCP to the kernel ${rate(there)}, from it ${rate(back)}`);
      for (const direction of [[], ['--reverse']]) {
        const udp = await iperf(ours, kernels, '10.9.0.2', ...UDP, ...direction);
        assert.ok(udp.end.sum !== undefined && udp.end.sum.packets > 500);
        assert.ok(udp.end.sum.lost_percent < 1, `lost ${udp.end.sum.lost_percent} %`);
      }
    });

    await step('tshark finds our datagrams well formed and their checksums good', () => wellFormed(pair, underlay));
  });
}

async function wellFormed({ ours, kernels }: Pair, underlay: Underlay): Promise<void> {
  const capture = await Capture.start(kernels, 'eth0', 'udp dst port 4789', 'in');
  await pingAll(ours, '10.9.0.2');
  await pingAll(ours, 'fe80::b%v0');
  await iperf(ours, kernels, '10.9.0.2', '--bytes', '200K');
  await iperf(ours, kernels, '10.9.0.2', ...UDP, '--bytes', '200K');
  const packets = await capture.stop(FIELDS, '', ...CHECKING);
  assert.ok(packets.length > 200, `only ${packets.length} datagrams`);
  for (const packet of packets) datagramIsGood(packet, '42');
  // inner TCP, UDP, ICMP and ICMPv6 must all have been among them
  const inner = (status: string, outer: number) =>
    packets.filter((packet) => (packet[status] ?? []).length > outer).length;
  assert.ok(inner('tcp.checksum.status', 0) > 50);
  assert.ok(inner('udp.checksum.status', 1) > 50);
  assert.ok(inner('icmp.checksum.status', 0) >= 3);
  assert.ok(inner('icmpv6.checksum.status', 0) >= 3);
  assert.ok(inner('ip.checksum.status', underlay.family === 4 ? 1 : 0) > 100);
  await flippedBitShows(capture, '42');
}
