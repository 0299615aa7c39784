// Workers that do not go round: one that loops is replaced, one that hangs in a system call holds up nobody, and one
// that sleeps is left alone.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  Inject,
  REC_SIZE,
  REC_TYPE,
  RING_DATA,
  RING_READ,
  Sleep,
  W_INJECT_RING,
  W_SLEEP,
  W_TURN,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { Workers } from '../../src/datapath/workers.js';
import { openUnderlay } from '../../src/system/udp.js';
import { Core } from '../support/core.js';
import { ENGINE } from '../support/engine.js';
import { frame } from '../support/frames.js';
import { PLAIN_UDP } from '../support/udp.js';
import '../support/each-engine.js';
import { nothingMoves, until } from '../support/until.js';

const A = 'de:ad:be:ef:00:00';
const FAR = 'de:ad:be:ef:00:02';
const TICK_MS = 100;
const module = new WebAssembly.Module(readFileSync(new URL('../../../build/release.wasm', import.meta.url)));
const underlay = openUnderlay({ listen: { ip: '127.0.0.1', port: 0 }, ...PLAIN_UDP });
after(() => underlay.close());

/** A worker with a clock that only `pass` moves. */
class Watched {
  readonly core = new Core('release', 64, underlay.listeners[0]!);
  readonly overlay = this.core.overlay();
  readonly restarts: string[] = [];
  stuck = 0;
  onRestart = (): void => {};
  readonly workers: Workers;
  #nowMs = 0;

  constructor(engine = ENGINE) {
    const start = { memory: this.core.memory, module, busyPollUs: 0, engine };
    this.workers = new Workers(1, this.core.views, start, {
      onRestart: (_, reason) => {
        this.restarts.push(reason);
        this.onRestart();
      },
      onStuck: () => this.stuck++,
      onNotice: () => assert.fail(),
    });
  }

  word(offset: number): number {
    return Atomics.load(this.core.views.u32, (WORKERS_BASE + offset) >> 2);
  }

  vnic(fds: readonly number[]): number {
    const vnic = this.core.tables.addVnic({ overlay: this.overlay, fds, mac: A, allowAnyMac: false });
    this.core.remote(this.overlay, FAR, { ip: '127.0.0.1', port: 9 });
    return vnic;
  }

  /** Time passes, and is told about ten times a second. */
  pass(seconds: number): void {
    for (const end = this.#nowMs + seconds * 1000; this.#nowMs < end; this.workers.watch(this.#nowMs)) {
      this.#nowMs += TICK_MS;
    }
  }

  async asleep(): Promise<void> {
    await until(() => this.word(W_SLEEP) === Sleep.idle);
    await nothingMoves(() => this.word(W_TURN));
    this.pass(TICK_MS / 1000);
  }
}

/** The worker meets a record that ends where it begins, and reads it for ever. */
function makeLoop({ core, overlay, workers }: Watched, vnic: number): { mend: () => void } {
  const ring = WORKERS_BASE + W_INJECT_RING;
  const { u32 } = core.views;
  const record = (ring + RING_DATA + u32[(ring + RING_READ) >> 2]!) >> 2;
  core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
  const [size, type] = [u32[record + (REC_SIZE >> 2)]!, u32[record + (REC_TYPE >> 2)]!];
  u32[record + (REC_SIZE >> 2)] = 0;
  u32[record + (REC_TYPE >> 2)] = Inject.pad;
  workers.wake();
  return {
    mend: () => {
      u32[record + (REC_SIZE >> 2)] = size;
      u32[record + (REC_TYPE >> 2)] = type;
    },
  };
}

test('a worker that loops is replaced, and whoever waits for it goes on', async () => {
  const watched = new Watched();
  const { core, overlay, workers } = watched;
  const vnic = watched.vnic([]);
  try {
    await watched.asleep();
    const before = watched.word(W_TURN);
    const { mend } = makeLoop(watched, vnic);
    await until(() => watched.word(W_TURN) !== before);
    watched.onRestart = mend;
    let isQuiet = false;
    const quiet = workers.quiesce().then(() => {
      isQuiet = true;
    });
    watched.pass(4.5);
    assert.deepEqual([watched.restarts, isQuiet], [[], false]);
    watched.pass(1);
    await quiet;
    await until(() => core.counters.totals().encapOut === 1);
    core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
    workers.wake();
    await until(() => core.counters.totals().encapOut === 2);
    assert.deepEqual([watched.restarts, workers.restarts], [['made no turn for 5 s'], 1]);
    core.checkBooks();
  } finally {
    await workers.stop();
  }
});

test('a worker that loops does not hold up the end', async () => {
  const watched = new Watched();
  const vnic = watched.vnic([]);
  await watched.asleep();
  const before = watched.word(W_TURN);
  makeLoop(watched, vnic);
  await until(() => watched.word(W_TURN) !== before);
  const stopped = watched.workers.stop();
  watched.pass(6);
  await stopped;
  assert.deepEqual([watched.restarts, watched.stuck], [[], 0]);
});

test('a worker that sleeps is left alone for as long as it likes, and is not woken', async () => {
  const watched = new Watched();
  try {
    await watched.asleep();
    const before = watched.word(W_TURN);
    watched.pass(3600);
    await nothingMoves(() => watched.word(W_TURN));
    assert.deepEqual([watched.restarts, watched.word(W_TURN)], [[], before]);
  } finally {
    await watched.workers.stop();
  }
});

test('a worker whose system call does not return is given up, and comes back when it does', async () => {
  const watched = new Watched('mmsg');
  const { workers } = watched;
  const dir = mkdtempSync(join(tmpdir(), 'vxlane-watch-'));
  execFileSync('mkfifo', [join(dir, 'fifo')]);
  const fifo = openSync(join(dir, 'fifo'), 'r+'); // blocks whoever reads it when it is empty
  try {
    await watched.asleep();
    watched.vnic([fifo]);
    workers.wake();
    await watched.asleep();
    const before = watched.word(W_TURN);
    writeSync(fifo, 'x');
    await until(() => watched.word(W_TURN) !== before);
    watched.pass(6);
    assert.equal(watched.stuck, 0);
    watched.pass(3);
    assert.equal(watched.stuck, 1);
    await workers.quiesce();
    writeSync(fifo, 'x');
    await until(() => workers.restarts === 1);
    assert.deepEqual(watched.restarts, ['made no turn for 5 s']);
  } finally {
    closeSync(fifo);
    rmSync(dir, { recursive: true });
    await workers.stop();
  }
});
