/** The properties that say how datagrams leave, seen on the far underlay while TCP and UDP run. */
import assert from 'node:assert/strict';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { Capture, type Packet } from './capture.js';
import { CHECKING, datagramIsGood, FIELDS, flippedBitShows } from './datagrams.js';
import { buildKernelPair, INNER, type KernelPair, VNI } from './kernel-pair.js';
import { labTest } from './support.js';
import { sendDatagrams, streamBothWays } from './traffic.js';

const UNDERLAY_MTU = 1500;
const ETHERNET = 14;
const STREAMS = 4;
const [EPHEMERAL_FIRST, EPHEMERAL_LAST] = [49152, 65535];

interface Case {
  readonly family: 4 | 6;
  readonly properties: readonly string[];
  readonly border: 'tap' | 'socket';
  readonly outer: 'any' | 'zero' | 'real';
  readonly ports: 'one' | 'several';
}

const CASES: readonly Case[] = [
  { family: 4, properties: [], border: 'socket', outer: 'any', ports: 'several' },
  { family: 6, properties: [], border: 'socket', outer: 'real', ports: 'several' },
  { family: 4, properties: [], border: 'tap', outer: 'any', ports: 'several' },
  { family: 6, properties: [], border: 'tap', outer: 'real', ports: 'several' },
  { family: 4, properties: ['vxlan/udp_checksum=zero'], border: 'tap', outer: 'zero', ports: 'several' },
  { family: 6, properties: ['vxlan/udp_checksum=zero'], border: 'socket', outer: 'zero', ports: 'several' },
  {
    family: 4,
    properties: ['vxlan/udp_checksum=always', 'vxlan/source_ports=1'],
    border: 'tap',
    outer: 'real',
    ports: 'one',
  },
  { family: 4, properties: ['offload=off'], border: 'tap', outer: 'zero', ports: 'several' },
];

const probe = probeUnderlayTap();
for (const one of CASES) {
  const { family, properties, border } = one;
  labTest(`IPv${family} underlay by ${border}, ${properties.join(' ') || 'defaults'}`, async ({ lab, step, note }) => {
    if (border === 'tap' && !probe.ok) return note(`not tested: ${probe.reason}`);
    const isZero = one.outer === 'zero';
    const accept = family === 6 ? ['vxlan/accept_zero_checksum6=true'] : [];
    const device = family === 6 && isZero ? ['udp6zerocsumrx', 'udp6zerocsumtx'] : [];
    const wire = border === 'tap' ? ({ nic: 'off', likeOnTheWire: false } as const) : {};
    const daemon = ['--underlay', border];
    const given = { family, mtu: 1430, properties: [...properties, ...accept], device, daemon };
    const pair = await buildKernelPair(lab, { ...given, ...wire });
    const capture = await Capture.start(pair.kernels, 'eth0', 'udp dst port 4789', 'in');
    const sizes = await step('what is sent arrives', () => traffic(pair)).then(() =>
      capture.stop(FIELDS, '', ...CHECKING),
    );
    await step('every datagram on the underlay is good', async () => everyOneIsGood(sizes, one));
    await step('source ports', async () => portsAreRight(sizes, one));
    await step('tshark would have seen a bad one', () => flippedBitShows(capture, String(VNI)));
  });
}

async function traffic({ ours, kernels }: KernelPair): Promise<void> {
  const task = { bytes: 128 << 10, streams: STREAMS };
  for (const index of [0, 1] as const) {
    await streamBothWays(ours, kernels, INNER.kernels[index], task);
    await sendDatagrams(ours, kernels, INNER.kernels[index]);
    await sendDatagrams(kernels, ours, INNER.ours[index]);
  }
}

function everyOneIsGood(packets: readonly Packet[], { outer }: Case): void {
  assert.ok(packets.length > 500, `only ${packets.length} datagrams`);
  const lengths = packets.map((packet) => Number(packet['frame.len']?.[0]));
  assert.ok(Math.max(...lengths) <= UNDERLAY_MTU + ETHERNET, `a datagram of ${Math.max(...lengths)} bytes`);
  for (const packet of packets) datagramIsGood(packet, String(VNI), outer);
  assert.ok(packets.filter((packet) => (packet['tcp.srcport'] ?? []).length === 1).length > 200);
  assert.ok(packets.filter((packet) => (packet['udp.srcport'] ?? []).length === 2).length > 200);
}

/** The inner flow of a packet, as far as it has ports: TCP, or UDP inside UDP. */
function flowOf(packet: Packet): string | undefined {
  const tcp = packet['tcp.srcport']?.[0];
  const udp = packet['udp.srcport']?.[1];
  const version = packet['ipv6.version']?.length;
  return tcp === undefined ? (udp === undefined ? undefined : `udp ${version} ${udp}`) : `tcp ${version} ${tcp}`;
}

function portsAreRight(packets: readonly Packet[], { ports }: Case): void {
  const ofFlow = new Map<string, Set<string>>();
  for (const packet of packets) {
    const flow = flowOf(packet);
    if (flow === undefined) continue;
    const seen = ofFlow.get(flow) ?? new Set();
    ofFlow.set(flow, seen.add(packet['udp.srcport']?.[0] as string));
  }
  assert.ok(ofFlow.size >= 2 * STREAMS, `${ofFlow.size} flows`);
  for (const [flow, seen] of ofFlow) assert.equal(seen.size, 1, `${flow} leaves by ${[...seen].join(', ')}`);
  const all = new Set([...ofFlow.values()].flatMap((seen) => [...seen]));
  if (ports === 'one') {
    assert.deepEqual([...all], ['4789']);
    return;
  }
  assert.ok(all.size > 1, 'one port for all flows');
  for (const port of all) assert.ok(Number(port) >= EPHEMERAL_FIRST && Number(port) <= EPHEMERAL_LAST, port);
}
