// The search for the highest rate: it ends, and near the truth, whatever the tunnel does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { searchRate, type Trial } from '../../bench/e2e/rate-search.js';

/** A tunnel that carries `capacity` frames a second, and a sender that sends at most `sender`. */
const tunnel = (capacity: number, sender: number) => async (rate: number) => {
  const sent = Math.min(rate, sender);
  return { sent, received: Math.min(sent, capacity), seconds: 1 };
};

test('the highest rate is found within a tenth', async () => {
  const rates = fc.integer({ min: 20_000, max: 2_000_000 });
  await fc.assert(
    fc.asyncProperty(rates, rates, async (capacity, sender) => {
      const truth = Math.min(capacity, sender);
      const found = await searchRate(tunnel(capacity, sender));
      assert.ok(found <= truth * 1.001 && found >= truth * 0.9, `${found} of ${truth}`);
    }),
  );
});

test('one bad trial does not decide, two do', async () => {
  const hiccups = (bad: number) => {
    let trials = 0;
    return async (rate: number): Promise<Trial> => {
      const isBad = trials++ < bad;
      return { sent: rate, received: isBad || rate > 120_000 ? rate / 2 : rate, seconds: 1 };
    };
  };
  assert.ok((await searchRate(hiccups(1))) > 110_000);
  assert.ok((await searchRate(hiccups(2))) < 100_000);
});

test('a tunnel that carries nothing ends the search with 0', async () => {
  assert.equal(await searchRate(tunnel(0, 1e9)), 0);
});
