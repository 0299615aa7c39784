import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { EightUnitMap, type FlatMap, NumberMap } from '../../src/search/plugins/files/flat-map.js';

const numberKey = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.integer({ min: 1, max: 2 ** 48 - 1 }),
);
const unitsKey = fc
  .oneof(
    fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }),
    fc.integer({ min: 0, max: 40 }).map((low) => [0xfd00, 0, 0, 0, 0, 0, 0, low]),
  )
  .map((units) => String.fromCharCode(...units));

function sameAsMap<Key>(key: fc.Arbitrary<Key>, create: () => FlatMap<Key>) {
  const operations = fc.array(fc.tuple(key, fc.integer({ min: 0, max: 2 ** 48 })), { maxLength: 400 });
  fc.assert(
    fc.property(operations, fc.array(key), (added, asked) => {
      const flat = create();
      const twin = new Map<Key, number>();
      for (const [each, value] of added) {
        assert.equal(flat.add(each, value), twin.get(each));
        if (!twin.has(each)) twin.set(each, value);
      }
      assert.equal(flat.size, twin.size);
      assert.deepEqual(new Map(flat), twin);
      assert.deepEqual(new Map(create().unpack(structuredClone(flat.pack()))), twin);
      for (const each of [...asked, ...twin.keys()]) {
        assert.equal(flat.get(each), twin.get(each));
        assert.equal(flat.has(each), twin.has(each));
      }
    }),
  );
}

describe('a flat map does as Map does', () => {
  test('numbers of either sign', () => sameAsMap(numberKey, () => new NumberMap()));
  test('strings of eight code units, unpaired surrogates too', () => sameAsMap(unitsKey, () => new EightUnitMap()));

  test('growing from 16 slots to 2^18 keeps every entry', () => {
    const flat = new NumberMap();
    for (let i = 0; i < 100_000; i++) flat.add(0x020000000000 + i, i);
    assert.equal(flat.size, 100_000);
    for (let i = 0; i < 100_000; i++) assert.equal(flat.get(0x020000000000 + i), i);
    assert.equal(flat.get(0x020000000000 + 100_000), undefined);
  });
});
