/** Each fault of chaos once, in an order of chance. A failure names the seed that repeats it. */
import { test } from 'node:test';
import { Random } from '../support/random.js';
import { needsRoot } from '../support/root.js';
import { runChaos, shuffled } from './run.js';

const SEED = Date.now() & 0x7fff_ffff;

test(`every fault once, seed ${SEED}`, { skip: needsRoot(), timeout: 280_000 }, async (t) => {
  await runChaos({
    seed: SEED,
    faults: shuffled(new Random(~SEED)),
    onSurvived: (fault, ms) => t.diagnostic(`${fault}: ${(ms / 1000).toFixed(1)} s`),
  });
});
