// Runs an instance of the plugin `etcd` in a worker thread, as the daemon does, and tells its parent what it says.
import { parentPort, workerData } from 'node:worker_threads';
import { formatEndpoint } from '../../src/address.js';
import type { Target } from '../../src/search/api.js';
import { etcd } from '../../src/search/plugins/etcd/etcd.js';
import { query, recordingContext } from './context.js';

const A = 'de:ad:be:ef:00:00';
const say = (text: string) => parentPort?.postMessage(text);
const textOf = (target: Target) => (target === 'drop' ? target : formatEndpoint(target));

const context = recordingContext();
const instance = etcd.create({ ...context, put: (mac, target) => say(`put ${mac} ${textOf(target)}`) }, workerData);
await instance.start();
const answer = await (instance as { lookup: (q: unknown) => unknown }).lookup(query(A));
say(`lookup ${A} ${textOf((answer as { target: Target }).target)}`);
parentPort?.once('message', () => instance.stop());
