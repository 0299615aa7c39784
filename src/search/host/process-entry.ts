/**
 * Entry of the process of a plugin instance, see process.ts: `node process-entry.cjs URL MEMORY_MIB`, with the way to
 * the host as descriptor 3. It ends when that does.
 */
import { Socket } from 'node:net';
import { BEAT, BEAT_EVERY_MS, CHANNEL_FD, FrameReader, frameOf, framesOf, type Threw } from './frames.js';
import { InstanceSide } from './instance-side.js';
import { loadModule } from './load-module.js';
import { memoryUse } from './memory.js';
import type { Message } from './messages.js';
import { Outbox } from './outbox.js';
import { capturePrints } from './prints.js';
import { wordsOf } from './words.js';

/** In which a host that reads has read why the process is to end. */
const LAST_WORDS_MAX_MS = 5000;

const [url = '', memoryMiB = '0'] = process.argv.slice(2);
const socket = new Socket({ fd: CHANNEL_FD, readable: true, writable: true });
const outbox = new Outbox(
  (parcel) => {
    for (const frame of framesOf(parcel)) socket.write(frame);
  },
  () => performance.now(),
);
const side = new InstanceSide(
  () => loadModule(url),
  (said) => outbox.put(said),
);
const frames = new FrameReader();

function heard(message: Message): void {
  if (message.kind === 'taken') outbox.taken();
  else void side.ask(message);
}

let isOver = false;

/**
 * The host ends the process when it has read this. One that ended by itself might not be heard: what the host writes to
 * it then fails, and what it has not read yet goes with that.
 */
function threw(thrown: unknown): void {
  if (isOver) return;
  isOver = true;
  socket.write(frameOf({ threw: wordsOf(thrown) } satisfies Threw));
  setTimeout(() => process.exit(1), LAST_WORDS_MAX_MS);
}

function beat(): void {
  memoryUse(Number(memoryMiB)); // garbage is not to count: the host sees no more than what the process has
  socket.write(BEAT);
}

process.on('uncaughtException', threw);
process.on('unhandledRejection', threw);
capturePrints((text) => outbox.put({ kind: 'log', level: 'info', message: `printed: ${text}`, fields: undefined }));
socket.on('data', (chunk: Buffer) => {
  frames.add(chunk);
  for (let message = frames.next(); message !== undefined; message = frames.next()) heard(message as Message);
});
for (const event of ['end', 'error', 'close']) socket.on(event, () => process.exit());
beat();
setInterval(beat, BEAT_EVERY_MS);
