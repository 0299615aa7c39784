/** How long does the control thread take to write an FDB entry? */

import { knownKeys, OVERLAY, RUN, SIZES, unknownKeys } from './keys.js';
import { measure, type Row } from './measure.js';
import { expect } from './testbed.js';

const RENEWED = 1 << 14;
const EVICTED = 1 << 10;
const LOOKS = 1 << 8;
const [small] = SIZES;
const reading = unknownKeys(small.entries);
const rows: Row[] = [
  {
    name: 'reading the keys (baseline)',
    operations: RUN,
    run: () => void reading.loops.emptyKeys(reading.next(), RUN),
  },
];
for (const { entries, name } of SIZES) {
  const { loops, next, all } = knownKeys(entries);
  const count = Math.min(entries, RENEWED);
  rows.push({
    name: `${name}, known ones are replaced`,
    operations: RUN,
    run: () => expect(loops.puts(next(), RUN), RUN, 'entries replaced'),
  });
  rows.push({
    name: `${name}, removed and put back`,
    operations: count,
    run: () => expect(loops.renew(all, count), count, 'entries put back'),
  });
  rows.push({
    name: `${name}, emptied and filled again`,
    operations: entries,
    run: () => expect(loops.refill(OVERLAY, all, entries), entries, 'entries put'),
  });
  rows.push({
    name: `${name}, a look for what may go`,
    operations: LOOKS,
    run: () => loops.looks(LOOKS),
  });
}
for (const { entries, name } of SIZES) {
  const { loops, fresh } = knownKeys(entries);
  rows.push({
    name: `${name}, new ones evict others`,
    operations: EVICTED,
    run: () => expect(loops.puts(fresh(EVICTED), EVICTED), EVICTED, 'entries put'),
  });
}

await measure({
  question: 'How long does the control thread take to write an FDB entry?',
  operation: 'entry',
  setting: [
    'Full tables of random MACs, as in the question about hits. "Removed and put back" is both for each of up to 16384',
    'entries, all of them out before the first comes back. "Evict" puts new random MACs (drawing one takes some ns),',
    'each for one that goes; the look at a slice of the table (a 256th, or 128 slots) is part of it, and a row by',
    'itself. No table grows: "filled again" is what a load of that size takes, entry by entry.',
  ],
  rows,
});
