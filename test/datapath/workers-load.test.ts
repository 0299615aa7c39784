// A worker under more than fits into one turn: it loses nothing unsaid, and is there for the host afterwards.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Inject } from '../../assembly/layout.js';
import { macFromNumber } from '../../src/address.js';
import { Workers } from '../../src/datapath/workers.js';
import { openEventfd } from '../../src/system/eventfd.js';
import { closeFd } from '../../src/system/syscalls.js';
import { openUnderlay } from '../../src/system/udp.js';
import { Core } from '../support/core.js';
import { ENGINE } from '../support/engine.js';
import { frame } from '../support/frames.js';
import { PLAIN_UDP } from '../support/udp.js';
import '../support/each-engine.js';
import { until } from '../support/until.js';

const FIRST_MAC = 0x020000000000;
const A = macFromNumber(FIRST_MAC);
const FAR = 'de:ad:be:ef:00:02';
const FLOOD = 100_000; // frames
const VNICS = 500;
const module = new WebAssembly.Module(readFileSync(new URL('../../../build/release.wasm', import.meta.url)));
const underlay = openUnderlay({ listen: { ip: '127.0.0.1', port: 0 }, ...PLAIN_UDP });
after(() => underlay.close());

function startWorker(core: Core): Workers {
  const start = { memory: core.memory, module, busyPollUs: 0, engine: ENGINE };
  const events = { onRestart: () => assert.fail(), onStuck: () => assert.fail(), onNotice: () => assert.fail() };
  return new Workers(1, core.views, start, events);
}

async function quiesces(workers: Workers): Promise<void> {
  let isQuiet = false;
  void workers.quiesce().then(() => {
    isQuiet = true;
  });
  await until(() => isQuiet);
}

test('frames that no TAP takes are all counted as dropped, however many, and the worker still wakes', async () => {
  const core = new Core('release', 64, underlay.listeners[0]!);
  const overlay = core.overlay();
  const vnic = core.tables.addVnic({ overlay, fds: [], mac: A, allowAnyMac: false });
  const workers = startWorker(core);
  let injected = 0;
  try {
    await quiesces(workers);
    while (injected < FLOOD) {
      while (core.rings.inject(Inject.deliver, overlay, vnic, frame(A, FAR))) injected++;
      workers.wake();
      await setImmediate();
    }
    await until(() => core.counters.totals().injected === injected);
    await quiesces(workers);
    assert.deepEqual(core.counters.drops(), { tap_error: injected });
  } finally {
    await workers.stop();
  }
});

test('a worker that starts with many VNICs reads all of them, without being woken for it', async () => {
  const core = new Core('release', VNICS, underlay.listeners[0]!);
  const overlay = core.overlay();
  const fds = Array.from({ length: VNICS }, openEventfd); // like a TAP that nothing comes out of
  for (const [n, fd] of fds.entries()) {
    core.tables.addVnic({ overlay, fds: [fd], mac: macFromNumber(FIRST_MAC + n), allowAnyMac: false });
  }
  const workers = startWorker(core);
  try {
    await quiesces(workers);
  } finally {
    await workers.stop();
    for (const fd of fds) closeFd(fd);
  }
});
