/** How long does it take to write a VXLAN header? */
import { RX_SLOT_SIZE } from '../assembly/layout.js';
import { measure } from './measure.js';
import { prepareTestbed, SCRATCH } from './testbed.js';

const SLOTS = 64;
const RUN = 1 << 16;

const { loops } = prepareTestbed(1000);

await measure({
  question: 'How long does it take to write a VXLAN header?',
  operation: 'header',
  setting: ['Headers of 64 frames in the slots of a batch, each with another VNI; the slots are in the L1 cache.'],
  rows: [
    {
      name: 'walking the slots (baseline)',
      operations: RUN,
      run: () => void loops.emptySlots(SCRATCH, RX_SLOT_SIZE, SLOTS, RUN),
    },
    { name: 'build', operations: RUN, run: () => void loops.buildHeaders(SCRATCH, RX_SLOT_SIZE, SLOTS, RUN) },
  ],
});
