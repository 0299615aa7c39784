/** How often a host takes a MAC from another that takes it back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Takes } from '../../src/search/plugins/etcd/takes.js';

const [MAC, OTHER] = ['de:ad:be:ef:00:01', 'de:ad:be:ef:00:02'] as const;

describe('a MAC that two hosts take from each other', () => {
  it('is taken five times at once, then once in 10 s, and that is said', () => {
    const takes = new Takes();
    for (let n = 0; n < 5; n++) {
      assert.equal(takes.summary(n), null);
      assert.equal(takes.take(MAC, n), 0);
    }
    assert.match(takes.summary(5) ?? '', /5 times in 180 s, perhaps in two places: de:ad:be:ef:00:01$/);
    assert.equal(takes.take(MAC, 4), 10_000);
    assert.equal(takes.take(MAC, 9004), 1000, 'to ask does not put it off');
    assert.equal(takes.take(OTHER, 9004), 0, 'others are as free as before');
    assert.equal(takes.take(MAC, 10_004), 0);
    assert.equal(takes.take(MAC, 10_005), 9999);
  });

  it('in a steady fight is taken 22 times in 180 s, of ten thousand attempts', () => {
    const takes = new Takes();
    let taken = 0;
    for (let nowMs = 0; nowMs < 180_000; nowMs += 18) if (takes.take(MAC, nowMs) === 0) taken++;
    assert.equal(taken, 22);
  });

  it('is free again when it was quiet', () => {
    const takes = new Takes();
    for (let n = 0; n < 5; n++) takes.take(MAC, n);
    takes.age(180_003);
    assert.notEqual(takes.summary(1000), null, 'the last of them is not long ago');
    takes.age(180_004);
    assert.equal(takes.summary(1000), null);
    assert.equal(takes.take(MAC, 180_004), 0);
  });
});
