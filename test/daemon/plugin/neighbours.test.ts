/** Slots whose instances share a thread: what one does to it, and what the others notice. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../support/until.js';
import { NEW, OLD, SlotRig } from './slot-rig.js';

/** All serve in one thread. */
async function neighbours(count: number): Promise<SlotRig[]> {
  const rigs = await SlotRig.several(count, count);
  after(() => Promise.all(rigs.map(({ slot }) => slot.end('for_good'))));
  await Promise.all(rigs.map(({ slot }) => slot.start()));
  assert.equal(rigs[0]!.placement.threads, 1);
  return rigs;
}

const shown = (rigs: readonly SlotRig[]) => Promise.all(rigs.map((rig) => rig.shown()));

describe('slots that share a thread', () => {
  it('serve again at once when one ends it again and again, which waits alone', async () => {
    const rigs = await neighbours(4);
    const [first, second, bad, last] = rigs as [SlotRig, SlotRig, SlotRig, SlotRig];
    first.tell(OLD, { start: 'succeeds', dies: 3 });
    await until(() => bad.slot.state === 'backing-off');
    // No time passes for them: who waits now, waits for ever.
    await until(() => [first, second, last].every(({ slot }) => slot.state === 'serving'));
    assert.deepEqual(await shown(rigs), ['serving 5:1', 'serving 5:2', 'backing-off', 'serving 5:4']);
    assert.deepEqual(
      rigs.map(({ slot }) => slot.counts.deaths),
      [1, 1, 3, 2],
    );
    assert.equal(bad.health.details, 'search plugin mine ended its thread with exit code 1');
    for (const { health } of [first, second, last]) assert.equal(health.details, '');

    bad.tell(OLD, { start: 'succeeds' });
    bad.pass(1000);
    await until(() => bad.slot.state === 'serving');
    assert.deepEqual(await shown(rigs), ['serving 5:1', 'serving 5:2', 'serving 5:3', 'serving 5:4']);
  });

  it('swap one by one, and what is beside them serves on', async () => {
    const rigs = await neighbours(3);
    const { slot, placement } = rigs[1]!;
    await rigs[1]!.swap(async (instance) => slot.serve(instance), '2');
    assert.deepEqual(await shown(rigs), ['serving 5:1', 'serving 6:2', 'serving 5:3']);
    assert.equal(placement.threads, 2);
    assert.deepEqual(
      rigs.map((rig) => rig.slot.counts.deaths),
      [0, 0, 0],
    );
    await slot.end('for_good');
    assert.equal(placement.threads, 1);
    assert.equal(await rigs[0]!.shown(), 'serving 5:1');
  });

  it('do not refuse a swap because another one beside it ended the thread', async () => {
    const rigs = await neighbours(2);
    const [good, bad] = rigs as [SlotRig, SlotRig];
    good.tell(NEW, { start: 'waits' });
    const swapped = good.swap(async (instance) => good.slot.serve(instance), '1');
    const refused = assert.rejects(
      bad.swap(async (instance) => bad.slot.serve(instance), '2'),
      /mine ended its thread with exit code 1/,
    );
    await until(() => good.placement.threads === 2);
    await sleep(100); // both are there
    good.tell(NEW, { start: 'waits', dies: 2 });
    await refused;
    good.tell(NEW, { start: 'succeeds', dies: 2 });
    await swapped;
    assert.deepEqual(await shown(rigs), ['serving 6:1', 'serving 5:2']);
  });
});
