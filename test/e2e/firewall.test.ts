/** What a firewall rule on our host means to overlays: docs/underlay.md promises it border by border. */
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { buildKernelPair, INNER } from './kernel-pair.js';
import { labTest, pingAll, pingNone } from './support.js';

const RULES = `
table inet filter {
  chain input { type filter hook input priority 0; policy accept; udp dport 4789 drop; }
}`;
const probe = probeUnderlayTap();

labTest('INPUT drops the port of an overlay', async ({ lab, step, note }) => {
  const { ours, kernels } = await buildKernelPair(lab, { mtu: 1450, daemon: ['--underlay', 'socket'] });
  await pingAll(kernels, INNER.ours[0]);
  await ours.exec('nft', RULES);
  await step('--underlay socket: nothing arrives', () => pingNone(kernels, INNER.ours[0]));
  await step('--underlay tap: the rule is not asked', async () => {
    if (!probe.ok) return note(`not tested: ${probe.reason}`);
    await ours.stopDaemon();
    await ours.startDaemon('--underlay', 'tap');
    await ours.exec('ip', 'addr', 'replace', `${INNER.ours[0]}/24`, 'dev', 'v0');
    await pingAll(kernels, INNER.ours[0]);
  });
});
