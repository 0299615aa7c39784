// The threads, with the engine that is tested: a trap costs one worker its turn, and nothing else; taking things away
// waits for the worker.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import {
  C_ENCAP_OUT,
  HDR_FDB_BASE,
  HDR_WORKERS,
  Inject,
  Sleep,
  W_COUNTERS,
  W_SIZE,
  W_SLEEP,
  W_TURN,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { Workers } from '../../src/datapath/workers.js';
import { openEventfd, signalEventfd } from '../../src/system/eventfd.js';
import { closeFd } from '../../src/system/syscalls.js';
import { openUnderlay } from '../../src/system/udp.js';
import { Core } from '../support/core.js';
import { ENGINE } from '../support/engine.js';
import { frame } from '../support/frames.js';
import { PLAIN_UDP } from '../support/udp.js';
import '../support/each-engine.js';
import { nothingMoves, until } from '../support/until.js';

const A = 'de:ad:be:ef:00:00';
const FAR = 'de:ad:be:ef:00:02';
const module = new WebAssembly.Module(readFileSync(new URL('../../../build/release.wasm', import.meta.url)));

const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

function startWorkers(core: Core, onRestart: (reason: string) => void = assert.fail, busyPollUs = 0): Workers {
  const start = { memory: core.memory, module, busyPollUs, engine: ENGINE };
  const events = {
    onRestart: (_: number, reason: string) => onRestart(reason),
    onStuck: () => assert.fail(),
    onNotice: () => assert.fail(),
  };
  return new Workers(1, core.views, start, events);
}

const underlay = openUnderlay({ listen: { ip: '127.0.0.1', port: 0 }, ...PLAIN_UDP });
after(() => underlay.close());

/** A memory with a socket and a VNIC of which this worker has no queue. */
function setUp(): { core: Core; overlay: number; vnic: number } {
  const core = new Core('release', 64, underlay.listeners[0]!);
  const overlay = core.overlay();
  const vnic = core.tables.addVnic({ overlay, fds: [], mac: A, allowAnyMac: false });
  return { core, overlay, vnic };
}

test('a worker that traps is replaced over the same memory, is reported, and works', async () => {
  const { core, overlay, vnic } = setUp();
  const base = core.views.u32[HDR_FDB_BASE >> 2]!;
  core.views.u32[HDR_FDB_BASE >> 2] = 0xc000_0000; // every lookup of the worker is out of bounds
  const reasons: string[] = [];
  const workers = startWorkers(core, (reason) => {
    core.views.u32[HDR_FDB_BASE >> 2] = base;
    reasons.push(reason);
  });
  try {
    core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
    workers.wake();
    await until(() => workers.restarts === 1);
    assert.deepEqual(reasons, ['memory access out of bounds']);
    core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
    workers.wake();
    await until(() => core.rings.read()?.kind === 'miss');
    assert.deepEqual(core.counters.drops(), { worker_restarted: 1 });
    core.checkBooks();
  } finally {
    await workers.stop();
  }
});

test('the ring of a worker is closed once, also when the next one dies before it has a ring', async () => {
  const { core, overlay, vnic } = setUp();
  core.views.u32[HDR_FDB_BASE >> 2] = 0xc000_0000;
  const start = { memory: core.memory, module, busyPollUs: 0, engine: ENGINE };
  const others: number[] = [];
  const onRestart = () => {
    start.module = new WebAssembly.Module(EMPTY_MODULE); // the next one dies at once
    while (others.length < 16) others.push(openEventfd()); // one of them gets the ring's number
  };
  const workers = new Workers(1, core.views, start, {
    onRestart,
    onStuck: () => assert.fail(),
    onNotice: () => assert.fail(),
  });
  try {
    core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
    workers.wake();
    await until(() => workers.restarts === 2);
    for (const fd of others) signalEventfd(fd);
  } finally {
    await workers.stop();
    for (const fd of others) closeFd(fd);
  }
});

test('quiesce resolves after the worker has begun another turn', async () => {
  const { core } = setUp();
  assert.equal(core.views.u32[HDR_WORKERS >> 2], 1);
  const turn = (): number => Atomics.load(core.views.u32, (WORKERS_BASE + 0 * W_SIZE + W_TURN) >> 2);
  const workers = startWorkers(core);
  try {
    for (let round = 0; round < 20; round++) {
      const before = turn();
      await workers.quiesce();
      assert.notEqual(turn(), before);
    }
  } finally {
    await workers.stop();
  }
});

test('FDB entries wake a worker that holds frames, and no other', async () => {
  const { core, overlay, vnic } = setUp();
  const word = (offset: number): number => Atomics.load(core.views.u32, (WORKERS_BASE + offset) >> 2);
  const workers = startWorkers(core);
  const put = (): void => {
    for (let n = 0; n < 50; n++) {
      core.remote(overlay, `de:ad:be:ef:01:${n.toString(16).padStart(2, '0')}`, { ip: '127.0.0.1', port: 9 });
      workers.wakeHolding();
    }
  };
  try {
    await workers.quiesce(); // it may take its first turn late
    await until(() => word(W_SLEEP) === Sleep.idle);
    await nothingMoves(() => word(W_TURN));
    const idle = word(W_TURN);
    for (let batch = 0; batch < 5; batch++) {
      put();
      await nothingMoves(() => word(W_TURN));
    }
    assert.equal(word(W_TURN), idle);

    core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
    workers.wake();
    await until(() => core.rings.read()?.kind === 'miss');
    core.remote(overlay, FAR, { ip: '127.0.0.1', port: 9 });
    put();
    await until(() => core.counters.totals().encapOut === 1);
  } finally {
    await workers.stop();
  }
});

test('no wake-up is lost between looking for work and falling asleep', async () => {
  const { core, overlay, vnic } = setUp();
  core.remote(overlay, FAR, { ip: '127.0.0.1', port: 9 });
  const workers = startWorkers(core);
  const inHand = frame(FAR, A);
  const sent = (): number => core.views.u32[(WORKERS_BASE + W_COUNTERS + C_ENCAP_OUT) >> 2]!;
  const over = performance.now() + 10_000;
  try {
    for (let round = 1; round <= 20_000 && performance.now() < over; round++) {
      const deadline = performance.now() + 20_000;
      core.rings.inject(Inject.encap, overlay, vnic, inHand);
      workers.wakeOne(0);
      // Asked again at once, when the worker has just sent and is on its way to sleep.
      while (sent() !== round) {
        assert.ok(performance.now() < deadline, `asleep since round ${round}`);
        await new Promise(setImmediate);
      }
    }
  } finally {
    await workers.stop();
  }
});

test('stop ends a worker that sleeps in a system call', async () => {
  const { core } = setUp();
  const workers = startWorkers(core);
  await workers.quiesce();
  await workers.stop();
  assert.equal(workers.restarts, 0);
});

test('with busy-poll a worker looks for more while work comes often, and then sleeps', async () => {
  const { core, overlay, vnic } = setUp();
  core.remote(overlay, FAR, { ip: '127.0.0.1', port: 9 });
  const turn = (): number => Atomics.load(core.views.u32, (WORKERS_BASE + W_TURN) >> 2);
  const workers = startWorkers(core, assert.fail, 500_000);
  try {
    await workers.quiesce();
    let sent = 0;
    await until(async () => {
      for (let often = 1; often <= 20; often++) {
        core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
        workers.wake();
        sent++;
        await until(() => core.counters.totals().encapOut === sent);
      }
      const before = turn();
      await nothingMoves(turn);
      return turn() - before > 50; // unless the machine gave it no time to look, or us none to send often
    });
  } finally {
    await workers.stop();
  }
});
