/** Lists of VTEPs that come faster than they may be taken. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VtepLists } from '../../src/search/host/vtep-lists.js';

function setUp() {
  const taken: unknown[] = [];
  const lists = new VtepLists((ips) => taken.push(Array.isArray(ips) ? ips.length : ips));
  return { lists, told: () => taken.splice(0) };
}

const list = (count: number) => Array.from({ length: count }, (_, n) => `10.0.${n >> 8}.${n & 255}`);

describe('lists of VTEPs', () => {
  it('a long one is taken at once, of those that follow the latest, when its time has come', () => {
    const { lists, told } = setUp();
    for (const count of [8000, 3, 2, 1]) lists.told(list(count), 0);
    assert.deepEqual(told(), [8000]);
    lists.look(400);
    assert.deepEqual(told(), []);
    lists.look(500);
    lists.look(500);
    assert.deepEqual(told(), [1]);
  });

  it('short ones follow each other', () => {
    const { lists, told } = setUp();
    for (const count of [5, 4, 3]) lists.told(list(count), count === 5 ? 0 : 10 - count);
    assert.deepEqual(told(), [5, 4, 3]);
  });

  it('what is none is taken, so that the plugin hears of it, but no faster', () => {
    const { lists, told } = setUp();
    for (let n = 0; n < 100; n++) lists.told('none', 0);
    assert.deepEqual(told(), ['none']);
  });

  it('the latest is taken at once where that is asked for', () => {
    const { lists, told } = setUp();
    for (const count of [8000, 3, 2]) lists.told(list(count), 0);
    lists.flush(0);
    lists.flush(0);
    assert.deepEqual(told(), [8000, 2]);
  });
});
