// A datapath thread that runs the loop again and again, and says by how much its heap grew each time.
// The young generation is made large by whoever starts it, so that no collection hides an allocation.

import { readFileSync } from 'node:fs';
import v8 from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { HDR_STOP } from '../../assembly/layout.js';
import { runMmsg } from '../../src/datapath/loop-mmsg.js';
import { viewsOf } from '../../src/datapath/memory.js';
import { instantiate } from '../../src/datapath/module.js';

const memory = workerData as WebAssembly.Memory;
const file = new URL('../../../build/release.wasm', import.meta.url);
const datapath = instantiate(new WebAssembly.Module(readFileSync(file)), memory);
const views = viewsOf(memory);
datapath.startWorker(0);

while (true) {
  const before = v8.getHeapStatistics().used_heap_size;
  runMmsg(datapath, views, { worker: 0, busyPollUs: 0, onVnicGone: () => {}, onGsoRefused: () => {} });
  const grown = v8.getHeapStatistics().used_heap_size - before;
  views.u32[HDR_STOP >> 2] = 0;
  parentPort!.postMessage(grown);
}
