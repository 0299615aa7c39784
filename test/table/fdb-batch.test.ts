// A batch of lookups beside the same lookups one by one, which is a slow twin: the same values, and the same entries
// marked as used.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BATCH_MAX, FdbKind, LOOKUP_SIZE, LOOKUP_VALUE } from '../../assembly/layout.js';
import { BUILDS, type Build, loadBuild, type TestModule } from '../support/module.js';
import { layOut } from './lay-out.js';

const BUCKETS = 16; // so full that many keys stand in their second bucket
const MACS = 80;
const LOOKUPS = 3 << 20;

const keyOf = (mac: number): bigint => (1n << 48n) | (BigInt(mac) << 1n);

async function table(build: Build): Promise<TestModule> {
  const m = await loadBuild(build, 128);
  layOut(m.bytes.buffer, BUCKETS * 4, BUCKETS);
  m.fdbAttach();
  return m;
}

function findBatch(m: TestModule, macs: readonly number[]): number[] {
  const view = new DataView(m.bytes.buffer);
  const at = (index: number): number => LOOKUPS + index * LOOKUP_SIZE;
  for (const [index, mac] of macs.entries()) m.fdbAsk(at(index), keyOf(mac));
  m.fdbFindBatch(LOOKUPS, macs.length);
  return macs.map((_, index) => view.getUint32(at(index) + LOOKUP_VALUE, true));
}

/** When each MAC was used last; undefined: the table has it not. */
function lastUses(m: TestModule): (number | undefined)[] {
  return Array.from({ length: MACS }, (_, mac) => {
    const slot = m.fdbLocate(keyOf(mac)) >>> 0;
    return slot === 0xffff_ffff ? undefined : m.fdbLastUse(slot);
  });
}

const known = fc.array(fc.record({ mac: fc.nat(MACS - 1), target: fc.integer({ min: 1, max: 65535 }) }));
const asked = fc.array(fc.nat(MACS - 1), { maxLength: BATCH_MAX });

for (const build of BUILDS) {
  test(`${build}: a batch answers and marks what one lookup after the other does`, async () => {
    const [batch, twin] = [await table(build), await table(build)];
    let now = 10;
    fc.assert(
      fc.property(known, fc.array(asked, { maxLength: 5 }), (entries, batches) => {
        for (const m of [batch, twin]) {
          m.fdbClock(now * 100);
          for (const { mac, target } of entries) m.fdbPut(keyOf(mac), FdbKind.remote, 0, target);
        }
        for (const macs of batches) {
          now++;
          for (const m of [batch, twin]) m.fdbClock(now * 100);
          const right = macs.map((mac) => twin.fdbFind(keyOf(mac)) >>> 0);
          assert.deepEqual(findBatch(batch, macs), right);
          assert.deepEqual(lastUses(batch), lastUses(twin));
        }
      }),
      { numRuns: 200 },
    );
  });
}
