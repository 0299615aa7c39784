/**
 * Frames of every length and shape, byte for byte from one VNIC to others, on this host and on another one: the
 * smallest, padded ones, ones with trailers, jumbo frames, tags of 802.1Q and 802.1ad.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { payloadOf } from '../support/flows.js';
import { buildFrame, type Flow, TCP, UDP } from '../support/super-frames.js';
import { drops, type Host, type Lab, labTest, mac } from './support.js';
import '../support/each-engine.js';

const MTU = 8900;
const TAGS: readonly (readonly number[])[] = [
  [],
  [0x8100_0007], // 802.1Q
  [0x8100_e000], // priority alone
  [0x88a8_0064], // 802.1ad
  [0x88a8_0064, 0x8100_0007],
  [0x8100_0064, 0x8100_0007],
];
/** Of a frame without tags. */
const LENGTHS = [
  14,
  15,
  16,
  45,
  46,
  59,
  60,
  61,
  63,
  64,
  65,
  127,
  128,
  1513,
  1514,
  1515,
  4095,
  4097,
  MTU + 13,
  MTU + 14,
];
const EXPERIMENTAL = [0x88, 0xb5];
const LLC = [0x00, 0x03, 0x42, 0x42, 0x03]; // a length field instead of an EtherType

const bytesOf = (value: number): number[] =>
  [value >>> 24, value >>> 16, value >>> 8, value].map((byte) => byte & 0xff);
const concat = (...parts: (Uint8Array | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part)));

const macsOf = (to: string, from: string): Buffer => Buffer.from((to + from).replaceAll(':', ''), 'hex');

/** Bytes that a packet socket sends at most: it leaves room for one tag of 802.1Q beyond the MTU, and for no other. */
const sendable = ([tag = 0]: readonly number[]): number => MTU + 14 + (tag >>> 16 === 0x8100 ? 4 : 0);

/** Bytes of a tagged frame that the kernel takes at least (skb_vlan_untag). */
const receivable = (tags: readonly number[]): number => (tags.length === 0 ? 14 : 20);

/** All of them, to one MAC; each differs from every other. */
function frames(to: string, from: string): Buffer[] {
  const macs = macsOf(to, from);
  let seed = 0;
  const noise = (length: number): Uint8Array => payloadOf(length, ++seed);
  const made = TAGS.flatMap((tags) =>
    LENGTHS.map((length) => concat(macs, tags.flatMap(bytesOf), EXPERIMENTAL, noise(length - 14))).filter(
      ({ length }) => length <= sendable(tags) && length >= receivable(tags),
    ),
  );
  made.push(concat(macs, LLC, noise(43)));
  for (const protocol of [TCP, UDP] as const) {
    for (const version of [4, 6] as const) {
      for (const tags of [[], [0x8100_0007], [0x88a8_0064, 0x8100_0007]]) {
        for (const trailer of [0, 1, 3, 18]) {
          const ports = [1000 + ++seed, 9] as const; // a flow of its own: what is joined loses its padding
          const flow = { ...FLOW, protocol, version, macs, tags, ports, addresses: ADDRESSES[version] };
          made.push(concat(buildFrame(flow, noise(trailer === 18 ? 0 : 101)), noise(trailer)));
        }
      }
    }
  }
  return made;
}

const ADDRESSES = { 4: Uint8Array.of(192, 0, 2, 1, 192, 0, 2, 2), 6: new Uint8Array(32).fill(0xfd) };
const FLOW: Omit<Flow, 'protocol' | 'version' | 'macs' | 'tags' | 'ports' | 'addresses'> = {
  ttl: 64,
  tos: 0,
  flowLabel: 0,
  df: true,
  id: 1,
  ipOptions: new Uint8Array(),
  seq: 1,
  ack: 1,
  window: 500,
  flags: 0x10,
  tcpOptions: new Uint8Array(),
};

/** Python: sends the frames of a file, a line of hexadecimal digits each. */
const SEND = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))
for line in open(sys.argv[2]): s.send(bytes.fromhex(line))`;
/** Prints COUNT frames that came from a MAC, with the tag that the kernel keeps apart from their bytes. */
const RECEIVE = `
import socket, struct, sys
device, count, source = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
s.setsockopt(263, 8, 1)  # PACKET_AUXDATA
s.bind((device, 3)); s.settimeout(5); print("listening", flush=True)
try:
    while count > 0:
        data, control, _, _ = s.recvmsg(65536, 256)
        if data[6:12] != source: continue
        status, *_, tci, tpid = struct.unpack("IIIHHHH", control[0][2])
        print((data[:12] + struct.pack(">HH", tpid, tci) + data[12:] if status & 16 else data).hex())
        count -= 1
except TimeoutError: pass`;

async function exchange(
  from: Host,
  device: string,
  to: Host,
  at: string,
  sent: readonly Buffer[],
  file: string,
  expected = sent,
) {
  const hex = (frames: readonly Buffer[]): string[] => frames.map((frame) => frame.toString('hex'));
  writeFileSync(file, hex(sent).join('\n'));
  const source = sent[0]!.toString('hex', 6, 12);
  const argv = ['python3', '-c', RECEIVE, at, String(expected.length), source];
  const receiver = to.spawn(argv, { timeoutMs: 30_000 });
  await receiver.printed(/listening/);
  await from.exec('python3', '-c', SEND, device, file);
  const { stdout, stderr } = await receiver.done;
  assert.equal(stderr, '');
  const received = new Set(stdout.trim().split('\n').slice(1));
  const missing = hex(expected).filter((line) => !received.delete(line));
  const short = (line: string) => `${line.length / 2} bytes: ${line.slice(0, 80)}`;
  assert.deepEqual({ missing: missing.map(short), others: [...received].map(short) }, { missing: [], others: [] });
}

interface Lanes {
  /** The hosts: VNICs v1 and v3 are on the first, v2 on the second. */
  readonly one: Host;
  readonly two: Host;
  /** The machines that have them. IPv6 is off: no noise. */
  readonly vms: readonly [Host, Host, Host];
}

async function build(lab: Lab, ...properties: string[]): Promise<Lanes> {
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24'] });
  for (const [host, own, other] of [
    [one, 1, 2],
    [two, 2, 1],
  ] as const) {
    await host.startDaemon();
    const given = [`vxlan/listen_ip=10.88.88.${own}`, `direct/dest_ip=10.88.88.${other}`, ...properties];
    const options = given.flatMap((property) => ['-p', property]);
    await host.vxlane('create-overlay', '-v', '5', '-e', 'vxlan', '-s', 'direct', ...options, 'ov0');
  }
  const vms: Host[] = [];
  for (const [index, host] of [one, two, one].entries()) {
    const vm = await lab.addMachine(`vm${index + 1}`);
    await vm.exec('sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1');
    await host.vxlane('create-vnic', '-m', mac(index + 1), '-l', 'ov0', '-n', vm.netns, `v${index + 1}`);
    vms.push(vm);
  }
  return { one, two, vms: vms as [Host, Host, Host] };
}

labTest(
  'frames of every length and shape, byte for byte',
  async ({ lab, step }) => {
    const { one, two, vms } = await build(lab, `mtu=${MTU}`);
    const [vm1, vm2, vm3] = vms;
    const file = join(lab.dir, 'frames');
    await step('to another host', () => exchange(vm1, 'v1', vm2, 'v2', frames(mac(2), mac(1)), file));
    await step('to another VNIC of the host', () => exchange(vm1, 'v1', vm3, 'v3', frames(mac(3), mac(1)), file));
    await step('a datagram with less than an Ethernet header inside is dropped', async () => {
      const send = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for size in range(14): s.sendto(bytes([8, 0, 0, 0, 0, 0, 5, 0]) + bytes(size), ("10.88.88.1", 4789))`;
      const before = await drops(one, 'truncated');
      await two.exec('python3', '-c', send);
      assert.equal((await drops(one, 'truncated')) - before, 14);
    });
  },
  9000,
);

labTest('a VLAN tag has the room that tagged-mtu says, and no more', async ({ lab, step }) => {
  const { one, vms } = await build(lab);
  const file = join(lab.dir, 'frames');
  const tagged = (mtu: number) =>
    [0x8100_0007, 0x88a8_0007].map((tag, seed) =>
      concat(macsOf(mac(2), mac(1)), bytesOf(tag), EXPERIMENTAL, payloadOf(mtu, seed)),
    );
  const shown = await one.vxlane('show-overlay', '-p', '-o', 'property,value', 'ov0');
  assert.match(shown, /^mtu:1450$/m);
  assert.match(shown, /^tagged-mtu:1446$/m);

  await step('a tagged packet of that size passes', () => exchange(vms[0], 'v1', vms[1], 'v2', tagged(1446), file));
  await step('one byte more is dropped, and counted', async () => {
    const before = await drops(one, 'exceeds_pmtu');
    const [fits] = tagged(1446);
    await exchange(vms[0], 'v1', vms[1], 'v2', [tagged(1447)[0]!, fits!], file, [fits!]);
    assert.equal((await drops(one, 'exceeds_pmtu')) - before, 1);
  });
  await step('the sender of a packet that may not be fragmented is told, under its tag', async () => {
    const [version, protocol, macs] = [4, UDP, macsOf(mac(2), mac(1))] as const;
    const flow = {
      ...FLOW,
      version,
      protocol,
      macs,
      tags: [0x8100_0007],
      ports: [9, 9],
      addresses: ADDRESSES[4],
    } as const;
    writeFileSync(file, Buffer.from(buildFrame(flow, payloadOf(1450 - 28, 1))).toString('hex'));
    const receiver = vms[0].spawn(['python3', '-c', RECEIVE, 'v1', '1', mac(2).replaceAll(':', '')], {
      timeoutMs: 30_000,
    });
    await receiver.printed(/listening/);
    await vms[0].exec('python3', '-c', SEND, 'v1', file);
    const answer = Buffer.from((await receiver.done).stdout.trim().split('\n')[1] ?? '', 'hex');
    assert.equal(answer.readUInt32BE(12), 0x8100_0007);
    assert.equal(answer.readUInt16BE(38), 0x0304); // destination unreachable, fragmentation needed
    assert.equal(answer.readUInt16BE(44), 1446);
  });
  await step('vlan=strip needs no room', async () => {
    await one.vxlane('modify-overlay', '-p', 'vlan=strip', 'ov0');
    const [sent] = tagged(1450);
    const stripped = Buffer.concat([sent!.subarray(0, 12), sent!.subarray(16)]);
    await exchange(vms[0], 'v1', vms[1], 'v2', [sent!], file, [stripped]);
    assert.match(await one.vxlane('show-overlay', '-p', '-o', 'property,value', 'ov0'), /^tagged-mtu:$/m);
  });
});
