/**
 * Congestion marks between vxlane and the kernel's vxlan device (RFC 6040): what leaves as tshark reads it, what a
 * firewall rule marks on the way as the packet inside has it, and a TCP stream that hears of it.
 */
import assert from 'node:assert/strict';
import { Capture } from './capture.js';
import { buildKernelPair, INNER } from './kernel-pair.js';
import { drops, eventually, type Host, labTest, pingAll, pingNone } from './support.js';
import { streamBothWays } from './traffic.js';
import '../support/each-engine.js';

const VXLAN = 'udp.dstport == 4789';

/** The kernel's host marks what it sends, as a congested router would; all of it, or what may be marked. */
async function congest(host: Host, family: 4 | 6, of: 'all' | 'ect0'): Promise<void> {
  const header = family === 4 ? 'ip' : 'ip6';
  const which = of === 'all' ? '' : `${header} ecn ect0 `;
  await host.try(['nft', 'delete', 'table', 'inet', 'congested']);
  await host.exec('nft', 'add', 'table', 'inet', 'congested');
  const hook = '{ type filter hook postrouting priority 0 ; }';
  await host.exec('nft', 'add', 'chain', 'inet', 'congested', 'out', hook);
  const rule = `udp dport 4789 ${which}${header} ecn set ce`;
  await host.exec('nft', 'add', 'rule', 'inet', 'congested', 'out', ...rule.split(' '));
}

/** The ECN bits of the packets that the display filter lets through, outermost header first: 2 is ECT(0), 3 is CE. */
async function marks(capture: Capture, field: string, display: string): Promise<string[][]> {
  const packets = await capture.stop([field], display);
  return packets.map((packet) => packet[field]!);
}

for (const { family, underlay, index } of [
  { family: 4, underlay: 'socket', index: 0 },
  { family: 6, underlay: 'socket', index: 1 },
  { family: 4, underlay: 'auto', index: 1 },
] as const) {
  labTest(`congestion marks, IPv${family} underlay, --underlay ${underlay}`, async ({ lab, step, note }) => {
    const options = { family, mtu: 1400, likeOnTheWire: false, daemon: ['--underlay', underlay] } as const;
    const { ours, kernels } = await buildKernelPair(lab, options);
    await pingAll(kernels, INNER.ours[0]);
    await pingAll(kernels, INNER.ours[1]);

    const inside = `IPv${index === 0 ? 4 : 6} inside`;
    const echo = index === 0 ? 'icmp.type == 8' : 'icmpv6.type == 128';
    const fieldOf = (version: 4 | 6) => (version === 4 ? 'ip.dsfield.ecn' : 'ipv6.tclass.ecn');
    const inner = fieldOf(index === 0 ? 4 : 6);

    await step(`${inside}: what leaves has the mark of the packet inside`, async () => {
      const capture = await Capture.start(kernels, 'eth0', 'udp port 4789', 'in');
      await pingAll(ours, INNER.kernels[index], '-Q', '2');
      const seen = await marks(capture, fieldOf(family), `${VXLAN} && ${echo}`);
      assert.ok(seen.length > 0);
      for (const each of seen) assert.equal(Number(each[0]), 2, JSON.stringify(seen));
    });

    await step(`${inside}: a mark made on the way is carried inside`, async () => {
      await congest(kernels, family, 'ect0');
      const capture = await Capture.start(ours, 'v0', index === 0 ? 'icmp' : 'icmp6', 'in');
      const capturing = await Capture.start(ours, 'v0', index === 0 ? 'icmp' : 'icmp6', 'out');
      await pingAll(kernels, INNER.ours[index], '-Q', '2');
      const seen = [...(await marks(capture, inner, echo)), ...(await marks(capturing, inner, echo))];
      assert.ok(seen.length > 0);
      for (const each of seen) assert.equal(Number(each[0]), 3, JSON.stringify(seen));
    });

    await step(`${inside}: of a sender that knows no marks it is a loss, and counted`, async () => {
      const before = await drops(ours, 'ce_not_ect');
      await congest(kernels, family, 'all');
      await pingNone(kernels, INNER.ours[index]);
      assert.ok((await drops(ours, 'ce_not_ect')) > before);
    });

    await step('a TCP stream hears of it', async () => {
      for (const host of [ours, kernels]) await host.exec('sysctl', '-qw', 'net.ipv4.tcp_ecn=1');
      await congest(kernels, family, 'ect0');
      await streamBothWays(ours, kernels, INNER.kernels[0], { bytes: 4 << 20 });
      const heard = await eventually('marks that were delivered', async () => {
        const text = await kernels.exec('nstat', '-asz', 'TcpExtTCPDeliveredCE');
        return Number(/TCPDeliveredCE\s+(\d+)/.exec(text)?.[1] ?? 0) || null;
      });
      note(`the kernel's sender heard of ${heard} marked segments`);
    });

    await step('with ecn=off the mark outside is not looked at', async () => {
      await ours.vxlane('modify-overlay', '-p', 'vxlan/ecn=off', 'ov0');
      await congest(kernels, family, 'all');
      await pingAll(kernels, INNER.ours[0]);
    });
  });
}
