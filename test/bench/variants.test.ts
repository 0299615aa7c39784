// What of a variant goes to the daemon, and what is the bench's own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseVariant } from '../../bench/e2e/variants.js';

test('arguments of the daemon keep their order and form', () => {
  const { name, daemonArgs, properties, overlays, entries, vnics, kernel } = parseVariant(
    'two.b=--workers 2 -p offload=off --engine=mmsg --overlays 100 --prop vlan=strip --entries=1000 --busy-poll 50 ' +
      '--vnics 64 --kernel right',
  );
  assert.equal(name, 'two.b');
  assert.deepEqual(daemonArgs, ['--workers', '2', '--engine=mmsg', '--busy-poll', '50']);
  assert.deepEqual(properties, ['offload=off', 'vlan=strip']);
  assert.deepEqual([overlays, entries, vnics, kernel], [100, 1000, 64, 'right']);
  assert.deepEqual(parseVariant('plain=').daemonArgs, []);
});

for (const wrong of [
  'mmsg',
  'a b=',
  'kernel=',
  'native=',
  'x=--overlays 0',
  'x=--entries many',
  'x=-p offload',
  'x=--vnics 0',
  'x=--kernel both',
]) {
  test(`"${wrong}" is refused`, () => assert.throws(() => parseVariant(wrong), { code: 'bad_usage' }));
}
