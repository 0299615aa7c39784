/** How long does it take to make a super-frame of the datagrams of one message? */

import { measure, type Row } from './measure.js';
import { expect, prepareTestbed, SCRATCH } from './testbed.js';

const { loops, views } = prepareTestbed(1000);
const SAVED = SCRATCH + (1 << 20);
const TURNS = 100;

/** A case and its baseline. */
function rows(name: string, tcp: boolean, payload: number, datagrams: number, index: number): Row[] {
  const at = SCRATCH + (2 + index) * (1 << 20);
  const operations = datagrams * TURNS;
  for (let byte = 0; byte < 1 << 17; byte++) views.u8[at + byte] = (byte * 31) & 0xff;
  const size = loops.makeMessage(at, tcp, payload, datagrams);
  const saved = SAVED + index * (1 << 17);
  views.u8.copyWithin(saved, at, at + datagrams * size);
  return [
    {
      name: `${name}: taking the message (baseline)`,
      operations,
      baseline: 2 * index,
      run: () => loops.takeMessages(at, saved, datagrams * size, TURNS),
    },
    {
      name,
      operations,
      baseline: 2 * index,
      bytes: payload,
      run: () => expect(loops.joinMessages(at, saved, datagrams * size, size, TURNS), operations, name),
    },
  ];
}

await measure({
  question: 'How long does it take to make a super-frame of the datagrams of one message?',
  operation: 'datagram',
  setting: ['A message as UDP_GRO joins it, in the L2 cache, copied there anew before every pass as the kernel does.'],
  rows: [
    ...rows('TCP over IPv4, with timestamps, 1398 bytes', true, 1398, 43, 0),
    ...rows('UDP over IPv4, 64 bytes', false, 64, 64, 1),
  ],
});
