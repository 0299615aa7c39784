// How a turn of a worker begins, with either engine: what waited for the host comes before what has just arrived.

import { settleHeld } from '../datapath/settle';
import { injectAll, injectRelease } from '../datapath/inject';
import { replicateWaiting } from '../datapath/replicate';
import { upcallNotify } from '../datapath/upcall';
import { beginPass } from '../datapath/worker';

// Starts a turn. False: send, then call again.
export function turn(): bool {
  beginPass();
  injectRelease();
  replicateWaiting();
  const settled = settleHeld();
  const injected = injectAll();
  upcallNotify();
  return injected && settled;
}
