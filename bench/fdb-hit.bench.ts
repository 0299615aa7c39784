/** How long does the FDB take to answer a MAC it knows? */

import { knownKeys, LOOKUPS, RUN, SIZES } from './keys.js';
import { measure, type Row } from './measure.js';
import { expect } from './testbed.js';

const NEVER = 0xffff_ffff;

const tables = SIZES.map(({ entries, name }) => ({ name, keys: knownKeys(entries) }));
const rows: Row[] = [
  {
    name: 'reading the keys (baseline)',
    operations: RUN,
    run: () => void tables[0]!.keys.loops.emptyKeys(tables[0]!.keys.next(), RUN),
  },
];
for (const { name, keys } of tables) {
  rows.push({
    name: `${name}, in batches of 64`,
    operations: RUN,
    run: () => expect(keys.loops.lookupsInBatches(keys.next(), RUN, LOOKUPS), RUN, 'hits'),
  });
}
for (const { name, keys } of tables) {
  rows.push({
    name: `${name}, one after the other`,
    operations: RUN,
    run: () => expect(keys.loops.lookups(keys.next(), RUN), RUN, 'hits'),
  });
}
for (const { name, keys } of tables) {
  rows.push({
    name: `${name}, each waits for the last one`,
    operations: RUN,
    run: () => expect(keys.loops.lookupsInTurn(keys.next(), RUN, NEVER), RUN, 'hits'),
  });
}

await measure({
  question: 'How long does the FDB take to answer a MAC it knows?',
  operation: 'lookup',
  setting: [
    'A full table (every second way or fewer is used) of random MACs over 256 endpoints. The MACs that are asked',
    'are drawn at random from all of it, 2^20 before the first comes again.',
  ],
  rows,
});
