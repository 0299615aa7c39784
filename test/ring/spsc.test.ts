// The ring against an array, at its hard moments, with counts that start just below their overflow.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  PAGE_SIZE,
  REC_SIZE,
  REC_TYPE,
  RING_CAPACITY,
  RING_HEAD,
  RING_READ,
  RING_RESERVED,
  RING_TAIL,
} from '../../assembly/layout.js';
import { BUILDS, type Build, loadBuild, type TestModule } from '../support/module.js';

const RING = 2 * PAGE_SIZE;
const PAYLOAD = 8; // after REC_SIZE and REC_TYPE

async function ring(build: Build, start: number): Promise<TestModule> {
  const m = await loadBuild(build, 32);
  reset(m, start);
  return m;
}

function reset(m: TestModule, start: number): void {
  const view = new DataView(m.bytes.buffer);
  for (const word of [RING_HEAD, RING_RESERVED, RING_TAIL, RING_READ]) view.setUint32(RING + word, start, true);
}

function push(m: TestModule, size: number, mark: number): boolean {
  const record = m.ringReserve(RING, 1, size);
  if (record === 0) return false;
  new DataView(m.bytes.buffer).setUint32(record + PAYLOAD, mark, true);
  m.bytes.fill(mark & 0xff, record + PAYLOAD + 4, record + size);
  return true;
}

function pull(m: TestModule): { mark: number; intact: boolean } | null {
  const record = m.ringRead(RING);
  if (record === 0) return null;
  const view = new DataView(m.bytes.buffer);
  const mark = view.getUint32(record + PAYLOAD, true);
  assert.equal(view.getUint32(record + REC_TYPE, true), 1);
  const end = record + view.getUint32(record + REC_SIZE, true) - 7; // padding to a multiple of 8 is unwritten
  const intact = m.bytes.subarray(record + PAYLOAD + 4, end).every((byte) => byte === (mark & 0xff));
  return { mark, intact };
}

const NEAR_OVERFLOW = (2 ** 32 - RING_CAPACITY * 2) >>> 0; // aligned, two revolutions before the counts wrap

for (const build of BUILDS) {
  test(`${build}: empty, one record, empty again`, async () => {
    const m = await ring(build, 0);
    assert.equal(m.ringRead(RING), 0);
    assert.ok(push(m, 100, 5));
    assert.equal(m.ringRead(RING), 0, 'not seen before it is published');
    m.ringPublish(RING);
    assert.deepEqual(pull(m), { mark: 5, intact: true });
    assert.equal(pull(m), null);
  });

  test(`${build}: full is a normal answer, and giving back makes room`, async () => {
    const m = await ring(build, NEAR_OVERFLOW);
    const SIZE = RING_CAPACITY / 8;
    for (let mark = 0; mark < 8; mark++) assert.ok(push(m, SIZE, mark));
    assert.equal(push(m, 16, 9), false);
    m.ringPublish(RING);
    assert.equal(pull(m)?.mark, 0);
    assert.equal(push(m, SIZE, 9), false, 'read, but not given back');
    m.ringRelease(RING);
    assert.ok(push(m, SIZE, 9));
  });

  test(`${build}: an aborted record that wrapped leaves no trace`, async () => {
    const m = await ring(build, (RING_CAPACITY - 64) >>> 0);
    assert.ok(push(m, 128, 1), 'needs a pad before the end');
    m.ringAbort(RING);
    m.ringPublish(RING);
    assert.equal(pull(m), null);
    assert.ok(push(m, 128, 2));
    m.ringPublish(RING);
    assert.deepEqual(pull(m), { mark: 2, intact: true });
  });

  test(`${build}: any interleaving keeps every record whole and in order`, async () => {
    const m = await ring(build, NEAR_OVERFLOW);
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant('push' as const), size: fc.integer({ min: 16, max: 60_000 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constantFrom('publish' as const, 'abort' as const, 'release' as const) }),
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('pull' as const) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        reset(m, NEAR_OVERFLOW);
        const published: number[] = [];
        let reserved: number[] = [];
        let mark = 0;
        for (const action of steps) {
          if (action.do === 'push' && push(m, action.size, ++mark)) reserved.push(mark);
          if (action.do === 'abort') m.ringAbort(RING);
          if (action.do === 'publish') m.ringPublish(RING);
          if (action.do === 'publish') published.push(...reserved);
          if (action.do === 'publish' || action.do === 'abort') reserved = [];
          if (action.do === 'release') m.ringRelease(RING);
          if (action.do !== 'pull') continue;
          const record = pull(m);
          assert.equal(record?.mark, published.shift());
          assert.notEqual(record?.intact, false);
        }
      }),
      { numRuns: 200 },
    );
  });
}
