/** How many frames a second does one core carry, encap, decap and both, all included but the system calls? */
import { BATCH, FRAME_LEN } from './batches.js';
import { SIZES } from './keys.js';
import { measure, type Row } from './measure.js';
import { Datapath } from './turns.js';

const SMALL_LEN = 64;
const RUN_BATCHES = 64;

const rows: Row[] = [];

function row(name: string, step: () => void, baseline: number, frames = BATCH): void {
  const run = (): void => {
    for (let batch = 0; batch < RUN_BATCHES; batch++) step();
  };
  rows.push({ name, operations: RUN_BATCHES * frames, run, baseline });
}

const datapaths = SIZES.flatMap(({ entries }) =>
  [SMALL_LEN, FRAME_LEN].map((frameLen) => new Datapath(entries, frameLen)),
);
const withoutFlows = [SMALL_LEN, FRAME_LEN].map(
  (frameLen) => new Datapath(SIZES[1].entries, frameLen, { datagrams: 'no flow' }),
);
const [first] = datapaths as [Datapath, ...Datapath[]];
row('writing frames and completions (baseline)', () => first.reads(), 0);
row('writing datagrams and completions (baseline)', () => first.receives(), 1);
const both = (): void => {
  first.reads();
  first.receives();
};
row('writing both (baseline)', both, 2, 2 * BATCH);
for (const datapath of datapaths) row(`encap, ${datapath.name}`, () => datapath.encap(), 0);
for (const datapath of datapaths) row(`decap, ${datapath.name}`, () => datapath.decap(), 1);
for (const datapath of withoutFlows) row(`decap of no flow, ${datapath.name}`, () => datapath.decap(), 1);
for (const datapath of datapaths) {
  const turns = (): void => {
    datapath.encap();
    datapath.decap();
  };
  row(`both, ${datapath.name}`, turns, 2, 2 * BATCH);
}
await measure({
  question: 'How many frames a second does one core carry, all included but the system calls?',
  operation: 'frame',
  isRate: true,
  setting: [
    'The uring engine: encap in batches of 64 frames of 64 flows of UDP from one VNIC, by 16 source ports, to MACs',
    'drawn at random from a full FDB over 256 endpoints; decap in batches of 64 datagrams of as many flows of UDP to',
    '64 local VNICs drawn at random, each looked at for one that it could join; "of no flow": neither TCP nor UDP,',
    'where that is spared. What the kernel does is not counted: the system calls, and writing frames and completions,',
    'which is measured apart and taken off.',
  ],
  rows,
  verify: () => {
    for (const datapath of [...datapaths, ...withoutFlows]) datapath.verify();
  },
});
