/** How long does it take to join a frame to its super-frame? */

import { measure, type Row } from './measure.js';
import { expect, prepareTestbed, SCRATCH } from './testbed.js';

const { loops, views } = prepareTestbed(1000);
const ENTRIES = 64;
const STRIDE = 1536;
const SAVED = SCRATCH + (1 << 20);
const TURNS = 64;
const operations = ENTRIES * TURNS;
for (let at = 0; at < ENTRIES * STRIDE; at++) views.u8[SCRATCH + at] = (at * 31) & 0xff;

// Bits of `kinds`, see assembly/offload/flow-of.ts: TCP and UDP are joined, and a checksum may be partial.
const JOINED = 3;
const JOINED_OR_PARTIAL = 7;

interface Case {
  readonly name: string;
  readonly tcp: boolean;
  readonly flows: number;
  readonly payload: number;
  readonly kinds?: number;
  /** Entries of a list that join another one. */
  readonly joined: number;
}

/** A case and its baseline, each with the list as the case wants it. */
function rows({ name, tcp, flows, payload, joined, kinds = JOINED_OR_PARTIAL }: Case, baseline: number): Row[] {
  const make = (): void => loops.makeList(SCRATCH, SAVED, STRIDE, ENTRIES, flows, tcp, payload);
  return [
    {
      name: `${name}: sums alone (baseline)`,
      operations,
      baseline,
      run: () => {
        make();
        loops.restoreLists(SAVED, ENTRIES, TURNS);
      },
    },
    {
      name,
      operations,
      baseline,
      bytes: payload,
      run: () => {
        make();
        expect(loops.coalesceLists(SAVED, ENTRIES, TURNS, kinds), joined * TURNS, name);
      },
    },
  ];
}

const cases: Case[] = [
  // 46 of 1398 bytes fill a super-frame.
  { name: 'TCP, 1398 bytes, one flow', tcp: true, flows: 1, payload: 1398, joined: 62 },
  { name: 'TCP, 1398 bytes, eight flows', tcp: true, flows: 8, payload: 1398, joined: 56 },
  { name: 'UDP, 64 bytes, one flow', tcp: false, flows: 1, payload: 64, joined: 63 },
  { name: 'UDP, 64 bytes, a flow per frame', tcp: false, flows: 64, payload: 64, joined: 0 },
  { name: '… accept_partial=off', tcp: false, flows: 64, payload: 64, joined: 0, kinds: JOINED },
];

await measure({
  question: 'How long does it take to join a frame to its super-frame?',
  operation: 'frame',
  setting: [
    `Lists of ${ENTRIES} frames for one VNIC, in the L2 cache at most, made new before every pass. The baselines make`,
    'them new as well, and sum what the checksums of the frames cover, joined or not.',
  ],
  rows: cases.flatMap((one, index) => rows(one, 2 * index)),
});
