/** Entry of a datapath thread: an instance of the module over the shared memory, and the loop. */
import { parentPort, workerData } from 'node:worker_threads';
import { runLoop } from './loop.js';
import { viewsOf } from './memory.js';
import { instantiate } from './module.js';

/** What the host hands to a worker. */
export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  readonly worker: number;
  readonly busyPollUs: number;
}

/** What a worker tells the host, rarely: a VNIC's interface vanished. */
export interface VnicGone {
  readonly vnicGone: number;
}

const { memory, module, worker, busyPollUs } = workerData as WorkerStart;
const datapath = instantiate(module, memory);
datapath.startWorker(worker);
runLoop(datapath, viewsOf(memory), {
  worker,
  busyPollUs,
  onVnicGone: (vnic) => parentPort?.postMessage({ vnicGone: vnic } satisfies VnicGone),
});
