/**
 * The flow label of the outer IPv6 header (RFC 6438), as tshark reads it on the way to a kernel's vxlan device: frames
 * of one flow have one, and flows have different ones.
 */
import assert from 'node:assert/strict';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { Capture, type Packet } from './capture.js';
import { buildKernelPair, INNER } from './kernel-pair.js';
import { type Host, labTest } from './support.js';
import { streamBothWays } from './traffic.js';
import '../support/each-engine.js';

const FLOWS = 32;
const FIELDS = ['ipv6.flow', 'udp.srcport', 'tcp.srcport'];

/** Two datagrams from each of many ports. */
async function sendFlows(host: Host, to: string): Promise<void> {
  const program = `
import socket
for port in list(range(20000, ${20_000 + FLOWS})) * 2:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port)); s.sendto(bytes(64), ("${to}", 9)); s.close()`;
  await host.exec('python3', '-c', program);
}

/** The labels of each flow. `flow`: what it is called in a packet. */
function labelsBy(packets: readonly Packet[], flow: (packet: Packet) => string): Map<string, Set<number>> {
  const labels = new Map<string, Set<number>>();
  for (const packet of packets) {
    const key = flow(packet);
    labels.set(key, (labels.get(key) ?? new Set()).add(Number(packet['ipv6.flow']![0])));
  }
  return labels;
}

/** Whether the label is the one that the datapath makes of the source port; else it is the kernel's. */
function isOfTap(packet: Packet): boolean {
  const label = 0x80000 + (Math.imul(Number(packet['udp.srcport']![0]), 0x9e3779b1) >>> 13);
  return Number(packet['ipv6.flow']![0]) === label;
}

const probe = probeUnderlayTap();
for (const underlay of ['socket', 'tap'] as const) {
  labTest(`flow labels, --underlay ${underlay}`, async ({ lab, step, note }) => {
    if (underlay === 'tap' && !probe.ok) return note(`not tested: ${probe.reason}`);
    const options = { family: 6, mtu: 1400, nic: 'off', daemon: ['--underlay', underlay] } as const;
    const { ours, kernels } = await buildKernelPair(lab, options);
    await streamBothWays(ours, kernels, INNER.kernels[0], { bytes: 1000 });

    await step('one for each flow, none of them 0, and many different ones', async () => {
      const capture = await Capture.start(kernels, 'eth0', 'udp port 4789', 'in');
      await sendFlows(ours, INNER.kernels[0]);
      const packets = await capture.stop(FIELDS, 'udp.dstport == 4789 && udp.dstport == 9 && !icmp');
      const flows = labelsBy(packets, (packet) => packet['udp.srcport']![1]!);
      assert.equal(flows.size, FLOWS);
      for (const [port, labels] of flows) assert.equal(labels.size, 1, `port ${port}: ${[...labels]}`);
      const all = new Set([...flows.values()].flatMap((labels) => [...labels]));
      assert.ok(!all.has(0));
      const ports = labelsBy(packets, (packet) => packet['udp.srcport']![0]!);
      assert.ok(ports.size > 1);
      assert.ok(all.size > ports.size / 2, 'labels of different ports are seldom alike');
      note(`${FLOWS} flows have ${all.size} labels`);
    });

    await step('also where sockets have to ask for one', async () => {
      await ours.exec('sysctl', '-qw', 'net.ipv6.auto_flowlabels=2');
      const capture = await Capture.start(kernels, 'eth0', 'udp port 4789', 'in');
      await sendFlows(ours, INNER.kernels[0]);
      const packets = await capture.stop(FIELDS, 'udp.dstport == 4789');
      assert.ok(packets.length > 0);
      for (const packet of packets) assert.notEqual(Number(packet['ipv6.flow']![0]), 0);
    });

    await step('every part of a super-frame has that of its flow', async () => {
      const capture = await Capture.start(kernels, 'eth0', 'udp port 4789', 'in');
      await streamBothWays(ours, kernels, INNER.kernels[0], { bytes: 1 << 20, streams: 4 });
      const packets = await capture.stop(FIELDS, 'udp.dstport == 4789 && tcp.len > 1000');
      const flows = labelsBy(packets, (packet) => packet['tcp.srcport']![0]!);
      assert.equal(flows.size, 4);
      const byTap = packets.filter(isOfTap);
      const bySocket = packets.filter((packet) => !isOfTap(packet));
      note(`${byTap.length} by the TAP, ${bySocket.length} by sockets`);
      assert.equal(byTap.length > 0, underlay === 'tap');
      for (const part of [byTap, bySocket]) {
        for (const labels of labelsBy(part, (packet) => packet['tcp.srcport']![0]!).values()) {
          assert.equal(labels.size, 1);
          assert.ok(!labels.has(0));
        }
      }
    });
  });
}
