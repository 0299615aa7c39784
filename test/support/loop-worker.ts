// A datapath thread that runs the loop, and says whenever it is asked by how much its heap has grown since the last
// time. It is asked through the loop itself, which never ends: as if UDP_SEGMENT had been refused.
// The young generation is made large by whoever starts it, so that no collection hides an allocation.

import { readFileSync } from 'node:fs';
import v8 from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import type { Engine } from '../../src/datapath/loop.js';
import { runMmsg } from '../../src/datapath/loop-mmsg.js';
import { runUring } from '../../src/datapath/loop-uring.js';
import { viewsOf } from '../../src/datapath/memory.js';
import { instantiate } from '../../src/datapath/module.js';

const { memory, engine } = workerData as { memory: WebAssembly.Memory; engine: Engine };
const file = new URL('../../../build/release.wasm', import.meta.url);
const datapath = instantiate(new WebAssembly.Module(readFileSync(file)), memory);
datapath.startWorker(0);

let before = v8.getHeapStatistics().used_heap_size;

function tellGrowth(): void {
  parentPort!.postMessage(v8.getHeapStatistics().used_heap_size - before);
  before = v8.getHeapStatistics().used_heap_size;
}

const run = engine === 'uring' ? runUring : runMmsg;
run(datapath, viewsOf(memory), {
  worker: 0,
  busyPollUs: 0,
  onVnicGone: () => {},
  onGsoRefused: tellGrowth,
  onRefusal: () => {},
});
