/** Entry of a datapath thread: an instance of the module over the shared memory, and the loop. */
import { parentPort } from 'node:worker_threads';
import { pinThread } from '../system/affinity.js';
import { threadNumber } from '../system/thread-times.js';
import type { Engine } from './loop.js';
import { runMmsg } from './loop-mmsg.js';
import { runUring } from './loop-uring.js';
import { viewsOf } from './memory.js';
import { instantiate } from './module.js';
import type { Refusal } from './refusals.js';

/** What the host sends to a worker, once. */
export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  readonly worker: number;
  readonly busyPollUs: number;
  readonly engine: Engine;
  /** Processors that the workers are kept on, taking turns; none: the kernel moves them as it likes. */
  readonly cpus?: readonly number[] | undefined;
}

/** What a worker tells the host, rarely. */
export type WorkerNotice =
  | { readonly kind: 'started'; readonly thread: number }
  | { readonly kind: 'vnic-gone'; readonly vnic: number }
  | { readonly kind: 'gso-refused'; readonly socket: number; readonly errno: number }
  | { readonly kind: 'io-refused'; readonly refusal: Refusal };

function notify(notice: WorkerNotice): void {
  parentPort?.postMessage(notice);
}

/** Returns when the datapath stops. */
function work({ memory, module, worker, busyPollUs, engine, cpus = [] }: WorkerStart): void {
  if (cpus.length > 0) pinThread(cpus[worker % cpus.length]!);
  const datapath = instantiate(module, memory);
  datapath.startWorker(worker);
  notify({ kind: 'started', thread: threadNumber() });
  const run = engine === 'uring' ? runUring : runMmsg;
  run(datapath, viewsOf(memory), {
    worker,
    busyPollUs,
    onVnicGone: (vnic) => notify({ kind: 'vnic-gone', vnic }),
    onGsoRefused: (socket, errno) => notify({ kind: 'gso-refused', socket, errno }),
    onRefusal: (refusal) => notify({ kind: 'io-refused', refusal }),
  });
}

parentPort?.once('message', work);
