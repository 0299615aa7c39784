/** How a datapath thread begins; what it is to do is a {@link WorkerStart} that it is sent. */
import { BegunThread } from '../begun-thread.js';

export function beginWorker(): BegunThread {
  return new BegunThread(new URL('../bundle/worker.cjs', import.meta.url));
}
