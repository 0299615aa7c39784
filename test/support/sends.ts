// Answers sends in the kernel's place, and tells the module of it as the mmsg loop does.

import { TX_FRAMES, TX_SIZE, W_TX, W_TX_COUNT, WORKERS_BASE } from '../../assembly/layout.js';
import type { Views } from '../../src/datapath/memory.js';
import type { DatapathExports } from '../../src/datapath/module.js';

/** `answer`: 0 or an errno, for a message of so many datagrams. Answers the indexes of the messages that were sent. */
export function settleSends(module: DatapathExports, { u32 }: Views, answer: (datagrams: number) => number): number[] {
  const sent: number[] = [];
  for (let from = 0; from < u32[(WORKERS_BASE + W_TX_COUNT) >> 2]!; ) {
    const errno = answer(u32[(WORKERS_BASE + W_TX + from * TX_SIZE + TX_FRAMES) >> 2]!);
    if (errno === 0) {
      module.sent(from, 1);
      sent.push(from++);
      continue;
    }
    const settled = module.sendFailed(from, 1, errno);
    if (settled === 0) break; // it is prepared anew
    from += settled;
  }
  return sent;
}
