/** How long does it take to make a frame of a super-frame? */

import { measure, type Row } from './measure.js';
import { expect, prepareTestbed, SCRATCH } from './testbed.js';

const { loops, views } = prepareTestbed(1000);
const SIZE = 1398; // bytes: MTU 1450 without IPv4 header, TCP header, timestamps
const PIECES = 46;
const VNET = SCRATCH + (1 << 20);
const HEADER = SCRATCH + (2 << 20);
const TURNS = 100;
const operations = PIECES * TURNS;
for (let at = 0; at < PIECES * SIZE + 256; at++) views.u8[SCRATCH + at] = (at * 31) & 0xff;

function row(name: string, tcp: boolean, at: number): Row {
  const length = loops.makeFrame(at, tcp, 1024, 0, PIECES * SIZE);
  return {
    name,
    operations,
    bytes: SIZE,
    run: () => expect(loops.segments(at, length, VNET, HEADER, tcp, SIZE, TURNS), operations, name),
  };
}

await measure({
  question: 'How long does it take to make a frame of a super-frame?',
  operation: 'frame',
  setting: [
    `A super-frame of ${PIECES} times ${SIZE} bytes in the L2 cache: its check, then the headers of every frame.`,
    'The baseline sums the payloads and does nothing else.',
  ],
  rows: [
    {
      name: 'summing the payloads (baseline)',
      operations,
      run: () => void loops.sumPieces(SCRATCH + Number(loops.headerLength(true)), SIZE, PIECES, TURNS),
    },
    row('TCP over IPv4, with timestamps', true, SCRATCH),
    row('UDP over IPv4', false, SCRATCH + (3 << 20)),
  ],
});
