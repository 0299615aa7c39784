/** How fast is the Internet checksum? */

import { measure, type Row } from './measure.js';
import { expect, prepareTestbed, SCRATCH } from './testbed.js';

const { loops, views } = prepareTestbed(1000);
const STRIDE = 1 << 16;
const SLOTS = 8;
for (let at = 0; at < SLOTS * STRIDE; at++) views.u8[SCRATCH + at] = (at * 31) & 0xff;

/** Sums `len` bytes of `slots` places in turn. */
function row(name: string, len: number, stride: number, slots: number, operations: number): Row {
  const right = loops.checksums(SCRATCH, stride, slots, operations, len);
  return {
    name,
    operations,
    bytes: len,
    run: () => expect(loops.checksums(SCRATCH, stride, slots, operations, len), right, name),
  };
}

await measure({
  question: 'How fast is the Internet checksum?',
  operation: 'checksum',
  setting: [
    'Packets that are in the L1 cache (64 and 1400 bytes, 8 of them in turn) and in the L2 cache (64 KiB, 4 in',
    'turn).',
  ],
  rows: [
    {
      name: 'walking the packets (baseline)',
      operations: 1 << 16,
      run: () => void loops.emptySlots(SCRATCH, 1472, SLOTS, 1 << 16),
    },
    row('64 bytes', 64, 64, SLOTS, 1 << 16),
    row('1400 bytes', 1400, 1472, SLOTS, 1 << 13),
    row('64 KiB', STRIDE, STRIDE, SLOTS / 2, 1 << 8),
  ],
});
