/** What do captures cost a frame: while there are none, and while there are? */
import {
  CF_MAC,
  CF_SNAPLEN,
  HDR_CAPTURE_FILTERS,
  RING_HEAD,
  RING_READ,
  RING_TAIL,
  W_CAPTURE_LOST,
  W_CAPTURE_RING,
  W_CAPTURES,
  WORKERS_BASE,
} from '../assembly/layout.js';
import { BATCH, prepareBatches, RUN_BATCHES } from './batches.js';
import { measure, type Row } from './measure.js';
import { expect } from './testbed.js';

const RING = WORKERS_BASE + W_CAPTURE_RING;
const NOBODY = 0x0202020202;
const WHOLE = 1 << 18;

const batches = prepareBatches({ endpoints: 1 });
const { views, worker, vnic } = batches;
let frames = 0n;

/** One batch of the mmsg engine, as if sendmmsg had taken all; and what was mirrored has been read at once. */
function carry(reads: boolean): void {
  batches.nextFrames();
  batches.readFrames();
  expect(worker.encapBatch(vnic, 0), BATCH, 'frames taken');
  for (let left = worker.prepare(); left > 0; left = worker.prepare()) worker.sent(0, left);
  frames += BigInt(BATCH);
  const head = Atomics.load(views.u32, (RING + RING_HEAD) >> 2);
  if (!reads) return;
  views.u32[(RING + RING_READ) >> 2] = head;
  Atomics.store(views.u32, (RING + RING_TAIL) >> 2, head);
}

function row(name: string, isOn: boolean, mac: number, snapLength: number, reads = true): Row {
  const run = (): void => {
    views.u32[(WORKERS_BASE + W_CAPTURES) >> 2] = isOn ? 1 : 0;
    views.u64[(HDR_CAPTURE_FILTERS + CF_MAC) >> 3] = BigInt(mac);
    views.u32[(HDR_CAPTURE_FILTERS + CF_SNAPLEN) >> 2] = snapLength;
    for (let batch = 0; batch < RUN_BATCHES; batch++) carry(reads);
  };
  return { name, operations: RUN_BATCHES * BATCH, run, ratioTo: 0 };
}

await measure({
  question: 'What do captures cost a frame: while there are none, and while there are?',
  operation: 'frame',
  setting: [
    'Encap of batches of 64 frames of 1414 bytes to one endpoint, all but the system calls (mmsg engine). A frame that',
    'is mirrored is so twice: as it came, and as it left. The ring is read at once, but in the last row.',
  ],
  rows: [
    row('no capture', false, 0, 0),
    row('a capture that wants none of these frames', true, NOBODY, WHOLE),
    row('… the first 96 bytes of all', true, 0, 96),
    row('… all of all', true, 0, WHOLE),
    row('… the same, and the ring is full', true, 0, WHOLE, false),
  ],
  verify: () => {
    expect(batches.sent, frames, 'datagrams sent, by the counter');
    expect(views.u32[(WORKERS_BASE + W_CAPTURE_LOST) >> 2]! > 0, true, 'the ring was full');
  },
});
