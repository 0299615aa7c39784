// What goes from a large table that is full, and that no put looks through all of it. Small tables: fdb.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Drop, FDB_FLAG_LEARNED, FDB_FLAG_STATIC, FdbKind } from '../../assembly/layout.js';
import { BUILDS, type Build, loadBuild, type TestModule } from '../support/module.js';
import { layOut } from './lay-out.js';

const SIZE = 40_000;
const BUCKETS = 16_000; // 64,000 slots
const SLICE = 250; // slots

async function table(build: Build): Promise<TestModule> {
  const m = await loadBuild(build, 128);
  layOut(m.bytes.buffer, SIZE, BUCKETS);
  m.fdbAttach();
  return m;
}

const keyOf = (mac: number, overlay = 1): bigint => (BigInt(overlay) << 48n) | (BigInt(mac) << 1n);

for (const build of BUILDS) {
  test(`${build}: of a large table what was used least recently goes first, by looking at a slice`, async () => {
    const m = await table(build);
    m.fdbLongestLook();
    for (let mac = 0; mac < SIZE; mac++) {
      m.fdbClock(1000 + Math.floor(mac / 10) * 100); // ten in a tenth of a second
      m.fdbPut(keyOf(mac), FdbKind.remote, 0, 1);
    }
    for (let mac = 0; mac < 100; mac++) m.fdbFind(keyOf(mac));
    for (let mac = SIZE; mac < SIZE + 3000; mac++) assert.ok(m.fdbPut(keyOf(mac), FdbKind.remote, 0, 1));
    const gone = Array.from({ length: SIZE }, (_, mac) => mac).filter((mac) => m.fdbPeek(keyOf(mac)) === 0n);
    assert.deepEqual([gone.length, gone[0], gone.at(-1)], [3000, 100, 3099]);
    assert.equal(m.fdbLongestLook(), SLICE);
  });

  test(`${build}: a scan of unknown MACs pushes out its own refusals from a large table`, async () => {
    const ANSWERS = 30_000;
    const m = await table(build);
    m.fdbClock(1000);
    for (let mac = 0; mac < ANSWERS; mac++) m.fdbPut(keyOf(mac), FdbKind.remote, 0, 1);
    m.fdbLongestLook();
    for (let scanned = 0; scanned < 30_000; scanned++) {
      m.fdbClock(100_000 + scanned); // 1000 a second
      m.fdbPut(keyOf(100_000 + scanned), FdbKind.drop, 0, Drop.no_such_mac);
    }
    for (let mac = 0; mac < ANSWERS; mac++) assert.notEqual(m.fdbPeek(keyOf(mac)), 0n, `MAC ${mac}`);
    assert.equal(m.fdbLongestLook(), SLICE);
  });

  test(`${build}: an overlay that learns or asks without end pushes out what is its own`, async () => {
    const QUIET = 10_000;
    const m = await table(build);
    m.fdbClock(1000);
    for (let mac = 0; mac < QUIET; mac++) m.fdbPut(keyOf(mac), FdbKind.remote, 0, 1);
    m.fdbLongestLook();
    // Ten thousand a second: where time stood still, entries would go by their place, and buckets fill up.
    let nowTenths = 100_000;
    const passTime = (mac: number) => {
      if (mac % 1000 === 0) m.fdbClock(nowTenths++);
    };
    for (let mac = 0; mac < 3 * SIZE; mac++) {
      passTime(mac);
      assert.ok(m.fdbPut(keyOf(mac, 2), FdbKind.remote, mac % 2 === 0 ? FDB_FLAG_LEARNED : 0, 1));
    }
    for (let mac = 0; mac < QUIET; mac++) assert.notEqual(m.fdbPeek(keyOf(mac)), 0n, `MAC ${mac}`);
    assert.equal(m.fdbLongestLook(), SLICE);
    // Whoever comes later has as much, and of what is not static alone.
    for (let mac = 0; mac < 10_000; mac++) {
      passTime(mac);
      m.fdbPut(keyOf(mac, 2), FdbKind.remote, FDB_FLAG_STATIC, 1);
    }
    for (let mac = 0; mac < SIZE; mac++) {
      passTime(mac);
      assert.ok(m.fdbPut(keyOf(mac, 3), FdbKind.remote, 0, 1));
    }
    const has = (overlay: number) =>
      Array.from({ length: 3 * SIZE }, (_, mac) => mac).filter((mac) => m.fdbPeek(keyOf(mac, overlay)) !== 0n).length;
    // Of the 30,000 that are not static each has a third; whoever has just that may be the one to lose the next.
    const shares = [has(1), has(2) - 10_000, has(3)];
    for (const share of shares) assert.ok(Math.abs(share - SIZE / 4) <= 2, `${shares}`);
    const quiet = has(1);
    for (let mac = 0; mac < 3 * SIZE; mac++) m.fdbRemove(keyOf(mac, 2));
    for (let mac = 0; mac < SIZE; mac++) {
      passTime(mac);
      assert.ok(m.fdbPut(keyOf(mac, 3), FdbKind.remote, 0, 1));
    }
    assert.deepEqual([has(1), has(2), has(3)], [quiet, 0, SIZE - quiet]);
  });

  test(`${build}: when all that was to go has been used, something goes all the same`, async () => {
    const m = await table(build);
    m.fdbClock(1000);
    for (let mac = 0; mac < SIZE; mac++) m.fdbPut(keyOf(mac), FdbKind.remote, 0, 1);
    m.fdbClock(2000);
    for (let mac = 0; mac < SIZE; mac++) m.fdbFind(keyOf(mac));
    for (let mac = SIZE; mac < SIZE + 100; mac++) assert.ok(m.fdbPut(keyOf(mac), FdbKind.remote, 0, 1));
    assert.equal(
      Array.from({ length: SIZE }, (_, mac) => mac).filter((mac) => m.fdbPeek(keyOf(mac)) === 0n).length,
      100,
    );
  });
}

for (const build of BUILDS) {
  test(`${build}: where a new entry finds no room it is not others' that go, though time stands still`, async () => {
    const QUIET = 10_000;
    const m = await table(build);
    m.fdbClock(1000);
    for (let mac = 0; mac < QUIET; mac++) m.fdbPut(keyOf(mac), FdbKind.remote, 0, 1);
    m.fdbClock(100_000);
    for (let mac = 0; mac < 3 * SIZE; mac++) assert.ok(m.fdbPut(keyOf(mac, 2), FdbKind.remote, 0, 1));
    for (let mac = 0; mac < QUIET; mac++) assert.notEqual(m.fdbPeek(keyOf(mac)), 0n, `MAC ${mac}`);
  });
}
