/** Rates and histories of vxlane top. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HISTORY_MAX, TopModel } from '../../../src/cli/top/model.js';
import { VIEW_NAMES, VIEWS, type ViewName } from '../../../src/cli/top/views.js';
import { statsOf } from './stats.js';

function shownIn(sample: ReturnType<TopModel['add']>, view: ViewName, field: string) {
  const index = VIEWS[view].columns.findIndex((column) => column.field === field);
  return sample!.rows[view][0]!.values[index];
}

test('there are no rates of one reading', () => {
  assert.equal(new TopModel().add(statsOf(1000), 0), null);
});

test('rates are differences by the time that passed', () => {
  const model = new TopModel();
  model.add(statsOf(1000), 500);
  const sample = model.add(statsOf(1200), 2500);
  assert.equal(sample!.seconds, 2);
  assert.equal(shownIn(sample, 'overlays', 'encapFramesPerSecond'), 100);
  assert.equal(shownIn(sample, 'overlays', 'encapBitsPerSecond'), 80_000);
  assert.equal(shownIn(sample, 'overlays', 'decapFramesPerSecond'), 300);
  assert.equal(shownIn(sample, 'overlays', 'dropsPerSecond'), 100, 'without what is expected');
  assert.equal(shownIn(sample, 'vnics', 'txFramesPerSecond'), 100);
  assert.equal(shownIn(sample, 'vnics', 'dropsPerSecond'), 0);
  assert.equal(shownIn(sample, 'endpoints', 'encapFramesPerSecond'), 100);
  assert.equal(shownIn(sample, 'endpoints', 'decapBitsPerSecond'), 240_000);
  assert.equal(shownIn(sample, 'endpoints', 'dropsPerSecond'), 100);
  assert.equal(shownIn(sample, 'drops', 'framesPerSecond'), 100);
  assert.equal(shownIn(sample, 'drops', 'frames'), 1200);
  assert.equal(shownIn(sample, 'plugins', 'questionsPerSecond'), 100);
  assert.equal(shownIn(sample, 'plugins', 'deaths'), 2);
  assert.deepEqual(sample!.total, {
    encap: { frames: 100, bytes: 10_000 },
    decap: { frames: 300, bytes: 30_000 },
    drops: 100,
  });
});

test('a daemon that was restarted counts from zero, and so do its rates', () => {
  const model = new TopModel();
  model.add(statsOf(1_000_000), 0);
  const sample = model.add(statsOf(50), 1000);
  assert.equal(shownIn(sample, 'overlays', 'encapFramesPerSecond'), 50);
  assert.equal(sample!.total.drops, 50);
});

test('no rate is negative, whatever counters do', () => {
  const readings = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 5000 }), fc.constantFrom('a', 'b')));
  fc.assert(
    fc.property(readings, (all) => {
      const model = new TopModel();
      let atMs = 0;
      for (const [frames, ms, name] of all) {
        atMs += ms;
        const sample = model.add(statsOf(frames, name), atMs);
        for (const row of VIEW_NAMES.flatMap((view) => sample?.rows[view] ?? [])) {
          for (const value of [...row.values, ...row.history]) {
            if (typeof value === 'number') assert.ok(value >= 0 && Number.isFinite(value), `${row.key}: ${value}`);
          }
        }
      }
    }),
  );
});

test('a row remembers what it was, for so long; one that went and came again does not', () => {
  const model = new TopModel();
  const historyOf = (stats: ReturnType<typeof statsOf>, atMs: number) => model.add(stats, atMs)?.rows.vnics[0]?.history;
  historyOf(statsOf(0), 0);
  historyOf(statsOf(10), 1000);
  assert.deepEqual(historyOf(statsOf(30), 2000), [10, 20]);
  historyOf(statsOf(30, 'ov0', { vnics: [] }), 3000);
  assert.deepEqual(historyOf(statsOf(40), 4000), [40], 'a new one counts from zero');
  for (let second = 5; second < 5 + 2 * HISTORY_MAX; second++) {
    const history = historyOf(statsOf(10 * second), 1000 * second)!;
    assert.ok(history.length <= HISTORY_MAX);
    assert.equal(history.at(-1), 10);
  }
});
