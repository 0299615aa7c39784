// `vxlane daemon --cpus`: the datapath threads stay on the processors that they are given.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { allowedCpus } from '../../src/system/affinity.js';
import { buildKernelPair, INNER } from './kernel-pair.js';
import { labTest } from './support.js';
import { sendDatagrams, streamBothWays } from './traffic.js';

/** How many threads of a process may run on one processor alone, by its number. */
function pinnedThreads(pid: number): Map<number, number> {
  const pinned = new Map<number, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    const list = /^Cpus_allowed_list:\s+(.*)$/m.exec(status)![1]!;
    if (/^\d+$/.test(list)) pinned.set(Number(list), (pinned.get(Number(list)) ?? 0) + 1);
  }
  return pinned;
}

labTest('workers that stay on a processor', async ({ lab, step, note }) => {
  const cpus = allowedCpus();
  const [first, last] = [cpus[0]!, cpus.at(-1)!];
  const daemon = ['--workers', '3', '--cpus', `${last},${first}`];
  const { ours, kernels } = await buildKernelPair(lab, { mtu: 1450, daemon });

  await step('three workers take turns on two processors, and no other thread is kept anywhere', async () => {
    if (first === last) return note('not tested: there is one processor');
    assert.deepEqual(pinnedThreads(ours.daemonPid!), new Map<number, number>().set(last, 2).set(first, 1));
  });

  await step('traffic passes', async () => {
    await streamBothWays(ours, kernels, INNER.kernels[0]);
    await sendDatagrams(kernels, ours, INNER.ours[0]);
  });

  await step('a processor that is not there is refused before anything is touched', async () => {
    const { code, stderr } = await ours.tryVxlane('daemon', '--cpus', '1023');
    assert.equal(code, 1);
    assert.match(stderr, /--cpus 1023: this process may run on processors \d/);
  });
});
