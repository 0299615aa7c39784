// The mmsg engine: readv from TAPs, recvmmsg from sockets, and what the datapath listed goes out by sendmmsg and
// writev. The module writes the descriptors and does the accounting; the host's loop makes the system calls. In the
// order of a turn:
//
//  1. pollSet      which descriptors to wait for (poll.ts)
//  2. turn         answers that came for held frames, deadlines, injected frames
//  3. decapBatch   the datagrams just received on one socket (receive.ts)
//     encapBatch   the frames just read from one TAP (tap.ts)
//  4. prepare      the output list as messages and writes (prepare.ts)
//  5. sent, sendFailed, delivered: what became of them (accounting.ts)
//
// Steps 2 and 3 answer before their work is done when the output list is full; the host then sends and calls again.

import { settleHeld } from '../../datapath/hold';
import { injectAll, injectRelease } from '../../datapath/inject';
import { upcallNotify } from '../../datapath/upcall';
import { beginPass } from '../../datapath/worker';
import { messagesStart } from '../output/messages';
import { prepareStart } from '../output/plan';
import { receiveStart } from './receive';

// Writes what never changes in the descriptors, and forgets what an instance before this one had under way.
export function mmsgStart(): void {
  prepareStart();
  receiveStart();
  messagesStart();
}

// Starts a turn. False: send, then call again.
export function turn(): bool {
  beginPass();
  injectRelease();
  const settled = settleHeld();
  const injected = injectAll();
  upcallNotify();
  return injected && settled;
}
