// Readers in threads of their own, while this one writes: none ever misses an entry that is being moved to its other
// bucket, and none takes the value of one key for another's.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { instantiateSync } from '@assemblyscript/loader';
import { FDB_FLAG_STATIC, FdbKind, LOOKUP_SIZE, LOOKUP_VALUE } from '../../assembly/layout.js';
import type { TestModule } from '../support/module.js';
import { layOut } from './lay-out.js';

const BATCH = 40; // divides MACS
const LOOKUPS = 3 << 20; // where one reader has its batches; the other looks up one by one
const BUCKETS = 300;
const STAYING = 900;
const PASSING = 150; // beside those that stay: seven eighths of all ways
const MACS = 4000;
const MOVES = 1_000_000;

// Keys and targets are the same number. MACs from 1 to STAYING are always there.
const READER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { module, memory, STAYING, MACS, end, lookups, batch } = workerData;
  const m = new WebAssembly.Instance(module, { env: { memory } }).exports;
  m.fdbAttach();
  const result = { lookups: 0, missed: 0, wrong: 0, passing: 0 };
  parentPort.postMessage('ready');
  const view = new DataView(memory.buffer);
  const key = (mac) => (1n << 48n) | (BigInt(mac) << 1n);
  const find = (from) => {
    if (!lookups) return [m.fdbFind(key(from))];
    const { at, size, value } = lookups;
    for (let n = 0; n < batch; n++) m.fdbAsk(at + n * size, key(from + n));
    m.fdbFindBatch(at, batch);
    return Array.from({ length: batch }, (_, n) => view.getUint32(at + n * size + value, true));
  };
  while (Atomics.load(end, 0) === 0) {
    for (let mac = 1, found = []; mac <= MACS; mac++) {
      if (found.length === 0) found = find(mac);
      const target = found.shift() >>> 16;
      result.lookups++;
      if (target === 0 && mac <= STAYING) result.missed++;
      if (target !== 0 && target !== mac) result.wrong++;
      if (target !== 0 && mac > STAYING) result.passing++;
    }
  }
  parentPort.postMessage(result);`;

interface Result {
  lookups: number;
  missed: number;
  wrong: number;
  passing: number;
}

test('readers in other threads miss nothing and mistake nothing while entries are moved, put and removed', async () => {
  const module = new WebAssembly.Module(readFileSync(new URL('../../../build/test-release.wasm', import.meta.url)));
  const memory = new WebAssembly.Memory({ initial: 128, maximum: 128, shared: true });
  layOut(memory.buffer, BUCKETS * 4, BUCKETS);
  const m = instantiateSync(module as never, { env: { memory: memory as never } }).exports as unknown as TestModule;
  m.fdbAttach();
  const put = (mac: number): void => {
    assert.ok(m.fdbPut((1n << 48n) | (BigInt(mac) << 1n), FdbKind.remote, mac <= STAYING ? FDB_FLAG_STATIC : 0, mac));
  };
  for (let mac = 1; mac <= STAYING; mac++) put(mac);
  const end = new Int32Array(new SharedArrayBuffer(4));
  const lookups = { at: LOOKUPS, size: LOOKUP_SIZE, value: LOOKUP_VALUE };
  const readers = [lookups, null].map(
    (how) =>
      new Worker(READER, {
        eval: true,
        workerData: { module, memory, STAYING, MACS, end, batch: BATCH, lookups: how },
      }),
  );
  await Promise.all(readers.map((reader) => new Promise((resolve) => reader.once('message', resolve))));
  const results = readers.map((reader) => new Promise<Result>((resolve) => reader.once('message', resolve)));
  try {
    const before = m.fdbMoves();
    for (let mac = STAYING; m.fdbMoves() - before < MOVES; ) {
      mac = mac === MACS ? STAYING + 1 : mac + 1;
      put(mac);
      const last = mac - PASSING;
      m.fdbRemove((1n << 48n) | (BigInt(last > STAYING ? last : last + MACS - STAYING) << 1n));
    }
  } finally {
    Atomics.store(end, 0, 1);
  }
  for (const { lookups, missed, wrong, passing } of await Promise.all(results)) {
    assert.deepEqual({ missed, wrong }, { missed: 0, wrong: 0 }, `of ${lookups} lookups`);
    assert.ok(passing > 0, 'the reader has met entries that come and go');
  }
});
