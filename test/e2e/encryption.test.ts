/**
 * The underlay is encrypted: overlays over WireGuard, as docs/encryption.md has it. The kernel here has no WireGuard,
 * so wireguard-go makes the interface; for the daemon there is no difference.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { uniqueName } from '../support/netns.js';
import { Capture } from './capture.js';
import { drops, eventually, type Host, iperf, type Lab, labTest, mac, pingAll, pingNone } from './support.js';

const WIREGUARD_PORT = 51_820;
/** What WireGuard leaves of 1500 bytes, by its own default. */
const TUNNEL_MTU = 1420;
/** The headers that VXLAN adds, Ethernet of the inner frame included, by the family inside the tunnel. */
const OVERHEAD = { 4: 50, 6: 70 } as const;
const FAMILIES = [4, 6] as const;
type Family = (typeof FAMILIES)[number];
/** Bytes that pass in a second on any machine. */
const ENOUGH = 1_000_000;
/** What every ping carries: whoever reads the wire would find it. */
const SECRET = '766e69736563726574';

/** One end of the tunnel. */
interface End {
  readonly host: Host;
  /** The interface of WireGuard. */
  readonly device: string;
  readonly outer: string;
  /** Its addresses inside the tunnel. */
  readonly addresses: { readonly 4: string; readonly 6: string };
  readonly key: string;
}

async function addEnd(lab: Lab, n: number): Promise<End> {
  const outer = `10.88.88.${n}`;
  const host = await lab.addHost(`host${n}`, { addresses: [`${outer}/24`], likeOnTheWire: true });
  // wireguard-go listens for its configuration on a path that is named like the interface, on the whole machine.
  const device = uniqueName('wg');
  const wireguard = host.spawn(['wireguard-go', '-f', device], { timeoutMs: 200_000 });
  await eventually(`${device} can be configured`, async () => {
    if (wireguard.ended) assert.fail(`wireguard-go has ended: ${JSON.stringify(await wireguard.done)}`);
    return (await host.try(['wg', 'show', device])).code === 0;
  });
  const secret = await host.exec('wg', 'genkey');
  const file = join(host.dir, 'wireguard.key');
  writeFileSync(file, secret, { mode: 0o600 });
  await host.exec('wg', 'set', device, 'private-key', file, 'listen-port', `${WIREGUARD_PORT}`);
  const key = (await host.exec('wg', 'show', device, 'public-key')).trim();
  const addresses = { 4: `10.77.0.${n}`, 6: `fd77::${n}` };
  await host.exec('ip', 'addr', 'add', `${addresses[4]}/24`, 'dev', device);
  await host.exec('ip', 'addr', 'add', `${addresses[6]}/64`, 'dev', device, 'nodad');
  await host.exec('ip', 'link', 'set', device, 'up');
  return { host, device, outer, addresses, key };
}

async function befriend(end: End, other: End): Promise<void> {
  const allowed = `${other.addresses[4]}/32,${other.addresses[6]}/128`;
  const peer = ['peer', other.key, 'endpoint', `${other.outer}:${WIREGUARD_PORT}`, 'allowed-ips', allowed];
  await end.host.exec('wg', 'set', end.device, ...peer);
}

/**
 * Overlay ov4 or ov6 of VNI 4 or 6, bound to the tunnel's interface, between addresses of that family inside it. Its
 * VNIC v4 or v6 has 10.4.0.`n` or 10.6.0.`n`.
 */
async function addOverlay(end: End, other: End, family: Family, n: number): Promise<void> {
  const { host, device } = end;
  const given = [
    `vxlan/listen_ip=${end.addresses[family]}`,
    `vxlan/underlay_dev=${device}`,
    `direct/dest_ip=${other.addresses[family]}`,
  ];
  const properties = given.flatMap((property) => ['-p', property]);
  await host.vxlane('create-overlay', '-v', `${family}`, '-e', 'vxlan', '-s', 'direct', ...properties, `ov${family}`);
  await host.vxlane('create-vnic', '-m', mac(n), '-l', `ov${family}`, `v${family}`);
  await host.exec('ip', 'addr', 'add', `10.${family}.0.${n}/24`, 'dev', `v${family}`);
}

/** Waits until every VNIC has what a tunnel of that MTU leaves. */
async function mtusFollow(ends: readonly End[], tunnelMtu: number): Promise<void> {
  for (const { host } of ends) {
    for (const family of FAMILIES) {
      const wanted = tunnelMtu - OVERHEAD[family];
      await eventually(`v${family} of ${host.name} takes ${wanted}`, async () => {
        const [link] = await host.json<{ mtu: number }[]>('ip', '-j', 'link', 'show', 'dev', `v${family}`);
        return link?.mtu === wanted;
      });
    }
  }
}

labTest('overlays over WireGuard', async ({ lab, step }) => {
  const ends = [await addEnd(lab, 1), await addEnd(lab, 2)] as const;
  const [ours, far] = ends;
  await befriend(ours, far);
  await befriend(far, ours);
  for (const { host } of ends) await host.startDaemon();
  for (const family of FAMILIES) {
    await addOverlay(ours, far, family, 1);
    await addOverlay(far, ours, family, 2);
  }
  const tcpPasses = async (client: End, server: End, address: string) =>
    assert.ok((await iperf(client.host, server.host, address)).end.sum_received.bytes > ENOUGH);

  await step('the MTU is what the tunnel leaves, without a word from anybody', () => mtusFollow(ends, TUNNEL_MTU));

  await step('frames pass, and nobody on the wire can read them', async () => {
    const capture = await Capture.start(ours.host, 'eth0', 'ip or ip6');
    for (const family of FAMILIES) {
      const longest = ['-s', `${TUNNEL_MTU - OVERHEAD[family] - 28}`, '-M', 'do'];
      await pingAll(ours.host, `10.${family}.0.2`, '-p', SECRET);
      await pingAll(far.host, `10.${family}.0.1`, '-p', SECRET, ...longest);
    }
    const packets = await capture.stop(['udp.dstport']);
    assert.ok(packets.length >= 24, `${packets.length} packets`);
    const ports = new Set(packets.flatMap((packet) => packet['udp.dstport']));
    assert.deepEqual([...ports], [`${WIREGUARD_PORT}`]);
    const clear = await capture.dissect(['frame.number'], `frame contains ${SECRET.replace(/..(?=.)/g, '$&:')}`);
    assert.deepEqual(clear, []);
  });

  await step('TCP, each way', async () => {
    await tcpPasses(ours, far, '10.4.0.2');
    await tcpPasses(far, ours, '10.6.0.1');
    for (const { host } of ends) assert.equal(await drops(host, 'exceeds_pmtu'), 0);
  });

  await step('the tunnel gets a smaller MTU: VNICs follow, TCP goes on', async () => {
    const smaller = 1360;
    for (const { host, device } of ends) await host.exec('ip', 'link', 'set', device, 'mtu', `${smaller}`);
    await mtusFollow(ends, smaller);
    await tcpPasses(ours, far, '10.4.0.2');
  });

  await step('who is outside the tunnel and says that it is the peer is not heard, the peer is', async () => {
    const stranger = await addStranger(lab, ours, far);
    await ours.host.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.eth0.rp_filter=0');
    const inside = await Capture.start(ours.host, 'v4', 'icmp[icmptype] == icmp-echo', 'in');
    const outside = await Capture.start(ours.host, 'eth0', 'udp port 4789', 'in');
    await pingNone(stranger, '10.4.0.1');
    assert.ok((await outside.stop(['frame.number'])).length >= 3, 'the datagrams came as far as the host');
    assert.deepEqual(await inside.dissect(['frame.number']), []);
    await pingAll(far.host, '10.4.0.1');
    assert.ok((await inside.stop(['frame.number'])).length >= 3);
  });

  await step('a peer that WireGuard forgets is neither reached nor heard', async () => {
    await ours.host.exec('wg', 'set', ours.device, 'peer', far.key, 'remove');
    await pingNone(ours.host, '10.4.0.2');
    await pingNone(far.host, '10.4.0.1');
  });
});

/** A kernel VTEP on the underlay that has the far end's address inside the tunnel, VNI and inner address. */
async function addStranger(lab: Lab, ours: End, far: End): Promise<Host> {
  const stranger = await lab.addHost('stranger', { addresses: ['10.88.88.3/24'], likeOnTheWire: true });
  const tunnel = ['id', '4', 'local', far.addresses[4], 'remote', ours.addresses[4], 'dstport', '4789'];
  await stranger.exec('ip', 'addr', 'add', `${far.addresses[4]}/32`, 'dev', 'lo');
  await stranger.exec('ip', 'route', 'add', ours.addresses[4], 'via', ours.outer, 'src', far.addresses[4]);
  await stranger.exec('ip', 'link', 'add', 'vx0', 'address', mac(2), 'type', 'vxlan', ...tunnel);
  await stranger.exec('ip', 'link', 'set', 'vx0', 'mtu', '1300', 'up');
  await stranger.exec('ip', 'addr', 'add', '10.4.0.2/24', 'dev', 'vx0');
  await stranger.exec('ip', 'neigh', 'add', '10.4.0.1', 'lladdr', mac(1), 'dev', 'vx0');
  return stranger;
}
