/** A daemon with nothing to do uses no processor, also one that busy-polls when it has something to do. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildKernelPair, INNER } from './kernel-pair.js';
import { type Host, labTest, pingAll } from './support.js';
import '../support/each-engine.js';

const IDLE_MS = 5000;
const WINDOWS = 3;
// Ten ticks and a plugin's two beats a second use 0.01, on a slow machine 0.03; a thread that spins uses 1.
const SHARE_MAX = 0.05;

/** Processor time of all threads of the daemon so far, in milliseconds. */
function usedMs(host: Host): number {
  const tasks = `/proc/${host.daemonPid}/task`;
  const ns = readdirSync(tasks).map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]));
  return ns.reduce((sum, one) => sum + one, 0) / 1e6;
}

for (const daemon of [[], ['--busy-poll', '50']]) {
  labTest(`an idle daemon ${daemon.join(' ')}`, async ({ lab, note }) => {
    const { ours } = await buildKernelPair(lab, { mtu: 1450, daemon });
    await pingAll(ours, INNER.kernels[0]);
    // Compiling and collecting in the background, and neighbour discovery, end in one of the first windows.
    let used = Number.POSITIVE_INFINITY;
    for (let window = 0; window < WINDOWS && used > IDLE_MS * SHARE_MAX; window++) {
      const before = usedMs(ours);
      await sleep(IDLE_MS);
      used = usedMs(ours) - before;
      note(`${used.toFixed(1)} ms of ${IDLE_MS}`);
    }
    assert.ok(used <= IDLE_MS * SHARE_MAX, `${used} ms`);
  });
}
