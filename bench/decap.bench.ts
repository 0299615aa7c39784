/** How long does the datapath take to decapsulate a datagram, all included but the system calls? */
import { prepareBatches, RECEIVED, RUN_BATCHES } from './batches.js';
import { measure } from './measure.js';
import { expect } from './testbed.js';

const batches = prepareBatches({ endpoints: 1 });
const uring = prepareBatches({ endpoints: 1 }); // an engine has a datapath of its own, as in a daemon
const withoutFlows = prepareBatches({ endpoints: 1, datagrams: 'no flow' });
const { worker, socket } = batches;
const operations = RUN_BATCHES * RECEIVED;
const URING = 8; // the rows that are baselines of others
const URING_LEARNING = 11;
let settled = 0n;
let turned = 0n;
let turnedWithoutFlows = 0n;

function decap(): void {
  batches.nextDatagrams();
  expect(worker.decapBatch(socket, 0, RECEIVED), RECEIVED, 'datagrams taken');
}

/** The uring engine: messages complete, and a turn makes of them what is submitted; a next one settles that. */
function turn(senders: 'same' | 'drawn'): void {
  uring.completeReceives(senders);
  uring.turn();
  turned += BigInt(RECEIVED);
}

function turnWithoutFlows(): void {
  withoutFlows.completeReceives('same');
  withoutFlows.turn();
  turnedWithoutFlows += BigInt(RECEIVED);
}

function receive(senders: 'same' | 'drawn'): void {
  uring.completeReceives(senders);
  uring.forgetReceives();
}

function repeat(step: () => void): () => void {
  return () => {
    for (let batch = 0; batch < RUN_BATCHES; batch++) step();
  };
}

function learning(run: () => void): () => void {
  return () => {
    batches.oneSender();
    batches.learn(true);
    run();
    batches.learn(false);
  };
}

await measure({
  question: 'How long does the datapath take to decapsulate a datagram, all included but the system calls?',
  operation: 'datagram',
  setting: [
    'Batches of 64 datagrams (1422 bytes) to the MACs of 64 local VNICs, drawn at random; the FDB is full with 64',
    'k entries. They carry 64 flows of UDP, so that each is looked at for one to join, and none is found; "of no',
    'flow": neither TCP nor UDP, where that is spared. The baseline writes the inner destinations, which leaves the',
    'headers in the L1 cache, as a copy from the kernel would. Where the overlay learns, every MAC of the FDB is',
    'behind the address they come from.',
  ],
  rows: [
    { name: 'writing the destinations (baseline)', operations, run: repeat(() => batches.nextDatagrams()) },
    {
      name: 'writing destinations and sources (baseline)',
      operations,
      baseline: 1,
      run: repeat(() => {
        batches.nextDatagrams();
        batches.nextSenders();
      }),
    },
    {
      name: 'header, checks, lookup (decapBatch)',
      operations,
      run: repeat(() => {
        decap();
        batches.forget();
      }),
    },
    {
      name: '… and learning, one sender a batch',
      operations,
      run: learning(
        repeat(() => {
          decap();
          batches.forget();
        }),
      ),
    },
    {
      name: '… not learning, every sender another',
      operations,
      baseline: 1,
      run: repeat(() => {
        batches.nextSenders();
        decap();
        batches.forget();
      }),
    },
    {
      name: '… and learning, every sender another',
      operations,
      baseline: 1,
      run: learning(
        repeat(() => {
          batches.nextSenders();
          decap();
          batches.forget();
        }),
      ),
    },
    {
      name: '… and descriptors for writev (prepare)',
      operations,
      run: repeat(() => {
        decap();
        expect(worker.prepare(), RECEIVED, 'frames prepared');
        batches.forget();
      }),
    },
    {
      name: '… and accounting after it (delivered): all',
      operations,
      run: repeat(() => {
        decap();
        expect(worker.prepare(), RECEIVED, 'frames prepared');
        worker.delivered();
        expect(worker.prepare(), 0, 'frames left');
        settled += BigInt(RECEIVED);
      }),
    },
    {
      name: 'uring: writing destinations and completions (baseline)',
      operations,
      baseline: URING,
      run: repeat(() => receive('same')),
    },
    { name: '… all', operations, baseline: URING, run: repeat(() => turn('same')) },
    { name: '… all, of no flow', operations, baseline: URING, run: repeat(turnWithoutFlows) },
    {
      name: '… the same with sources (baseline)',
      operations,
      baseline: URING_LEARNING,
      run: repeat(() => receive('drawn')),
    },
    {
      name: '… all, and learning, every sender another',
      operations,
      baseline: URING_LEARNING,
      run: () => {
        uring.learn(true);
        repeat(() => turn('drawn'))();
        uring.learn(false);
      },
    },
  ],
  verify: () => {
    uring.turn();
    withoutFlows.turn();
    expect(batches.delivered, settled, 'frames delivered, by the counter');
    expect(uring.delivered, turned, 'frames delivered with uring, by the counter');
    expect(withoutFlows.delivered, turnedWithoutFlows, 'frames of no flow delivered, by the counter');
  },
});
