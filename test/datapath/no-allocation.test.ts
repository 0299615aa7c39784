// 100,000 frames through the real loop, out of a TAP and into one, and the heap of its thread stays where it was.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { W_EVENTFD, W_GSO_REFUSED, WORKERS_BASE } from '../../assembly/layout.js';
import { openEventfd, signalEventfd } from '../../src/system/eventfd.js';
import { closeFd } from '../../src/system/syscalls.js';
import { openTap, type Tap } from '../../src/system/tap.js';
import { openUnderlay } from '../../src/system/udp.js';
import { booksBalance } from '../support/books.js';
import { Core } from '../support/core.js';
import { ENGINE } from '../support/engine.js';
import { datagram, frame } from '../support/frames.js';
import { TestNetns } from '../support/netns.js';
import { freePort } from '../support/ports.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP } from '../support/tap.js';
import { PLAIN_UDP } from '../support/udp.js';
import { until } from '../support/until.js';
import '../support/each-engine.js';

const WARM_UP_FRAMES = 30_000;
// Asking costs the same each time, so what frames cost is the difference between many and few.
const FEW_FRAMES = 10_000;
const MANY_FRAMES = 110_000;
// The smallest JavaScript object, a boxed number, has 12 bytes: far below that, frames make none. What is left comes
// per turn (the time) and from code compiled late.
const BYTES_PER_FRAME_MAX = 4;
const MACS = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'] as const;
const FAR = '02:00:00:00:00:0c';
const PORT = freePort();

// Sends frames through the TAP's kernel end, in bursts that the queue of the TAP holds.
const sender = (frames: number): string => `
  const socket = require('node:dgram').createSocket('udp4');
  let left = ${frames};
  (function burst() {
    for (let n = 0; n < 100 && left > 0; n++, left--) socket.send('x', 9, '10.9.0.2');
    if (left > 0) setTimeout(burst, 1); else setTimeout(() => socket.close(), 100);
  })();`;

/** Sends datagrams with a frame for the second VNIC. */
async function sendDatagrams(count: number): Promise<void> {
  const socket = createSocket('udp4');
  const bytes = datagram(23, frame(MACS[1], FAR));
  for (let sent = 0; sent < count; sent += 100) {
    for (let n = 0; n < 100; n++) socket.send(bytes, PORT, '127.0.0.1');
    await delay(1);
  }
  await promisify(socket.close.bind(socket))();
}

/** A datapath with one remote MAC and two VNICs. */
function setUp(taps: readonly Tap[], socketFd: number, eventfd: number): Core {
  const core = new Core('release', 1024, socketFd);
  const overlay = core.overlay();
  for (const [n, tap] of taps.entries()) {
    const vnic = core.tables.addVnic({ overlay, fds: [tap.fd], mac: MACS[n]!, allowAnyMac: false });
    core.put(overlay, MACS[n]!, { kind: 'local', vnic }, true);
  }
  core.remote(overlay, FAR, { ip: '127.0.0.1', port: 9 });
  core.views.u32[(WORKERS_BASE + W_EVENTFD) >> 2] = eventfd;
  return core;
}

/** How much the heap grew in a load during which no garbage was collected. */
async function undisturbed(load: () => Promise<number>): Promise<number> {
  for (let tries = 0; tries < 5; tries++) {
    const grown = await load();
    if (grown >= 0) return grown;
  }
  throw new Error('a garbage collection hid the allocations five times in a row');
}

test('the packet path allocates nothing per frame', { skip: needsRoot(), timeout: 240_000 }, async (t) => {
  const netns = new TestNetns();
  const udp = openUnderlay({ listen: { ip: '127.0.0.1', port: PORT }, ...PLAIN_UDP });
  const taps = MACS.map((mac, n) =>
    openTap({ name: `tap${n}`, mac, mtu: 1400, netns: netns.name, persist: false, ...PLAIN_TAP }),
  );
  const eventfd = openEventfd();
  const core = setUp(taps, udp.listeners[0]!, eventfd);
  const worker = new Worker(new URL('../support/loop-worker.js', import.meta.url), {
    workerData: { memory: core.memory, engine: ENGINE },
    resourceLimits: { maxYoungGenerationSizeMb: 512 },
  });
  try {
    netns.exec('ip', 'addr', 'add', '10.9.0.1/24', 'dev', 'tap0');
    netns.exec('ip', 'neigh', 'add', '10.9.0.2', 'lladdr', FAR, 'dev', 'tap0', 'nud', 'permanent');
    const load = async (frames: number): Promise<number> => {
      netns.exec(process.execPath, '-e', sender(frames / 2));
      await sendDatagrams(frames / 2);
      await delay(50);
      const grown = once(worker, 'message');
      core.views.u32[(WORKERS_BASE + W_GSO_REFUSED) >> 2] = 1;
      signalEventfd(eventfd);
      return (await grown)[0] as number;
    };
    await load(WARM_UP_FRAMES);
    const few = await undisturbed(() => load(FEW_FRAMES));
    const before = core.counters.totals();
    const many = await undisturbed(() => load(MANY_FRAMES));
    const after = core.counters.totals();
    // It may be in a turn, with what the interface's own kernel sends.
    await until(() => booksBalance(core.counters.totals()));
    const out = after.encapOut! - before.encapOut!;
    const delivered = after.delivered! - before.delivered!;
    const perFrame = (many - few) / (out + delivered - FEW_FRAMES);
    t.diagnostic(`${out} frames sent, ${delivered} delivered; heap grew by ${few} and ${many} bytes`);
    // a busy machine loses some on the way in
    assert.ok(Math.min(out, delivered) > MANY_FRAMES / 4, 'at least half of the frames must have come through');
    assert.ok(perFrame < BYTES_PER_FRAME_MAX, `${perFrame} bytes per frame`);
  } finally {
    await worker.terminate();
    for (const tap of taps) tap.close();
    udp.close();
    closeFd(eventfd);
    netns.delete();
  }
});
