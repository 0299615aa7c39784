/** How long does the FDB take to find out that it does not know a MAC? */

import { RUN, SIZES, unknownKeys } from './keys.js';
import { measure, type Row } from './measure.js';
import { expect } from './testbed.js';

const tables = SIZES.map(({ entries, name }) => ({ name, keys: unknownKeys(entries) }));
const rows: Row[] = [
  {
    name: 'reading the keys (baseline)',
    operations: RUN,
    run: () => void tables[0]!.keys.loops.emptyKeys(tables[0]!.keys.next(), RUN),
  },
];
for (const { name, keys } of tables) {
  rows.push({
    name,
    operations: RUN,
    run: () => expect(keys.loops.lookups(keys.next(), RUN), 0, 'hits'),
  });
}

await measure({
  question: 'How long does the FDB take to find out that it does not know a MAC?',
  operation: 'lookup',
  setting: [
    'The tables of the question about hits, asked for 2^20 random MACs of the same overlay that they do not have.',
    'The lookup alone: holding the frame and asking the plugin come after it.',
  ],
  rows,
});
