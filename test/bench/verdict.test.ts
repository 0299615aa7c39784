// The soak's verdict must see what it is there for: a frame that is nowhere, and memory that grows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sample } from '../../bench/soak/sample.js';
import { booksWrong, descriptorsWrong, GROWTH_MAX_MIB, memoryWrong } from '../../bench/soak/verdict.js';

const BOOKS = {
  ...{ encapIn: 10, decapIn: 20, injected: 3, copies: 2 },
  ...{ encapOut: 9, delivered: 19, dropped: 4, held: 1, upcalled: 2, answered: 1, proxyDropped: 1 },
};
const withRss = (rssMiB: number): Sample => ({ rssMiB, descriptors: 30, totals: BOOKS, workerRestarts: 0 });

test('books balance to the frame', () => {
  assert.equal(booksWrong(BOOKS), null);
  for (const name of Object.keys(BOOKS)) {
    assert.match(booksWrong({ ...BOOKS, [name]: BOOKS[name as keyof typeof BOOKS] + 1 })!, /balance/, name);
  }
  const { copies: _, ...incomplete } = BOOKS;
  assert.match(booksWrong(incomplete)!, /balance/, 'a total that is not there is no zero');
});

test('warming up is no growth, a slope is, and a single peak is neither', () => {
  const warmUp = Array.from({ length: 60 }, (_, i) => withRss(i < 12 ? 50 + i * 5 : 110));
  assert.equal(memoryWrong(warmUp), null);
  const peak = warmUp.with(59, withRss(1000));
  assert.equal(memoryWrong(peak), null);
  const slope = warmUp.map(({ rssMiB }, i) => withRss(rssMiB + (i * 2 * GROWTH_MAX_MIB) / 60));
  assert.match(memoryWrong(slope)!, /memory grows/);
  assert.match(memoryWrong(warmUp.slice(0, 4))!, /too few/);
});

test('a descriptor a turn is a leak', () => {
  const before = withRss(100);
  assert.equal(descriptorsWrong(before, { ...before, descriptors: 33 }), null);
  assert.match(descriptorsWrong(before, { ...before, descriptors: 130 })!, /leak/);
});
