/** How long does the hash of a frame's flow take? */

import { measure } from './measure.js';
import { prepareTestbed, SCRATCH } from './testbed.js';

const { loops } = prepareTestbed(1000);
const ENTRIES = 64;
const TURNS = 1024;
const operations = ENTRIES * TURNS;
loops.makeList(SCRATCH, SCRATCH + (1 << 20), 1536, ENTRIES, ENTRIES, true, 1398);

await measure({
  question: "How long does the hash of a frame's flow take?",
  operation: 'frame',
  setting: ['64 frames of TCP over IPv4, their headers in the L1 cache, in turn.'],
  rows: [
    {
      name: 'walking the frames (baseline)',
      operations,
      run: () => void loops.emptySlots(SCRATCH, 1536, ENTRIES, operations),
    },
    { name: 'flow hash', operations, run: () => void loops.flowHashes(ENTRIES, TURNS) },
  ],
});
