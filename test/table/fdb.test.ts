// The FDB against a Map that does the same, slowly; and against a second thread that reads while this one writes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import {
  Drop,
  FDB_FLAG_STATIC,
  FdbKind,
  HDR_FDB_BASE,
  HDR_FDB_COUNT,
  HDR_FDB_LIMIT,
  HDR_FDB_MASK,
  HDR_FDB_TOMBSTONES,
  HDR_WORKERS,
} from '../../assembly/layout.js';
import { BUILDS, type Build, loadBuild, type TestModule } from '../support/module.js';

const FDB_BASE = 2 << 20;
const LIMIT = 32;

async function table(build: Build, limit: number): Promise<TestModule> {
  const m = await loadBuild(build, 128);
  const header = new DataView(m.bytes.buffer);
  header.setUint32(HDR_FDB_BASE, FDB_BASE, true);
  header.setUint32(HDR_FDB_MASK, limit * 2 - 1, true);
  header.setUint32(HDR_FDB_LIMIT, limit, true);
  header.setUint32(HDR_WORKERS, 1, true);
  m.fdbAttach(0);
  return m;
}

const word = (m: TestModule, offset: number): number => new DataView(m.bytes.buffer).getUint32(offset, true);
const keyOf = (mac: number): bigint => (1n << 48n) | BigInt(mac);
const targetOf = (value: bigint): number => Number(value >> 32n);

interface Entry {
  target: number;
  isStatic: boolean;
  isRefusal: boolean;
  writtenAt: number;
  touched: number;
}

type Step = { do: 'put' | 'refuse' | 'static' | 'remove' | 'find'; mac: number; target: number };

/** The slow twin: a Map in which a refusal makes room, else the least recently touched entry that is not static. */
function twinPut(twin: Map<number, Entry>, step: Step, now: number): boolean {
  if (!twin.has(step.mac) && twin.size >= LIMIT) {
    const worth = (entry: Entry) =>
      entry.isRefusal && now - entry.writtenAt >= 2 ? entry.writtenAt : 1e6 + entry.touched;
    const victims = [...twin].filter(([, entry]) => !entry.isStatic).sort(([, a], [, b]) => worth(a) - worth(b));
    if (victims.length === 0) return false;
    twin.delete(victims[0]![0]);
  }
  const kind = { isStatic: step.do === 'static', isRefusal: step.do === 'refuse' };
  const target = kind.isRefusal ? Drop.no_such_mac : step.target;
  twin.set(step.mac, { target, ...kind, writtenAt: now, touched: now });
  return true;
}

function runStep(m: TestModule, twin: Map<number, Entry>, step: Step, now: number): void {
  m.fdbClock(now * 100);
  const key = keyOf(step.mac);
  const known = twin.get(step.mac);
  if (step.do === 'remove') {
    assert.equal(Boolean(m.fdbRemove(key)), twin.delete(step.mac));
  } else if (step.do === 'find') {
    const value = m.fdbFind(key);
    assert.equal(value === 0n, known === undefined);
    if (known) assert.equal(targetOf(value), known.target);
    if (known) known.touched = now;
  } else {
    const flags = step.do === 'static' ? FDB_FLAG_STATIC : 0;
    const [kind, target] = step.do === 'refuse' ? [FdbKind.drop, Drop.no_such_mac] : [FdbKind.remote, step.target];
    assert.equal(Boolean(m.fdbPut(key, kind, flags, target)), twinPut(twin, step, now));
  }
}

function checkEqual(m: TestModule, twin: Map<number, Entry>, macs: number): void {
  assert.equal(word(m, HDR_FDB_COUNT), twin.size);
  assert.ok(twin.size + word(m, HDR_FDB_TOMBSTONES) <= LIMIT * 2);
  for (let mac = 0; mac < macs; mac++) {
    const value = m.fdbFind(keyOf(mac));
    assert.equal(value === 0n ? undefined : targetOf(value), twin.get(mac)?.target, `MAC ${mac}`);
  }
}

const steps = (macs: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      do: fc.constantFrom(
        'put',
        'put',
        'put',
        'refuse',
        'refuse',
        'static',
        'remove',
        'remove',
        'find',
        'find',
      ) as fc.Arbitrary<Step['do']>,
      mac: fc.nat(macs - 1),
      target: fc.integer({ min: 1, max: 65535 }),
    }),
    { maxLength: 400 },
  );

for (const build of BUILDS) {
  test(`${build}: put, remove, find and eviction agree with a Map`, async () => {
    const MACS = 80;
    const m = await table(build, LIMIT);
    const blank = m.bytes.slice(FDB_BASE);
    fc.assert(
      fc.property(steps(MACS), (all) => {
        m.bytes.set(blank, FDB_BASE);
        new DataView(m.bytes.buffer).setUint32(HDR_FDB_COUNT, 0, true);
        new DataView(m.bytes.buffer).setUint32(HDR_FDB_TOMBSTONES, 0, true);
        m.fdbAttach(0);
        const twin = new Map<number, Entry>();
        // a fresh clock per run is not needed: it only has to go up
        for (const [at, step] of all.entries()) runStep(m, twin, step, 10 + at);
        checkEqual(m, twin, MACS);
      }),
      { numRuns: 150 },
    );
  });

  test(`${build}: a scan of unknown MACs pushes out refusals, and no answer, however old`, async () => {
    const m = await table(build, 1024);
    for (let mac = 0; mac < 500; mac++) {
      m.fdbClock(1000);
      m.fdbPut(keyOf(mac), FdbKind.remote, 0, mac);
    }
    for (let scanned = 0; scanned < 10_000; scanned++) {
      m.fdbClock(100_000 + scanned); // 1000 a second
      m.fdbPut(keyOf(100_000 + scanned), FdbKind.drop, 0, Drop.no_such_mac);
    }
    for (let mac = 0; mac < 500; mac++) assert.equal(targetOf(m.fdbFind(keyOf(mac))), mac);
    assert.equal(word(m, HDR_FDB_COUNT), 1024);
    for (let scanned = 9_800; scanned < 10_000; scanned++) {
      assert.notEqual(m.fdbFind(keyOf(100_000 + scanned)), 0n, 'frames may still wait for the latest ones');
    }
    for (let mac = 500; mac < 700; mac++) m.fdbPut(keyOf(mac), FdbKind.remote, 0, mac);
    for (let mac = 0; mac < 700; mac++) assert.equal(targetOf(m.fdbFind(keyOf(mac))), mac);
  });

  test(`${build}: a table of nothing but static entries refuses the next`, async () => {
    const m = await table(build, 4);
    m.fdbClock(1000);
    for (let mac = 0; mac < 4; mac++) assert.ok(m.fdbPut(keyOf(mac), FdbKind.remote, FDB_FLAG_STATIC, 1));
    assert.equal(Boolean(m.fdbPut(keyOf(9), FdbKind.remote, 0, 1)), false);
    assert.ok(m.fdbPut(keyOf(2), FdbKind.remote, FDB_FLAG_STATIC, 7), 'replacing needs no room');
    assert.equal(targetOf(m.fdbFind(keyOf(2))), 7);
  });

  test(`${build}: searches end although every slot was used and freed many times over`, async () => {
    const m = await table(build, 64);
    m.fdbClock(1000);
    for (let round = 0; round < 20_000; round++) {
      assert.ok(m.fdbPut(keyOf(round), FdbKind.drop, 0, 3));
      if (round >= 40) assert.ok(m.fdbRemove(keyOf(round - 40)));
    }
    assert.equal(word(m, HDR_FDB_COUNT), 40);
    for (let mac = 19_960; mac < 20_000; mac++) assert.equal(targetOf(m.fdbFind(keyOf(mac))), 3);
    assert.equal(m.fdbFind(keyOf(7)), 0n);
  });
}

// The reader checks that what it finds for a key was stored for that key: keys and targets are the same number.
const READER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const env = { memory: workerData.memory };
  const m = new WebAssembly.Instance(workerData.module, { env }).exports;
  m.fdbAttach(0);
  let torn = 0, hits = 0;
  parentPort.postMessage('ready');
  for (let round = 0; round < 400; round++) {
    for (let mac = 1; mac <= 2000; mac++) {
      const value = m.fdbFind((1n << 48n) | BigInt(mac));
      if (value === 0n) continue;
      hits++;
      if (Number(BigInt.asUintN(64, value) >> 32n) !== mac) torn++;
    }
  }
  parentPort.postMessage({ torn, hits });`;

test('a reader in another thread never sees the value of another key', async () => {
  const { readFileSync } = await import('node:fs');
  const module = new WebAssembly.Module(readFileSync(new URL('../../../build/test-release.wasm', import.meta.url)));
  const memory = new WebAssembly.Memory({ initial: 128, maximum: 128, shared: true });
  const header = new DataView(memory.buffer);
  header.setUint32(HDR_FDB_BASE, FDB_BASE, true);
  header.setUint32(HDR_FDB_MASK, 127, true);
  header.setUint32(HDR_FDB_LIMIT, 64, true);
  header.setUint32(HDR_WORKERS, 1, true);
  const { instantiateSync } = await import('@assemblyscript/loader');
  const m = instantiateSync(module as never, { env: { memory: memory as never } }).exports as unknown as TestModule;
  m.fdbAttach(0);
  const reader = new Worker(READER, { eval: true, workerData: { module, memory } });
  const result = await new Promise<{ torn: number; hits: number }>((resolve, reject) => {
    reader.on('error', reject);
    reader.on('message', (message) => {
      if (message !== 'ready') resolve(message);
      else churn(0);
    });
    // puts into a full table: every one evicts, so slots change keys all the time
    function churn(done: number): void {
      for (let mac = 1; mac <= 2000; mac++) m.fdbPut(keyOf(mac), FdbKind.remote, 0, mac);
      if (done < 100) setImmediate(churn, done + 1);
    }
  });
  assert.equal(result.torn, 0);
  assert.ok(result.hits > 0, 'the reader must have met entries');
});
