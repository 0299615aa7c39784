// Messages for sendmmsg and writes for writev (mmsg engine): all of them have a msghdr, or iovecs.

import { completeMessages } from '../output/messages';
import * as plan from '../output/plan';
import { completeDeliveries } from '../output/tap-writes';

// Answers how many descriptors there are: W_TX_COUNT messages and W_DELIVER_COUNT writes. 0: all is settled.
export function prepare(): u32 {
  const count = plan.prepare();
  if (count == 0) return 0;
  completeMessages();
  completeDeliveries();
  return count;
}
