/** What was carried and dropped of late: how counters have grown, of all overlays and of each. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Counters, POINTS_KEPT, TrafficHistory } from '../../../src/daemon/commands/traffic-history.js';

const counters = (sent: number, received = 0, drops: Counters['drops'] = {}): Counters => ({
  encap: { frames: sent, bytes: sent * 100 },
  decap: { frames: received, bytes: received * 100 },
  drops,
});
const NONE: ReadonlyMap<string, Counters> = new Map();
const sentBy = (history: TrafficHistory, name: string | null) => history.points(name).map(({ encap }) => encap.frames);

describe('the history of traffic', () => {
  it('has how much each counter has grown, of all overlays together and of one', () => {
    const history = new TrafficHistory();
    const first = new Map([
      ['a', counters(10, 1, { no_such_mac: 2 })],
      ['b', counters(5)],
    ]);
    const second = new Map([
      ['a', counters(13, 1, { no_such_mac: 2, hairpin: 4 })],
      ['b', counters(6, 7, { hairpin: 1 })],
    ]);
    history.add(1000, 5, NONE, first);
    history.add(6000, 5.1, first, second);
    const points = history.points(null);
    assert.deepEqual(points[0], {
      time: '1970-01-01T00:00:01.000Z',
      seconds: 5,
      encap: { frames: 15, bytes: 1500 },
      decap: { frames: 1, bytes: 100 },
      drops: { no_such_mac: 2 },
    });
    assert.deepEqual(points[1]!.encap, { frames: 4, bytes: 400 });
    assert.deepEqual([points[1]!.seconds, points[1]!.drops], [5.1, { hairpin: 5 }]);
    assert.deepEqual(history.points('b')[1]!.drops, { hairpin: 1 });
    assert.deepEqual(history.points(null, 1000).length, 1);
  });

  it('keeps the last points, and none of a round before', () => {
    const history = new TrafficHistory();
    let before = new Map([['a', counters(0)]]);
    for (let n = 1; n <= POINTS_KEPT + 3; n++) {
      // Silent from the second round on.
      const now = new Map([['a', counters(Math.min(n, POINTS_KEPT), 0, { hairpin: Math.min(n, POINTS_KEPT) })]]);
      history.add(n * 5000, 5, before, now);
      before = now;
    }
    const points = history.points('a');
    assert.equal(points.length, POINTS_KEPT);
    assert.equal(Date.parse(points[0]!.time), 4 * 5000);
    assert.deepEqual(
      points.slice(-4).map(({ encap, drops }) => [encap.frames, drops]),
      [[1, { hairpin: 1 }], ...Array(3).fill([0, {}])],
    );
    assert.deepEqual(sentBy(history, null), sentBy(history, 'a'));
  });

  it('an overlay that is gone stays in the sum; one made anew under its name counts from nothing', () => {
    const history = new TrafficHistory();
    const before = new Map([['a', counters(50)]]);
    history.add(1000, 5, NONE, before);
    history.add(2000, 5, before, new Map([['a', counters(3)]]));
    assert.deepEqual(sentBy(history, 'a'), [50, 3]);
    history.add(3000, 5, new Map([['a', counters(3)]]), NONE);
    assert.deepEqual(sentBy(history, null), [50, 3, 0]);
    assert.deepEqual(sentBy(history, 'a'), [0, 0, 0]);
  });
});
