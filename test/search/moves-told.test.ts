/** Moves that an instance is told of: how many at once, and what one that fails costs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOVES_UNDER_WAY_MAX, MovesTold } from '../../src/search/host/moves-told.js';
import { silentLog } from '../daemon/harness.js';

test('as many moves are told as may be under way; the first that fails costs a line of the log', async () => {
  const warnings: string[] = [];
  const told = new MovesTold({ ...silentLog, warn: (message: string) => void warnings.push(message) });
  const ends: ((error: Error | null) => void)[] = [];
  const ask = () =>
    new Promise<void>((resolve, reject) => {
      ends.push((error) => (error === null ? resolve() : reject(error)));
    });
  const all = Array.from({ length: MOVES_UNDER_WAY_MAX + 10 }, () => told.tell(ask));
  assert.equal(ends.length, MOVES_UNDER_WAY_MAX);
  for (const end of ends.splice(0)) end(new Error('out of luck'));
  const outcomes = await Promise.all(all);
  assert.deepEqual(outcomes.slice(MOVES_UNDER_WAY_MAX - 1), ['out of luck', ...Array(10).fill(null)]);
  assert.deepEqual(warnings, ['out of luck']);
  for (const outcome of [null, new Error('again')]) {
    const next = told.tell(ask);
    ends.pop()?.(outcome);
    assert.equal(await next, outcome?.message ?? null);
  }
  assert.deepEqual(warnings, ['out of luck', 'again']);
});
