/** The search for the largest size: right for every limit, in few rounds, whatever is known of the path. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { largestSize } from '../../../src/daemon/oam/largest-size.js';

test('the largest size that comes back is found, in few rounds of questions', async () => {
  const sizes = fc.integer({ min: 64, max: 9000 });
  const known = fc.option(fc.integer({ min: 0, max: 9100 }));
  await fc.assert(
    fc.asyncProperty(sizes, sizes, known, async (limit, most, bound) => {
      let rounds = 0;
      let isInRound = false;
      const comesBack = async (size: number) => {
        if (!isInRound) rounds++;
        isInRound = true;
        await null;
        isInRound = false;
        assert.ok(size >= 64 && size <= Math.max(64, most));
        return size <= limit;
      };
      const expected = Math.max(64, Math.min(limit, most));
      const found = await largestSize(64, most, comesBack, () => bound);
      // A bound that is out of date costs rounds, but no path takes less than the least.
      if (bound === null || bound >= 64) assert.equal(found, expected);
      assert.ok(rounds <= 7, `${rounds} rounds`);
    }),
  );
});

test('what is known of the path is tried at once', async () => {
  const asked: number[] = [];
  const comesBack = async (size: number) => {
    asked.push(size);
    return size <= 1350;
  };
  assert.equal(await largestSize(64, 1450, comesBack, () => 1350), 1350);
  assert.deepEqual(asked, [1450, 1350, 1351]);
});
