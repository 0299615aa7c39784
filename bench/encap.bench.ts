/** How long does the datapath take to encapsulate a frame, all included but the system calls? */
import { BATCH, FLOODED, prepareBatches, RUN_BATCHES } from './batches.js';
import { measure } from './measure.js';
import { expect } from './testbed.js';

const batches = prepareBatches('endpoints');
const { worker, vnic, floodingVnic } = batches;
const operations = RUN_BATCHES * BATCH;
let settled = 0n;
let prepared = 0;

/** Frames to one endpoint may share a message, so there are fewer than frames. */
function prepare(): void {
  prepared = worker.prepare();
  expect(prepared > BATCH / 2 && prepared <= BATCH, true, 'messages prepared');
}

function encap(): void {
  batches.nextFrames();
  batches.readFrames();
  expect(worker.encapBatch(vnic, 0), BATCH, 'frames taken');
}

/** What the loop of a worker does after encapBatch, as if sendmmsg had taken all. */
function settle(): void {
  expect(worker.messageRun(0), prepared, 'messages for one sendmmsg');
  worker.sent(0, prepared);
  expect(worker.prepare(), 0, 'messages left');
  settled += BigInt(BATCH);
}

/** A batch of frames to MACs that nobody knows: all that flooding is, but the system calls. */
function floodBatch(): void {
  batches.nextFrames();
  batches.readFrames();
  expect(worker.encapBatch(floodingVnic, 0), BATCH, 'frames taken');
  for (let left = worker.prepare(); left > 0; left = worker.prepare()) worker.sent(0, left);
  settled += BigInt(BATCH * FLOODED);
}

function repeat(step: () => void): () => void {
  return () => {
    for (let batch = 0; batch < RUN_BATCHES; batch++) step();
  };
}

await measure({
  question: 'How long does the datapath take to encapsulate a frame, all included but the system calls?',
  operation: 'frame',
  setting: [
    'Batches of 64 frames (1414 bytes) from one VNIC to MACs drawn at random from a full FDB of 64 k entries over',
    '256 endpoints. The baseline writes the destinations into the frames, which leaves them in the L1 cache, as a',
    'copy from the kernel would.',
  ],
  rows: [
    { name: 'writing the destinations (baseline)', operations, run: repeat(() => batches.nextFrames()) },
    {
      name: 'checks, lookup, header (encapBatch)',
      operations,
      run: repeat(() => {
        encap();
        batches.forget();
      }),
    },
    {
      name: '… and descriptors for sendmmsg (prepare)',
      operations,
      run: repeat(() => {
        encap();
        prepare();
        batches.forget();
      }),
    },
    {
      name: '… and accounting after it (messageRun, sent): all',
      operations,
      run: repeat(() => {
        encap();
        prepare();
        settle();
      }),
    },
    {
      name: `all of a copy, where frames are flooded to ${FLOODED} endpoints`,
      operations: operations * FLOODED,
      run: repeat(floodBatch),
    },
  ],
  verify: () => expect(batches.sent, settled, 'datagrams sent, by the counter'),
});
