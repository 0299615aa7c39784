/**
 * The kernel's vxlan device over a veth pair whose offloads are on, as between containers of one host: frames come with
 * unfinished checksums, and super-frames whole.
 */
import assert from 'node:assert/strict';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { byTap } from './by-tap.js';
import { addVlan, buildKernelPair, INNER } from './kernel-pair.js';
import { eventually, labTest, readStats } from './support.js';
import { sendDatagrams, streamBothWays } from './traffic.js';
import '../support/each-engine.js';

const probe = probeUnderlayTap();
for (const family of [4, 6] as const) {
  labTest(`a kernel peer with its offloads on, IPv${family} underlay`, async ({ lab, step, note }) => {
    if (!probe.ok) return note(`not tested: ${probe.reason}`);
    const daemon = ['--underlay', 'tap'];
    const pair = await buildKernelPair(lab, { family, mtu: family === 4 ? 1450 : 1430, likeOnTheWire: false, daemon });
    const { ours, kernels } = pair;

    for (const index of [0, 1] as const) {
      await step(`TCP over IPv${index === 0 ? 4 : 6} inside, both ways at once`, () =>
        streamBothWays(ours, kernels, INNER.kernels[index], { bytes: 8 << 20 }),
      );
      await step(`UDP over IPv${index === 0 ? 4 : 6} inside, each way`, async () => {
        await sendDatagrams(ours, kernels, INNER.kernels[index]);
        await sendDatagrams(kernels, ours, INNER.ours[index]);
      });
    }

    await step('frames with a VLAN tag', async () => {
      if (!(await addVlan(pair, 7))) return note('not tested: this kernel has no VLAN devices');
      await streamBothWays(ours, kernels, '10.7.0.2');
    });

    await step('super-frames went by the TAP, both ways, and nothing was dropped', async () => {
      const { sent, received } = await byTap(ours);
      note(`${sent} sent, ${received} received`);
      assert.ok(sent > 100 && received > 100);
      const stats = await readStats(ours);
      assert.deepEqual(stats.drops, []);
    });

    await step('the interface of the TAP is deleted: sockets go on', async () => {
      await ours.exec('ip', 'link', 'delete', 'vxlane-u0');
      await kernels.exec('ethtool', '-K', 'eth0', 'tx', 'off', 'gso', 'off');
      await eventually('the daemon says so', async () => lab.logs().includes('underlay TAP is given up'));
      await streamBothWays(ours, kernels, INNER.kernels[0]);
    });
  });
}
