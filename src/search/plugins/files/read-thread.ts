/** Entry of the thread that reads a large file: posts one PackedResult and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { readFiles } from './read.js';
import { packed, type Reading } from './read-apart.js';

const { data, buffers } = packed(await readFiles(...(workerData as Reading)));
parentPort?.postMessage(data, buffers);
