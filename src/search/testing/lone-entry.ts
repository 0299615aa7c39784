/** Entry of a lone instance's thread, see lone.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { InstanceSide } from '../host/instance-side.js';
import { loadPlugin } from '../host/load.js';
import { Outbox } from '../host/outbox.js';
import type { LoneMessage, LoneSaid, LoneStart } from './lone.js';

const { location, leftAfterMs } = workerData as LoneStart;

function say(said: LoneSaid): void {
  parentPort?.postMessage(said);
}

const outbox = new Outbox(
  (parcel) => {
    for (const said of parcel) say(said);
    queueMicrotask(() => outbox.taken());
  },
  () => performance.now(),
);
const side = new InstanceSide(
  () => loadPlugin(location),
  (said) => outbox.put(said),
);
parentPort?.on('message', (message: LoneMessage) => {
  if (message.kind === 'ask') void side.ask(message);
  else finish();
});

/** From here on only the plugin keeps this thread; the timer runs out only if it does. */
function finish(): void {
  parentPort?.unref();
  setTimeout(() => say({ kind: 'left', resources: leftResources() }), leftAfterMs).unref();
}

/** Standard streams of a worker thread are message ports, as is the way to the host. */
function leftResources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name !== 'MessagePort');
}
