/** Entry of a thread of plugin instances: shows that it runs, and serves each instance until the host leaves it. */
import { parentPort } from 'node:worker_threads';
import { InstanceSide } from './instance-side.js';
import { loadPlugin } from './load.js';
import { memoryUse } from './memory.js';
import type { Message } from './messages.js';
import { Outbox } from './outbox.js';
import { capturePrints } from './prints.js';
import { type InstanceStart, PULSE_ASKED, PULSE_BEATS, PULSE_EVERY_MS, PULSE_MIB, type ThreadStart } from './thread.js';

function serve({ location, pulse, memoryMiB }: ThreadStart): void {
  const words = new Int32Array(pulse);
  /** Of the instances, the oldest first. */
  const outboxes = new Set<Outbox>();

  /** Whoever sees no beats knows that the event loop of this thread does not turn. */
  const beat = () => {
    Atomics.store(words, PULSE_MIB, memoryUse(memoryMiB));
    Atomics.add(words, PULSE_BEATS, 1);
  };
  beat();
  setInterval(beat, PULSE_EVERY_MS);

  // Whose it is cannot be told. Only plugins that have a thread to themselves print.
  capturePrints((text) => {
    const [oldest] = outboxes;
    oldest?.put({ kind: 'log', level: 'info', message: `printed: ${text}`, fields: undefined });
  });

  parentPort?.on('message', ({ instance, port }: InstanceStart) => {
    const outbox = new Outbox(
      (parcel) => port.postMessage(parcel),
      () => performance.now(),
    );
    const side = new InstanceSide(
      () => loadPlugin(location),
      (said) => outbox.put(said),
    );
    outboxes.add(outbox);
    port.on('message', (message: Message) => {
      if (message.kind === 'taken') {
        outbox.taken();
        return;
      }
      Atomics.store(words, PULSE_ASKED, instance);
      void side.ask(message);
      Atomics.store(words, PULSE_ASKED, 0);
    });
    port.on('close', () => {
      outboxes.delete(outbox);
      side.leave();
    });
  });
}

parentPort?.once('message', serve);
