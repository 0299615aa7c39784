// The FDB against a Map that does the same, slowly. Readers in other threads: fdb-readers.test.ts; keys that somebody
// chose: fdb-attack.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Drop, FDB_FLAG_STATIC, FdbKind, HDR_FDB_COUNT } from '../../assembly/layout.js';
import { BUILDS, type Build, loadBuild, type TestModule } from '../support/module.js';
import { FDB_BASE, layOut } from './lay-out.js';

const LIMIT = 32;

async function table(build: Build, limit: number, buckets = limit): Promise<TestModule> {
  const m = await loadBuild(build, 128);
  layOut(m.bytes.buffer, limit, buckets);
  m.fdbAttach();
  return m;
}

const word = (m: TestModule, offset: number): number => new DataView(m.bytes.buffer).getUint32(offset, true);
const keyOf = (mac: number): bigint => (1n << 48n) | (BigInt(mac) << 1n); // no group's
const targetOf = (value: number): number => value >>> 16;

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
    assert.equal(value === 0, known === undefined);
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
  for (let mac = 0; mac < macs; mac++) {
    const value = m.fdbFind(keyOf(mac));
    assert.equal(value === 0 ? undefined : targetOf(value), twin.get(mac)?.target, `MAC ${mac}`);
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
      assert.notEqual(m.fdbFind(keyOf(100_000 + scanned)), 0, 'frames may still wait for the latest ones');
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

  test(`${build}: of slots that were used and freed many times over nothing is left`, async () => {
    const m = await table(build, 64);
    m.fdbClock(1000);
    for (let round = 0; round < 20_000; round++) {
      assert.ok(m.fdbPut(keyOf(round), FdbKind.drop, 0, 3));
      if (round >= 40) assert.ok(m.fdbRemove(keyOf(round - 40)));
    }
    assert.equal(word(m, HDR_FDB_COUNT), 40);
    for (let mac = 19_960; mac < 20_000; mac++) assert.equal(targetOf(m.fdbFind(keyOf(mac))), 3);
    assert.equal(m.fdbFind(keyOf(7)), 0);
  });

  test(`${build}: entries make room for others in their other bucket, with all that is known of them`, async () => {
    const SIZE = 3600;
    const m = await table(build, SIZE, 1000); // nine tenths of all ways
    for (let mac = 0; mac < SIZE; mac++) {
      m.fdbClock(1000 * (mac + 1));
      assert.ok(m.fdbPut(keyOf(mac), FdbKind.remote, mac % 2 === 0 ? FDB_FLAG_STATIC : 0, mac));
      m.fdbClock(1000 * (mac + 2));
      m.fdbFind(keyOf(mac));
      m.fdbHear(m.fdbPeek(keyOf(mac)));
    }
    assert.ok(m.fdbMoves() > SIZE / 20, `${m.fdbMoves()} moves`);
    assert.equal(word(m, HDR_FDB_COUNT), SIZE);
    for (let mac = 0; mac < SIZE; mac++) {
      const slot = m.fdbLocate(keyOf(mac));
      assert.equal(m.fdbLastUse(slot), 10 * (mac + 2));
      assert.equal(m.fdbLastHeard(slot), 10 * (mac + 2));
      assert.equal(targetOf(m.fdbFind(keyOf(mac))), mac);
    }
  });

  test(`${build}: without a path to room, what is not static makes it; else the put is refused`, async () => {
    const m = await table(build, 100, 1);
    for (let mac = 0; mac < 4; mac++) {
      m.fdbClock(1000 * (mac + 1));
      assert.ok(m.fdbPut(keyOf(mac), FdbKind.remote, mac === 0 ? FDB_FLAG_STATIC : 0, mac));
    }
    assert.ok(m.fdbPut(keyOf(9), FdbKind.remote, FDB_FLAG_STATIC, 9));
    assert.equal(m.fdbFind(keyOf(1)), 0, 'the least recently used');
    assert.equal(word(m, HDR_FDB_COUNT), 4);
    for (const mac of [2, 3]) m.fdbPut(keyOf(mac), FdbKind.remote, FDB_FLAG_STATIC, mac);
    assert.equal(Boolean(m.fdbPut(keyOf(10), FdbKind.remote, 0, 1)), false);
    for (const mac of [0, 2, 3, 9]) assert.equal(targetOf(m.fdbFind(keyOf(mac))), mac);
  });

  test(`${build}: a purge removes an overlay's entries, or those that lead to a VNIC, and no others`, async () => {
    const m = await table(build, 1024);
    const key = (overlay: number, mac: number): bigint => (BigInt(overlay) << 48n) | (BigInt(mac) << 1n);
    for (let mac = 0; mac < 300; mac++) {
      m.fdbPut(key(1 + (mac % 3), mac), mac % 2 === 0 ? FdbKind.local : FdbKind.remote, 0, 1 + (mac % 5));
    }
    const isThere = (mac: number): boolean => m.fdbFind(key(1 + (mac % 3), mac)) !== 0;
    m.fdbPurge(2, 0, 0, 0xffff_ffff);
    m.fdbPurge(3, 1, 0, 0xffff_ffff);
    for (let mac = 0; mac < 300; mac++) {
      const isOfVnic = mac % 3 === 2 && mac % 2 === 0 && mac % 5 === 0;
      assert.equal(isThere(mac), mac % 3 !== 1 && !isOfVnic, `MAC ${mac}`);
    }
  });
}
