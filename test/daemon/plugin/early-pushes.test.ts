/** What is kept of an instance that does not serve yet: the latest push on each MAC, and a bounded number of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EarlyPushes, Relay } from '../../../src/daemon/plugin/early-pushes.js';
import { OTHER_PEER, PEER } from '../harness.js';

const MOST = 4;
const macOf = (n: number) =>
  `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
const deaf = { put() {}, withdraw() {}, moved() {}, vteps() {}, floodChanged() {}, restore() {} };

describe('early pushes', () => {
  it('keep what was said unasked against what was answered', () => {
    const early = new EarlyPushes(MOST);
    early.put(macOf(1), OTHER_PEER, undefined);
    early.withdraw(macOf(2));
    for (const n of [1, 2, 3]) early.answered(macOf(n), { target: PEER });
    assert.deepEqual([...early.answers.values()], [{ target: OTHER_PEER }, { target: PEER }]);
    assert.equal(early.answers.has(macOf(2)), false);
  });

  it('keep no answer that may be older than one of too many pushes to remember', () => {
    const early = new EarlyPushes(MOST);
    early.answered(macOf(0), { target: PEER });
    for (let n = 0; n < 1000; n++) early.withdraw(macOf(n));
    assert.equal(early.isFull, true);
    for (let n = 0; n < 1000; n++) early.answered(macOf(n), { target: PEER });
    assert.equal(early.answers.size, 0);
    early.put(macOf(999), OTHER_PEER, 5);
    assert.deepEqual([...early.answers], [[macOf(999), { target: OTHER_PEER, ttl: 5 }]]);
  });

  it('know the latest owner of an address, also when they know of no more', () => {
    const early = new EarlyPushes(MOST);
    for (let n = 0; n < 70_000; n++) early.moved(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, macOf(1));
    early.moved('10.0.0.0', macOf(2));
    const moves = early.takeMoves();
    assert.equal(moves.size, 65_536);
    assert.equal(moves.get('10.0.0.0'), macOf(2));
  });

  it('are forgotten when others listen, but for the answers that the reconciliation reads by and by', () => {
    const early = new EarlyPushes(MOST);
    const relay = new Relay(early);
    const told: string[] = [];
    relay.put(macOf(1), PEER, undefined);
    relay.moved('10.0.0.1', macOf(1));
    relay.degrade('plugin', 'no server');
    relay.connect(deaf, { ...deaf, degrade: (part, reason) => void told.push(`${part}: ${reason}`) });
    assert.deepEqual(told, ['plugin: no server']);
    assert.deepEqual([early.answers.size, early.takeMoves().size, early.troubles.size], [1, 0, 0]);
    early.answered(macOf(1), null);
    assert.equal(early.answers.get(macOf(1)), null, 'that it was said unasked is forgotten too');
  });
});
