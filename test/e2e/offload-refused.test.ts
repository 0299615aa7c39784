/**
 * An underlay device that makes no checksums. Before Linux 6.11 the kernel refuses UDP_SEGMENT there (EIO) and traffic
 * goes on without; since then it makes them itself. (test/datapath/workers-io.test.ts has a refusal of every kernel.)
 */
import assert from 'node:assert/strict';
import { buildKernelPair, INNER } from './kernel-pair.js';
import { drops, labTest } from './support.js';
import { sendDatagrams, streamBothWays } from './traffic.js';
import '../support/each-engine.js';

labTest('an underlay device without checksums', async ({ lab, step, note }) => {
  const { ours, kernels } = await buildKernelPair(lab, { mtu: 1450 });
  const lines = () => ours.daemonLog().match(/UDP_SEGMENT refused/g)?.length ?? 0;

  await step('nothing is refused at first', async () => {
    await streamBothWays(ours, kernels, INNER.kernels[0]);
    assert.equal(lines(), 0);
  });

  await step('every byte arrives, and a refusal is said once', async () => {
    await ours.exec('ethtool', '-K', 'eth0', 'tx', 'off');
    await streamBothWays(ours, kernels, INNER.kernels[0]);
    await sendDatagrams(ours, kernels, INNER.kernels[1]);
    await sendDatagrams(kernels, ours, INNER.ours[0]);
    assert.ok(lines() <= 1, ours.daemonLog());
    note(lines() === 0 ? 'this kernel segments without the device' : 'this kernel refused UDP_SEGMENT');
    assert.equal(await drops(ours, 'underlay_error'), 0);
  });
});
