// MACs that somebody has chosen so that all of them meet in a few places of the FDB. What a lookup costs is counted in
// buckets it reads, not timed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FdbKind, HDR_FDB_COUNT } from '../../assembly/layout.js';
import { loadBuild, type TestModule } from '../support/module.js';
import { layOut } from './lay-out.js';

const CHOSEN = 16_384; // as many as an overlay learns by default
const BUCKETS = CHOSEN / 2; // half full
const PARTS = 128;
const KEYS = 6 << 20; // address; the FDB and its stamps end before
const OWN_SEED = 1;
const OTHER_SEED = 2;

interface Cost {
  readonly stored: number;
  /** Buckets that a lookup of one of the MACs reads, on average. */
  readonly probes: number;
  /** Entries that had to go to their other bucket, for each that came. */
  readonly moves: number;
}

/** The MACs are put into an empty FDB of our own hash keys. */
function costOf(m: TestModule): Cost {
  const memory = m.bytes.buffer;
  m.bytes.fill(0, 2 << 20, KEYS);
  layOut(memory, CHOSEN, BUCKETS, OWN_SEED);
  const view = new DataView(memory);
  view.setUint32(HDR_FDB_COUNT, 0, true);
  const keys = Array.from({ length: CHOSEN }, (_, index) => view.getBigUint64(KEYS + index * 8, true));
  assert.equal(new Set(keys).size, CHOSEN);
  const before = m.fdbMoves();
  for (const key of keys) m.fdbPut(key, FdbKind.remote, 0, 7);
  const probes = keys.reduce((sum, key) => sum + m.probes(key), 0) / CHOSEN;
  const stored = keys.filter((key) => m.fdbFind(key) !== 0).length;
  assert.equal(stored, view.getUint32(HDR_FDB_COUNT, true));
  return { stored, probes, moves: (m.fdbMoves() - before) / CHOSEN };
}

async function attacked(): Promise<TestModule> {
  const m = await loadBuild('release', 128);
  layOut(m.bytes.buffer, CHOSEN, BUCKETS, OTHER_SEED);
  m.fdbAttach();
  return m;
}

async function anyMacs(): Promise<Cost> {
  const m = await attacked();
  m.aimKeys(KEYS, CHOSEN, 1, BUCKETS, false);
  return costOf(m);
}

function assertHarmless(cost: Cost, usual: Cost): void {
  assert.equal(cost.stored, CHOSEN, 'every entry finds room');
  assert.ok(cost.probes <= 2 * usual.probes, `${cost.probes} buckets a lookup, of any MACs ${usual.probes}`);
  assert.ok(cost.moves <= 2 * usual.moves + 0.01, `${cost.moves} moves a put, of any MACs ${usual.moves}`);
}

test('MACs aimed at a hash without a key cost what others do', async () => {
  const m = await attacked();
  const tried = m.aimKeys(KEYS, CHOSEN, PARTS, BUCKETS, true);
  assert.ok(tried > (CHOSEN * PARTS) / 2, 'they were picked from many');
  assertHarmless(costOf(m), await anyMacs());
});

test('MACs aimed by somebody who knows the table, but not its hash keys, cost what others do', async () => {
  const m = await attacked();
  const tried = m.aimKeys(KEYS, CHOSEN, PARTS, BUCKETS, false);
  assert.ok(tried > (CHOSEN * PARTS) / 2, 'they were picked from many');
  assertHarmless(costOf(m), await anyMacs());
});

test('the attack is one: with our own hash keys it would keep entries from finding room', async () => {
  const m = await attacked();
  layOut(m.bytes.buffer, CHOSEN, BUCKETS, OWN_SEED);
  m.aimKeys(KEYS, CHOSEN, PARTS, BUCKETS, false);
  const { moves } = costOf(m);
  assert.ok(moves > 2 * (await anyMacs()).moves + 0.01, `${moves} moves a put`);
});
