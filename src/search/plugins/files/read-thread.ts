/** Entry of the thread that reads a large file: posts one PackedResult and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { readFiles } from './read.js';
import { packed } from './read-apart.js';

const { data, buffers } = packed(await readFiles(workerData as string));
parentPort?.postMessage(data, buffers);
