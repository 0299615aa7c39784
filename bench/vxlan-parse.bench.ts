/** How long does it take to check and strip a VXLAN header? */
import { RX_SLOT_SIZE } from '../assembly/layout.js';
import { measure } from './measure.js';
import { expect, prepareTestbed, SCRATCH } from './testbed.js';

const SLOTS = 64;
const RUN = 1 << 16;
const DATAGRAM = 1422; // bytes

const { loops } = prepareTestbed(1000);
loops.buildHeaders(SCRATCH, RX_SLOT_SIZE, SLOTS, SLOTS); // VNIs 0 to 63
const sum = BigInt((RUN / SLOTS) * ((SLOTS * (SLOTS - 1)) / 2));

await measure({
  question: 'How long does it take to check and strip a VXLAN header?',
  operation: 'header',
  setting: [
    'Length, I flag, reserved bits (strict) and VNI of 64 datagrams in the slots of a batch, in the L1 cache.',
    'Stripping moves no bytes: the frame starts 8 bytes on.',
  ],
  rows: [
    {
      name: 'walking the slots (baseline)',
      operations: RUN,
      run: () => void loops.emptySlots(SCRATCH, RX_SLOT_SIZE, SLOTS, RUN),
    },
    {
      name: 'check and strip',
      operations: RUN,
      run: () => expect(loops.parseHeaders(SCRATCH, RX_SLOT_SIZE, SLOTS, RUN, DATAGRAM), sum, 'sum of the VNIs'),
    },
  ],
});
