/** How long does the datapath take to encapsulate a frame, all included but the system calls? */
import { BATCH, type Batches, FLOODED, prepareBatches, RUN_BATCHES, type Shape } from './batches.js';
import { measure, type Row } from './measure.js';
import { expect } from './testbed.js';

const SHAPES = [64_000, 1_000_000].flatMap((entries) =>
  [1, 256].flatMap((endpoints) => [64, 1414].map((frameLen) => ({ entries, endpoints, frameLen }))),
);

/** What is otherwise in one of them. */
const USUAL = { entries: 64_000, endpoints: 256, frameLen: 64 };
const OTHERS = [
  { ...USUAL, sources: 1 },
  { ...USUAL, isProtected: true },
];

/** A datapath with frames of one shape. */
class Encap {
  readonly #batches: Batches;
  readonly #shape: Shape;
  #settled = 0n;
  #prepared = 0;

  constructor(shape: Shape) {
    this.#batches = prepareBatches(shape);
    this.#shape = shape;
  }

  get name(): string {
    const { entries, endpoints, frameLen, sources, isProtected } = this.#shape;
    const other = (sources === 1 ? ', 1 source port' : '') + (isProtected ? ', protected' : '');
    return `${entries === 64_000 ? '64 k' : '1 M'} entries, ${endpoints} endpoints, ${frameLen} bytes${other}`;
  }

  /** The mmsg engine: what the loop of a worker does with a batch, but for the system calls. */
  next(): void {
    this.#batches.nextFrames();
  }

  /** What follows each readv. */
  read(): void {
    this.#batches.nextFrames();
    this.#batches.readFrames();
  }

  encap(): void {
    this.read();
    expect(this.#batches.worker.encapBatch(this.#batches.vnic, 0), BATCH, 'frames taken');
  }

  listed(): void {
    this.encap();
    this.#batches.forget();
  }

  /** Frames to one endpoint may share a message, so there are fewer than frames. */
  prepare(): void {
    this.encap();
    this.#prepared = this.#batches.worker.prepare();
    expect(this.#prepared > 0 && this.#prepared <= BATCH, true, 'messages prepared');
  }

  described(): void {
    this.prepare();
    this.#batches.forget();
  }

  /** As if sendmmsg had taken all. */
  settle(): void {
    const { worker } = this.#batches;
    this.prepare();
    for (let from = 0, run = 0; from < this.#prepared; from += run) {
      run = worker.messageRun(from); // the messages of one sendmmsg
      worker.sent(from, run);
    }
    expect(worker.prepare(), 0, 'messages left');
    this.#settled += BigInt(BATCH);
  }

  /** The uring engine: reads complete. */
  complete(): void {
    this.#batches.completeReads();
    this.#batches.forgetReads();
  }

  /** … and a turn makes of them what is submitted; a next one settles that. */
  turn(): void {
    this.#batches.completeReads();
    this.#batches.turn();
    this.#settled += BigInt(BATCH);
  }

  /** A batch of frames to MACs that nobody knows: all that flooding is, but the system calls. */
  flood(): void {
    const { worker, floodingVnic } = this.#batches;
    this.read();
    expect(worker.encapBatch(floodingVnic, 0), BATCH, 'frames taken');
    for (let left = worker.prepare(); left > 0; left = worker.prepare()) worker.sent(0, left);
    this.#settled += BigInt(BATCH * FLOODED);
  }

  verify(): void {
    this.#batches.turn();
    expect(this.#batches.sent, this.#settled, 'datagrams sent, by the counter');
  }
}

function row(name: string, step: () => void, baseline: number, copies = 1): Row {
  const run = (): void => {
    for (let batch = 0; batch < RUN_BATCHES; batch++) step();
  };
  return { name, operations: RUN_BATCHES * BATCH * copies, run, baseline };
}

// The engines have datapaths of their own: each is then called by one of the two, as in a daemon.
const mmsg = new Encap(USUAL);
const uring = [...SHAPES, ...OTHERS].map((shape) => new Encap(shape));
const steps: Row[] = [
  row('mmsg: writing the destinations (baseline)', () => mmsg.next(), 0),
  row('  telling of the reads (tapTook, a call a frame)', () => mmsg.read(), 0),
  row('  … checks, lookup, header (encapBatch)', () => mmsg.listed(), 0),
  row('  … descriptors (prepare)', () => mmsg.described(), 0),
  row('  … accounting (messageRun, sent): all', () => mmsg.settle(), 0),
  row(`  all of a copy, where frames are flooded to ${FLOODED} endpoints`, () => mmsg.flood(), 0, FLOODED),
];
const uringBaseline = steps.length;
const turns = uring.map((encap) => row(`  all: ${encap.name}`, () => encap.turn(), uringBaseline));

await measure({
  question: 'How long does the datapath take to encapsulate a frame, all included but the system calls?',
  operation: 'frame',
  setting: [
    'Batches of 64 frames of 64 flows of UDP from one VNIC to MACs drawn at random from a full FDB, from 16 source',
    'ports where nothing else is said, as a daemon has. The baselines write the destinations into the frames, which',
    'leaves them in the cache, as a copy from the kernel would, and with uring the completions. Each step of mmsg',
    `includes those before it: ${mmsg.name}.`,
  ],
  rows: [
    ...steps,
    row('uring: writing destinations and completions (baseline)', () => uring[0]!.complete(), uringBaseline),
    ...turns,
  ],
  verify: () => {
    for (const encap of [mmsg, ...uring]) encap.verify();
  },
});
