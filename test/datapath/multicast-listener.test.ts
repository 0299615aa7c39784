// A socket that only receives, for the overlays of another: what arrives there is theirs, and a worker without a
// listener does not wait on it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SOCKETS_MAX } from '../../assembly/layout.js';
import { BUILDS, Core, OVERLAY } from '../support/core.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';

const HERE = '02:00:00:00:00:0a';
const FAR = '02:00:00:00:00:0c';

for (const build of BUILDS) {
  test(`${build}: what comes to a group's listener belongs to the overlays of the socket it receives for`, () => {
    const core = new Core(build);
    const overlay = core.overlay();
    const vnic = core.vnic(overlay, HERE);
    const other = core.tables.addSocket({ listeners: [4], sources: [[]] });
    const group = core.tables.addSocket({ listeners: [5], sources: [], receivesFor: OVERLAY.socket });
    const foreign = core.tables.addSocket({ listeners: [6], sources: [], receivesFor: other });
    const sent = frame(BROADCAST, FAR);
    assert.deepEqual(core.decap([datagram(OVERLAY.vni, sent)], { socket: group }), [{ vnic, frame: sent }]);
    assert.deepEqual(core.decap([datagram(OVERLAY.vni, sent)], { socket: foreign }), []);
    assert.deepEqual(core.counters.drops(), { unknown_vni: 1 });
    core.checkBooks();
  });

  test(`${build}: a worker polls no listener that it has not, nor one that an earlier socket had in its place`, () => {
    const core = new Core(build);
    const polled = core.module.pollSet();
    assert.equal(polled, 2, 'the eventfd and the socket');
    const add = (listeners: readonly number[]): number =>
      core.tables.addSocket({ listeners, sources: [], receivesFor: OVERLAY.socket });
    const all = Array.from({ length: SOCKETS_MAX - 2 }, () => add([5])); // 0 is none, 1 the overlay's own
    assert.equal(core.module.pollSet(), polled + all.length);
    for (const [index, listeners] of [[], [-1]].entries()) {
      core.tables.removeSocket(all[index]!);
      core.tables.releaseSocket(all[index]!);
      assert.equal(add(listeners), all[index]);
      assert.equal(core.module.pollSet(), polled + all.length - index - 1);
    }
  });
}
