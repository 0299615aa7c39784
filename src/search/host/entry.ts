/** Entry of a plugin's thread: shows that it runs, and serves one instance until the host ends it. */
import { parentPort, workerData } from 'node:worker_threads';
import { InstanceSide } from './instance-side.js';
import { loadPlugin } from './load.js';
import { memoryUse } from './memory.js';
import type { Message } from './messages.js';
import { Outbox } from './outbox.js';
import { capturePrints } from './prints.js';
import { PULSE_BEATS, PULSE_EVERY_MS, PULSE_MIB, type ThreadStart } from './thread.js';

const { location, pulse, memoryMiB } = workerData as ThreadStart;
const words = new Int32Array(pulse);

/** Whoever sees no beats knows that the event loop of this thread does not turn. */
function beat(): void {
  Atomics.store(words, PULSE_MIB, memoryUse(memoryMiB));
  Atomics.add(words, PULSE_BEATS, 1);
}

beat();
setInterval(beat, PULSE_EVERY_MS);

const outbox = new Outbox(
  (parcel) => parentPort?.postMessage(parcel),
  () => performance.now(),
);
capturePrints((text) => outbox.put({ kind: 'log', level: 'info', message: `printed: ${text}`, fields: undefined }));
const side = new InstanceSide(
  () => loadPlugin(location),
  (said) => outbox.put(said),
);
parentPort?.on('message', (message: Message) => {
  if (message.kind === 'taken') outbox.taken();
  else void side.ask(message);
});
