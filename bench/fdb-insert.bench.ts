/** How long does an FDB entry take to write, into a table with room and into a full one? */
import { SIZES } from './keys.js';
import { measure, type Row } from './measure.js';
import { expect, prepareTestbed, SCRATCH } from './testbed.js';

const OVERLAY = 1;
const ENDPOINTS = 256;
const EVICTIONS = 4096; // 16 searches for the entries that are worth least
const KEYS = SCRATCH;
const NEW_KEYS = SCRATCH + (16 << 20);

const tables = SIZES.map(({ entries, name }) => ({ entries, name, loops: prepareTestbed(entries).loops }));
const rows: Row[] = [
  {
    name: 'drawing a random MAC (baseline)',
    operations: 1 << 16,
    run: () => tables[0]!.loops.strangers(KEYS, OVERLAY, 1 << 16),
  },
];
for (const { entries, name, loops } of tables) {
  rows.push({
    name: `filling a table of ${name}, emptying it after`,
    operations: entries,
    run: () => {
      expect(Boolean(loops.fill(KEYS, OVERLAY, entries, ENDPOINTS)), true, 'the FDB takes every entry');
      loops.clear(OVERLAY);
    },
  });
}
for (const { entries, name, loops } of tables) {
  rows.push({
    name: `a full table of ${name}: each evicts another`,
    operations: EVICTIONS,
    run: () => {
      if (loops.entries() === 0) loops.fill(KEYS, OVERLAY, entries, ENDPOINTS);
      expect(Boolean(loops.fill(NEW_KEYS, OVERLAY, EVICTIONS, ENDPOINTS)), true, 'the FDB takes every entry');
      expect(loops.entries() <= entries && loops.entries() > entries * 0.99, true, 'the table stays full');
    },
  });
}

await measure({
  question: 'How long does an FDB entry take to write?',
  operation: 'entry',
  setting: [
    'Random MACs, written by the one thread that writes, as those of a plugin that knows them all. One eviction in 256',
    'looks through the whole table.',
  ],
  rows,
});
