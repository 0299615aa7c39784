/** What is kept of an instance that does not serve yet: the latest word on each MAC, and a bounded number of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FirstWords, Relay } from '../../../src/daemon/plugin/early-pushes.js';
import { OTHER_PEER, PEER } from '../harness.js';

const MOST = 4;
const macOf = (n: number) =>
  `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
const deaf = { put() {}, withdraw() {}, moved() {}, restore() {} };

describe('first words', () => {
  it('keep what was said unasked against what was answered', () => {
    const words = new FirstWords(MOST);
    words.put(macOf(1), OTHER_PEER, undefined);
    words.withdraw(macOf(2));
    for (const n of [1, 2, 3]) words.answered(macOf(n), { target: PEER });
    assert.deepEqual([...words.answers.values()], [{ target: OTHER_PEER }, { target: PEER }]);
    assert.equal(words.answers.has(macOf(2)), false);
  });

  it('keep no answer that may be older than one of too many words to remember', () => {
    const words = new FirstWords(MOST);
    words.answered(macOf(0), { target: PEER });
    for (let n = 0; n < 1000; n++) words.withdraw(macOf(n));
    assert.equal(words.isFull, true);
    for (let n = 0; n < 1000; n++) words.answered(macOf(n), { target: PEER });
    assert.equal(words.answers.size, 0);
    words.put(macOf(999), OTHER_PEER, 5);
    assert.deepEqual([...words.answers], [[macOf(999), { target: OTHER_PEER, ttl: 5 }]]);
  });

  it('know the latest owner of an address, also when they know of no more', () => {
    const words = new FirstWords(MOST);
    for (let n = 0; n < 70_000; n++) words.moved(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, macOf(1));
    words.moved('10.0.0.0', macOf(2));
    assert.equal(words.moves.size, 65_536);
    assert.equal(words.moves.get('10.0.0.0'), macOf(2));
  });

  it('are forgotten when others listen, but for the answers that the takeover reads by and by', () => {
    const words = new FirstWords(MOST);
    const relay = new Relay(words);
    const told: string[] = [];
    relay.put(macOf(1), PEER, undefined);
    relay.moved('10.0.0.1', macOf(1));
    relay.degrade('plugin', 'no server');
    relay.connect(deaf, { ...deaf, degrade: (part, reason) => void told.push(`${part}: ${reason}`) });
    assert.deepEqual(told, ['plugin: no server']);
    assert.deepEqual([words.answers.size, words.moves.size, words.troubles.size], [1, 0, 0]);
    words.answered(macOf(1), null);
    assert.equal(words.answers.get(macOf(1)), null, 'that it was said unasked is forgotten too');
  });
});
