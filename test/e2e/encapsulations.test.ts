/**
 * Overlays of every encapsulation side by side in one daemon. The peers are Open vSwitch's userspace datapath, which
 * knows no group policy ids, and the kernel's vxlan device, which has them as marks. tshark reads what is on the wire.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { startSwitch } from '../../bench/e2e/ovs.js';
import { VNI } from '../../bench/e2e/tunnel.js';
import { Capture } from './capture.js';
import { drops, eventually, type Host, iperf, labTest, mac, pingAll, readStats } from './support.js';

const OWN = '10.88.88.1';
const PEER = '10.88.88.2';
const LINUX = '10.88.88.3';
const VSID = 4242;
const GROUP = 4660;
const TAG = 7;
const insideOf = (index: number, host: 1 | 2): string => `10.${60 + index}.0.${host}`;
const taggedOf = (index: number, host: 1 | 2): string => `10.${70 + index}.0.${host}`;

interface Kind {
  readonly encap: string;
  /** Of the switch's interface. */
  readonly type: string;
  readonly options: readonly string[];
  readonly vni: number;
  /** What is on the wire, as a filter. */
  readonly wire: string;
  /** How tshark tells that a frame is of it, and of this kind of header. */
  readonly shown: string;
}

const KINDS: readonly Kind[] = [
  {
    ...{ encap: 'geneve', type: 'geneve', options: [`key=${VNI}`], vni: VNI },
    ...{ wire: 'udp port 6081', shown: `geneve.vni == ${VNI}` },
  },
  {
    ...{ encap: 'vxlan-gpe', type: 'vxlan', vni: VNI },
    options: [`key=${VNI}`, 'exts=gpe', 'packet_type=legacy_l2', 'dst_port=4790'],
    ...{ wire: 'udp port 4790', shown: `vxlan.vni == ${VNI} && vxlan.next_proto == 3` },
  },
  {
    // To the switch the flow is the end of a key of 32 bits: it takes any, and its own flow is 0.
    ...{ encap: 'nvgre', type: 'gre', options: ['in_key=flow', `out_key=${VSID * 256}`], vni: VSID },
    ...{ wire: 'ip proto 47', shown: `gre.key >= ${VSID * 256} && gre.key < ${(VSID + 1) * 256}` },
  },
];

/** A bridge of the switch with the tunnel, an address inside, and one behind the tag. */
async function addTunnel(ovs: Host, index: number, { type, options }: Kind): Promise<void> {
  const dir = join(ovs.dir, 'ovs');
  const run = async (...argv: string[]) => {
    const { code, stderr } = await ovs.try(argv, { env: { OVS_RUNDIR: dir } });
    assert.equal(code, 0, `${argv.join(' ')}: ${stderr}${await ovs.exec('tail', '-n', '5', `${dir}/vs.log`)}`);
  };
  const [bridge, port, tagged] = [`in${index}`, `tun${index}`, `tag${index}`];
  const ends = [`local_ip=${PEER}`, `remote_ip=${OWN}`, ...options].map((each) => `options:${each}`);
  await run(
    ...['ovs-vsctl', `--db=unix:${dir}/db.sock`, '--timeout=20', 'add-br', bridge],
    ...['--', 'set', 'bridge', bridge, 'datapath_type=netdev'],
    ...['--', 'set', 'interface', bridge, 'mtu_request=1450'],
    ...['--', 'add-port', bridge, tagged, `tag=${TAG}`, '--', 'set', 'interface', tagged, 'type=internal'],
    ...['--', 'add-port', bridge, port, '--', 'set', 'interface', port, `type=${type}`, ...ends],
  );
  for (const [device, address] of [
    [bridge, insideOf(index, 2)],
    [tagged, taggedOf(index, 2)],
  ] as const) {
    await ovs.exec('ip', 'addr', 'add', `${address}/24`, 'dev', device);
    await ovs.exec('ip', 'link', 'set', device, 'up');
  }
}

/** An overlay with a VNIC that has an address. */
async function addOverlay(ours: Host, index: number, { encap, vni }: Kind): Promise<void> {
  const checksum = encap === 'nvgre' ? [] : [`${encap}/udp_checksum=always`];
  const given = [`${encap}/listen_ip=${OWN}`, `direct/dest_ip=${PEER}`, ...checksum].flatMap((each) => ['-p', each]);
  await ours.vxlane('create-overlay', '-v', String(vni), '-e', encap, '-s', 'direct', ...given, `ov${index}`);
  await ours.vxlane('create-vnic', '-m', mac(index + 1), '-l', `ov${index}`, `v${index}`);
  await ours.exec('ip', 'addr', 'add', `${insideOf(index, 1)}/24`, 'dev', `v${index}`);
}

/** An ARP request behind the tag. This kernel may have no VLAN devices; python has the sockets that Node lacks. */
async function askTagged(ours: Host, index: number): Promise<void> {
  const own = Buffer.from(mac(index + 1).replaceAll(':', ''), 'hex');
  const bytesOf = (ip: string) => Buffer.from(ip.split('.').map(Number));
  const head = Buffer.from([0x81, 0, 0, TAG, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
  const addresses = [own, bytesOf(taggedOf(index, 1)), Buffer.alloc(6), bytesOf(taggedOf(index, 2))];
  const frame = Buffer.concat([Buffer.alloc(6, 0xff), own, head, ...addresses, Buffer.alloc(18)]);
  const send =
    `import socket; s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind(("v${index}",0)); ` +
    `s.send(bytes.fromhex("${frame.toString('hex')}"))`;
  await ours.exec('python3', '-c', send);
}

labTest(
  'Open vSwitch and the kernel as peers by geneve, vxlan-gpe, nvgre, and vxlan with a group policy id',
  async ({ lab, step, note }) => {
    const ours = await lab.addHost('ours', { addresses: [`${OWN}/24`] });
    const ovs = await lab.addHost('ovs', { addresses: [] });
    await startSwitch(ovs, {
      ...{ cable: 'eth0', local: PEER, remote: OWN, prefix: 24, port: 4700, mtu: '1450', inner: ['10.59.0.2/24'] },
    });
    // The switch reads the wire by a packet socket, so it must get what a wire carries.
    await ours.exec('ethtool', '-K', 'eth0', 'tx', 'off');
    await ours.startDaemon();
    for (const [index, kind] of KINDS.entries()) {
      await addTunnel(ovs, index, kind);
      await addOverlay(ours, index, kind);
    }
    for (const [index, kind] of KINDS.entries()) {
      const inside = insideOf(index, 2);
      await step(`${kind.encap}: ping, and tshark knows the frames of both`, async () => {
        const capture = await Capture.start(ours, 'eth0', kind.wire);
        await pingAll(ours, inside);
        const fields = ['ip.src', '_ws.malformed'];
        const found = await capture.stop(fields, `(${kind.shown}) && icmp`);
        const sources = new Set(found.map((packet) => packet['ip.src']!.join(' ')));
        assert.deepEqual(sources, new Set([`${OWN} ${insideOf(index, 1)}`, `${PEER} ${inside}`]));
        for (const packet of found) assert.deepEqual(packet['_ws.malformed'], []);
      });
      await step(`${kind.encap}: a VLAN tag passes both ways`, async () => {
        const capture = await Capture.start(ours, `v${index}`, '', 'in');
        await eventually('the answer behind the tag', async () => {
          await askTagged(ours, index);
          const found = await capture.dissect(
            ['vlan.id'],
            `arp.opcode == 2 && arp.src.proto_ipv4 == ${taggedOf(index, 2)}`,
          );
          return found.length > 0 && found.every((packet) => packet['vlan.id']?.[0] === String(TAG));
        });
        await capture.stop(['vlan.id']);
      });
      await step(`${kind.encap}: streams both ways`, async () => {
        for (const extra of [[], ['--reverse']]) {
          const report = await iperf(ours, ovs, inside, '--bytes', '8M', ...extra);
          // What a receiver has read when the sender is done is not all of it.
          assert.ok(report.end.sum_sent.bytes >= 8_000_000);
          note(`${kind.encap} ${extra.join('')}: ${report.end.sum_sent.bytes} bytes`);
        }
      });
    }
    await step('each overlay had its own frames, and none was refused for its header', async () => {
      const { overlays, drops: all } = await readStats(ours);
      for (const { name, decap } of overlays) assert.ok(decap.frames > 8_000_000 / 1500, name);
      // What comes before an overlay is there, or is known to whom it belongs, is another matter.
      const refused = all.filter(({ reason }) => /header|ethernet|option|group/.test(reason));
      assert.deepEqual(refused, []);
    });
    await step('vxlan with a group policy id: of its own group alone, to and from the kernel', async () => {
      const linux = await lab.addHost('linux', { addresses: [`${LINUX}/24`] });
      const ends = ['local', LINUX, 'remote', OWN, 'dstport', '4789', 'gbp'];
      const device = ['type', 'vxlan', 'id', String(VNI), ...ends];
      await linux.exec('ip', 'link', 'add', 'vx0', 'address', mac(0x22), 'mtu', '1450', ...device);
      await linux.exec('ip', 'link', 'set', 'vx0', 'up');
      await linux.exec('ip', 'addr', 'add', '10.69.0.2/24', 'dev', 'vx0');
      const given = [`vxlan/listen_ip=${OWN}`, `vxlan/gbp=${GROUP}`, `direct/dest_ip=${LINUX}`];
      const argv = ['-v', String(VNI), '-e', 'vxlan', '-s', 'direct', ...given.flatMap((each) => ['-p', each])];
      await ours.vxlane('create-overlay', ...argv, 'ovg');
      await ours.vxlane('create-vnic', '-m', mac(0x33), '-l', 'ovg', 'vg');
      await ours.exec('ip', 'addr', 'add', '10.69.0.1/24', 'dev', 'vg');
      // What the kernel asks by itself has no mark, and so no id.
      await linux.exec('ip', 'neigh', 'replace', '10.69.0.1', 'lladdr', mac(0x33), 'dev', 'vx0');
      await ours.exec('ip', 'neigh', 'replace', '10.69.0.2', 'lladdr', mac(0x22), 'dev', 'vg');
      const answered = async (mark: number) => {
        const outcome = await linux.try(['ping', '-n', '-c', '1', '-W', '2', '-m', String(mark), '10.69.0.1']);
        return outcome.code === 0;
      };
      const capture = await Capture.start(ours, 'eth0', 'udp port 4789');
      assert.equal(await answered(GROUP), true);
      assert.equal(await answered(GROUP + 1), false);
      assert.equal(await answered(0), false);
      await ours.vxlane('modify-overlay', '-p', `vxlan/gbp=${GROUP + 1}`, 'ovg');
      assert.equal(await answered(GROUP + 1), true);
      const found = await capture.stop(['ip.src', 'vxlan.gbp'], 'icmp');
      const said = (from: string) =>
        found.filter((packet) => packet['ip.src']![0] === from).map((packet) => Number(packet['vxlan.gbp']![0]));
      assert.deepEqual(said(LINUX), [GROUP, GROUP + 1, 0, GROUP + 1]);
      assert.deepEqual(said(OWN), [GROUP, GROUP + 1]);
      await eventually('both are counted', async () => (await drops(ours, 'other_policy_group')) >= 2);
    });
    await step('a port has one encapsulation', async () => {
      const given = ['-p', `geneve/listen_ip=${OWN}`, '-p', 'geneve/listen_port=4789', '-p', `direct/dest_ip=${PEER}`];
      const argv = ['create-overlay', '-v', '9', '-e', 'geneve', '-s', 'direct', ...given, 'ov9'];
      await assert.rejects(ours.vxlane(...argv), /encapsulation geneve: another overlay listens on .*4789 with vxlan/);
    });
  },
);
