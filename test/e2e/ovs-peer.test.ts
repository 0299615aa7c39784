/**
 * Open vSwitch's userspace datapath at the other end of a veth pair. It reads the wire by a packet socket, so it must
 * get what a wire carries: neither super-frames nor partial checksums. Its own frames are complete.
 */
import { startSwitch } from '../../bench/e2e/ovs.js';
import { VNI } from '../../bench/e2e/tunnel.js';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { type Host, labTest, mac, pingAll } from './support.js';
import { sendDatagrams, streamBothWays } from './traffic.js';

const INSIDE = [
  { name: 'IPv4', ours: '10.5.0.1', ovs: '10.5.0.2' },
  { name: 'IPv6', ours: 'fd05::1', ovs: 'fd05::2' },
];
const probe = probeUnderlayTap();

async function exchange(ours: Host, ovs: Host): Promise<void> {
  for (const inside of INSIDE) {
    await pingAll(ours, inside.ovs);
    await streamBothWays(ours, ovs, inside.ovs);
    await sendDatagrams(ours, ovs, inside.ovs);
    await sendDatagrams(ovs, ours, inside.ours);
  }
}

for (const { family, own, peer, prefix, mtu } of [
  { family: 4, own: '10.88.88.1', peer: '10.88.88.2', prefix: 24, mtu: '1450' },
  { family: 6, own: 'fd88::1', peer: 'fd88::2', prefix: 64, mtu: '1430' },
]) {
  for (const border of ['tap', 'socket'] as const) {
    labTest(`Open vSwitch as a peer, --underlay ${border}, IPv${family} underlay`, async ({ lab, step, note }) => {
      if (border === 'tap' && !probe.ok) return note(`not tested: ${probe.reason}`);
      const ours = await lab.addHost('ours', { addresses: [`${own}/${prefix}`] });
      const ovs = await lab.addHost('ovs', { addresses: [] });
      const ends = { cable: 'eth0', local: peer, remote: own, prefix, port: 4789, mtu };
      await startSwitch(ovs, { ...ends, inner: INSIDE.map((inside, index) => `${inside.ovs}/${[24, 64][index]}`) });
      await ours.startDaemon('--underlay', border);
      const attach = async (...properties: string[]) => {
        const given = [`vxlan/listen_ip=${own}`, `direct/dest_ip=${peer}`, ...properties].flatMap((each) => [
          '-p',
          each,
        ]);
        await ours.vxlane('create-overlay', '-v', String(VNI), '-e', 'vxlan', '-s', 'direct', ...given, 'ov0');
        await ours.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
        await ours.exec('ip', 'addr', 'add', '10.5.0.1/24', 'dev', 'v0');
        await ours.exec('ip', 'addr', 'add', 'fd05::1/64', 'dev', 'v0', 'nodad');
      };

      await step('offloads of the cable on, those of the overlay off', async () => {
        await attach('offload=off', 'vxlan/udp_checksum=zero');
        await exchange(ours, ovs);
      });
      await step('offloads of the overlay on, those of the cable off', async () => {
        await ours.vxlane('delete-vnic', 'v0');
        await ours.vxlane('delete-overlay', 'ov0');
        await ours.exec('ethtool', '-K', 'eth0', 'tx', 'off');
        // By default a datagram that leaves alone over IPv4 has no outer checksum, which makes a second flow for the
        // switch: the first of a flow takes a longer way there, and may be overtaken.
        await attach('vxlan/udp_checksum=always');
        await exchange(ours, ovs);
      });
    });
  }
}
