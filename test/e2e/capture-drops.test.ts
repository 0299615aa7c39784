/**
 * Frames that are dropped, by every reason that a host, a peer and an operator can provoke: each is in the capture as
 * often as it is in the books, with the reason in its comment.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NS_DAD } from '../proxy/frames.js';
import { arp, BROADCAST, frame } from '../support/frames.js';
import { Captured } from './captured.js';
import { drops, eventually, type Host, type Lab, labTest, readStats } from './support.js';

const [OWN, PEER, STRANGER] = ['10.88.88.1', '10.88.88.2', '10.88.88.9'];
const VNIC = '02:00:00:00:00:0a'; // which NS_DAD is of
const FAR = '02:00:00:00:00:02';
const UNREACHABLE = '02:00:00:00:00:03';
const REFUSED = '02:00:00:00:00:04';
const UNKNOWN = '02:00:00:00:00:77';
const VNI = 42;

/** Sends frames of a packet socket, in hexadecimal digits. */
const SEND_FRAMES = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))
for line in sys.argv[2:]: s.send(bytes.fromhex(line))`;
/** Sends datagrams to a port of our VTEP; they may be fragmented. */
const SEND_DATAGRAMS = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(0, 10, 0); s.setsockopt(0, 1, int(sys.argv[1]))
for line in sys.argv[3:]: s.sendto(bytes.fromhex(line), ("${OWN}", int(sys.argv[2])))`;

interface Testbed {
  readonly ours: Host;
  readonly peer: Host;
  readonly stranger: Host;
}

async function build(lab: Lab): Promise<Testbed> {
  const add = (name: string, ip: string) => lab.addHost(name, { addresses: [`${ip}/24`] });
  const [ours, peer, stranger] = [await add('ours', OWN), await add('peer', PEER), await add('stranger', STRANGER)];
  const table = {
    [VNIC]: { ip: OWN, arp: '10.9.0.1' },
    [FAR]: { ip: PEER, arp: '10.9.0.2' },
    [UNREACHABLE]: { ip: '10.77.0.1' },
  };
  writeFileSync(join(lab.dir, 'hosts.json'), JSON.stringify(table));
  // It answers for nobody: late, or by throwing.
  writeFileSync(
    join(lab.dir, 'deaf.js'),
    `export default { name: 'deaf', mode: 'dynamic', properties: [], create: () => ({ start() {}, stop() {},
      lookup: ({ mac }) => { if (mac.endsWith(':bb')) throw new Error('no'); return new Promise(() => {}); } }) };`,
  );
  await ours.startDaemon();
  await create(ours, 'ov0', 'v0', VNI, 'files', `files/config=${join(lab.dir, 'hosts.json')}`, 'strict-header=true');
  await create(ours, 'ov1', 'v1', VNI + 1, join(lab.dir, 'deaf.js'));
  await ours.vxlane('modify-overlay', '-s', `${REFUSED}=drop`, 'ov0');
  return { ours, peer, stranger };
}

async function create(host: Host, overlay: string, vnic: string, vni: number, search: string, ...more: string[]) {
  const properties = [`vxlan/listen_ip=${OWN}`, ...more].flatMap((each) => ['-p', each]);
  await host.vxlane('create-overlay', '-v', String(vni), '-e', 'vxlan', '-s', search, ...properties, overlay);
  await host.exec('sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1');
  await host.vxlane('create-vnic', '-m', VNIC, '-l', overlay, vnic);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sendFrames = (host: Host, device: string, frames: readonly Uint8Array[]) =>
  host.exec('python3', '-c', SEND_FRAMES, device, ...frames.map(hex));
const sendDatagrams = (host: Host, datagrams: readonly Uint8Array[], tos = 0, port = 4789) =>
  host.exec('python3', '-c', SEND_DATAGRAMS, String(tos), String(port), ...datagrams.map(hex));

function datagram(inner: Uint8Array, { flags = 8, reserved = 0, vni = VNI } = {}): Buffer {
  const header = Buffer.from([flags, 0, 0, 0, 0, 0, 0, reserved]);
  header.writeUIntBE(vni, 4, 3);
  return Buffer.concat([header, inner]);
}

/** IPv4 and UDP behind it, to everybody; `payload` is that of a DHCP client. */
function dhcp(payload: Buffer): Buffer {
  const ip = Buffer.alloc(28);
  ip.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17]);
  ip.writeUInt16BE(28 + payload.length, 2);
  ip.fill(0xff, 16, 20);
  ip.writeUInt16BE(68, 20);
  ip.writeUInt16BE(67, 22);
  ip.writeUInt16BE(8 + payload.length, 24);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += ip.readUInt16BE(at);
  ip.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 10);
  return frame(BROADCAST, VNIC, { etherType: 0x0800, payload: Buffer.concat([ip, payload]) });
}

function discover(): Buffer {
  const message = Buffer.alloc(250);
  message.set([1, 1, 6]);
  message.set(Buffer.from(VNIC.replaceAll(':', ''), 'hex'), 28);
  message.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255], 236);
  return message;
}

const arpFrame = (source: string, target: string): Buffer =>
  frame(BROADCAST, VNIC, { etherType: 0x0806, payload: arp(1, VNIC, source, target) });

/** IPv4, whose sender knows of no congestion marks. */
const withoutEcn = (): Buffer => {
  const one = dhcp(Buffer.alloc(4));
  one.set(Buffer.from(VNIC.replaceAll(':', ''), 'hex'), 0);
  one.set(Buffer.from(FAR.replaceAll(':', ''), 'hex'), 6);
  return one;
};

/** By reason, what v0 sends. */
const FROM_VNIC: Readonly<Record<string, Uint8Array>> = {
  spoofed_source: frame(FAR, UNKNOWN),
  bad_source: frame(FAR, '01:00:5e:00:00:01'),
  bad_vlan: frame(FAR, VNIC, { tags: [1, 2, 3] }),
  hairpin: frame(VNIC, VNIC),
  no_such_mac: frame(UNKNOWN, VNIC),
  drop_entry: frame(REFUSED, VNIC),
  no_flood_list: frame(BROADCAST, VNIC),
  host_chatter: frame('01:80:c2:00:00:00', VNIC),
  bad_arp: frame(BROADCAST, VNIC, { etherType: 0x0806, payload: Buffer.alloc(46) }),
  arp_gratuitous: arpFrame('10.9.0.1', '10.9.0.1'),
  arp_unknown: arpFrame('10.9.0.1', '10.9.0.99'),
  owner_answers: arpFrame('10.9.0.1', '10.9.0.1').fill(0, 28, 32), // a probe
  ndp_unknown: NS_DAD,
  bad_ndp: NS_DAD.with(57, NS_DAD[57]! ^ 1),
  dhcp_unknown: dhcp(discover()),
  bad_dhcp: dhcp(Buffer.alloc(20)),
  underlay_unreachable: frame(UNREACHABLE, VNIC),
  exceeds_pmtu: frame(FAR, VNIC, { payload: Buffer.alloc(1300) }),
};

/** By reason, what the peer sends. */
const FROM_PEER: Readonly<Record<string, Uint8Array>> = {
  truncated: Buffer.from([8, 0, 0]),
  bad_vxlan_header: datagram(frame(VNIC, FAR), { flags: 0 }),
  reserved_bits: datagram(frame(VNIC, FAR), { reserved: 1 }),
  unknown_vni: datagram(frame(VNIC, FAR), { vni: 4711 }),
  // Not the MAC that the VNIC has sent to: for a while it is known that nobody has that one.
  no_local_port: datagram(frame('02:00:00:00:00:7f', FAR)),
  source_local: datagram(frame(VNIC, VNIC)),
  oversized: datagram(frame(VNIC, FAR, { payload: Buffer.alloc(9300) })),
};

labTest('each reason, in the capture as often as in the books', async ({ lab, step }) => {
  const { ours, peer, stranger } = await build(lab);
  await ours.exec('ip', 'route', 'add', 'unreachable', '10.77.0.0/16');
  await ours.exec('ip', 'route', 'add', `${PEER}/32`, 'dev', 'eth0', 'mtu', '1000');
  const captured = await Captured.start(ours, '--dropped');
  const untilDropped = (...reasons: string[]) =>
    eventually(`${reasons.join(', ')} are counted`, async () => {
      for (const reason of reasons) if ((await drops(ours, reason)) === 0) return false;
      return true;
    });

  await step('of the VNIC', async () => {
    await sendFrames(ours, 'v0', Object.values(FROM_VNIC));
    await untilDropped(...Object.keys(FROM_VNIC));
  });
  await step('of the peer, and of a stranger', async () => {
    await sendDatagrams(peer, Object.values(FROM_PEER));
    await sendDatagrams(peer, [datagram(withoutEcn())], 3);
    await sendDatagrams(stranger, [datagram(frame(VNIC, UNKNOWN))]);
    await untilDropped(...Object.keys(FROM_PEER), 'ce_not_ect', 'source_unknown');
  });
  await step('what the operator forbids', async () => {
    const rules = ['vlan=discard', 'vxlan/fragments=drop', 'source-check=fdb'].flatMap((each) => ['-p', each]);
    await ours.vxlane('modify-overlay', ...rules, 'ov0');
    await sendFrames(ours, 'v0', [frame(FAR, VNIC, { tags: [7] })]);
    await sendDatagrams(peer, [datagram(frame(VNIC, UNREACHABLE))]);
    await sendDatagrams(peer, [datagram(frame(VNIC, FAR, { payload: Buffer.alloc(1600) }))]);
    await untilDropped('vlan_discarded', 'source_elsewhere', 'outer_fragment');
  });
  await step('headers of other encapsulations, of another group, and tags that nobody has', async () => {
    const kinds = { og: 'geneve', op: 'vxlan-gpe', ob: 'vxlan' };
    for (const [name, kind] of Object.entries(kinds)) {
      const group = name === 'ob' ? ['-p', 'vxlan/gbp=7'] : [];
      const given = ['-p', `${kind}/listen_ip=${OWN}`, '-p', `direct/dest_ip=${PEER}`, ...group];
      await ours.vxlane('create-overlay', '-v', String(VNI + 2), '-e', kind, '-s', 'direct', ...given, name);
    }
    const header = (...first: number[]) =>
      Buffer.concat([datagram(Buffer.alloc(0), { vni: VNI + 2 }), frame(VNIC, FAR)]).fill(Buffer.from(first), 0, 4);
    const option = Buffer.from([0, 1, 0x80, 0]); // critical, without data
    const critical = Buffer.concat([header(1, 0x40, 0x65, 0x58).subarray(0, 8), option, frame(VNIC, FAR)]);
    await sendDatagrams(peer, [critical, header(0x40, 0, 0x65, 0x58)], 0, 6081);
    await sendDatagrams(peer, [header(0x0c, 0, 0, 1)], 0, 4790); // IPv4 is behind it
    await sendDatagrams(peer, [header(0x88, 0, 0, 8)]);
    await ours.vxlane('create-vnic', '-m', VNIC, '--trunk', '100=og', 't0');
    await sendFrames(ours, 't0', [frame(FAR, VNIC, { tags: [7] })]);
    await untilDropped('critical_option', 'bad_geneve_header', 'not_ethernet', 'other_policy_group', 'vlan_unknown');
  });
  await step('a plugin that does not answer, or fails; too much that waits for it', async () => {
    // Alone: a plugin that leaves several questions unanswered is given up, which is another reason.
    await sendFrames(ours, 'v1', [frame('02:00:00:00:00:cc', VNIC)]);
    await untilDropped('lookup_timeout');
    await sendFrames(ours, 'v1', [frame('02:00:00:00:00:bb', VNIC)]);
    await sendFrames(ours, 'v1', Array(120).fill(frame('02:00:00:00:00:aa', VNIC, { payload: Buffer.alloc(1200) })));
    const many = Array.from({ length: 250 }, (_, n) => `02:00:00:00:ee:${n.toString(16).padStart(2, '0')}`);
    await sendFrames(
      ours,
      'v1',
      many.map((mac) => frame(mac, VNIC)),
    );
    await untilDropped('lookup_failed', 'hold_full', 'upcall_limited');
  });
  await step('an interface that is down', async () => {
    await ours.vxlane('modify-overlay', '-p', 'source-check=vtep', 'ov0');
    await ours.exec('ip', 'link', 'set', 'v0', 'down');
    await sendDatagrams(peer, [datagram(frame(VNIC, FAR))]);
    await untilDropped('tap_error');
  });
  await step('the books', async () => {
    await eventually('nothing waits any more', async () => {
      const { totals } = await readStats(ours);
      return totals.held === 0;
    });
    const { drops: counted } = await readStats(ours);
    const { said, packets } = await captured.stop();
    assert.match(said, /none was lost$/);
    const seen = new Map<string, number>();
    for (const packet of packets) {
      const reason = /dropped: (\w+): /.exec(packet['frame.comment']![0]!)?.[1] ?? 'none';
      seen.set(reason, (seen.get(reason) ?? 0) + 1);
    }
    assert.deepEqual([...seen].toSorted(), counted.map(({ reason, frames }) => [reason, frames] as const).toSorted());
    assert.ok(seen.size >= 40, `${seen.size} reasons: ${[...seen.keys()].join(', ')}`);
  });
});
