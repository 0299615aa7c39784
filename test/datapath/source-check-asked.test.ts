// Who sends to an overlay and is unknown to it: the plugin is asked where its MAC is, and its frames wait meanwhile, to
// the harm of nobody.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HELD_STRANGERS_MAX, LOOKUP_DEADLINE_MS, UPCALLS_PER_SECOND_MAX } from '../../assembly/layout.js';
import { macFromNumber } from '../../src/address.js';
import { BUILDS, OVERLAY } from '../support/core.js';
import { datagram, frame } from '../support/frames.js';
import { FAR, HERE, lastByte, PORT, STRANGER, setUp, strangers, VTEP } from './source-checked.js';

for (const build of BUILDS) {
  describe(`senders that are asked about in the ${build} build`, () => {
    it('an unknown sender waits for the plugin: admitted in order if the MAC is there, else dropped', () => {
      const { core, overlay, send } = setUp(build, { lookup: true });
      const payload = (n: number) => datagram(OVERLAY.vni, frame(HERE, FAR, { payload: Buffer.alloc(46, n) }));
      assert.deepEqual(core.decap([payload(1), payload(2)], { from: VTEP }), []);
      const asked = core.upcalls();
      assert.deepEqual([asked.length, asked[0]?.kind], [1, 'miss']);
      assert.equal((asked[0] as { mac: string }).mac, FAR);
      core.checkBooks();
      core.remote(overlay, FAR, { ip: VTEP, port: PORT });
      core.fdb.putVtep(overlay, VTEP, core.nowMs);
      assert.deepEqual(core.decap([payload(3)], { from: VTEP }), [], 'behind those that wait');
      assert.deepEqual(core.turn().map(lastByte), [1, 2, 3]);
      assert.equal(send(FAR, VTEP).length, 1);
      const liar = '02:00:00:00:00:0e';
      assert.equal(send(liar, STRANGER).length, 0);
      core.remote(overlay, liar, { ip: VTEP, port: PORT });
      assert.deepEqual(core.turn(), []);
      assert.deepEqual(strangers(core.upcalls()), [`1 of ${liar} at ${STRANGER}`]);
      assert.deepEqual(core.counters.drops(), { source_unknown: 1 });
      core.checkBooks();
    });

    it('the plugin knows no such MAC, or says nothing: dropped; and few wait at once', () => {
      const { core, overlay, send } = setUp(build, { lookup: true });
      send(FAR, STRANGER);
      core.put(overlay, FAR, { kind: 'drop', reason: 'no_such_mac' });
      assert.deepEqual(core.turn(), []);
      assert.equal(core.counters.drops().source_unknown, 1);
      for (let n = 0; n < 100; n++) send(`02:00:00:00:02:${n.toString(16).padStart(2, '0')}`, STRANGER);
      const most = HELD_STRANGERS_MAX * (3 / 4);
      assert.equal(core.counters.totals().held, most);
      assert.equal(core.counters.drops().upcall_limited, 100 - most);
      core.nowMs += LOOKUP_DEADLINE_MS;
      core.turn();
      assert.equal(core.counters.drops().lookup_timeout, most);
      core.checkBooks();
    });

    it('what a VNIC waits for and what the same MAC sends meanwhile wait together, each for its own', () => {
      const { core, overlay, send } = setUp(build, { lookup: true });
      const vnic = core.vnic(overlay, '02:00:00:00:00:0b');
      core.encap(vnic, [frame(FAR, '02:00:00:00:00:0b')]);
      send(FAR, VTEP);
      assert.equal(core.upcalls().length, 1, 'one question');
      core.remote(overlay, FAR, { ip: VTEP, port: PORT });
      assert.deepEqual(
        core
          .turn()
          .map((output) => 'vnic' in output)
          .sort(),
        [false, true],
      );
      core.checkBooks();
    });

    it('a MAC that is told to be at its sender makes it known, also before its address is noted', () => {
      for (const sourceCheck of ['vtep', 'fdb'] as const) {
        const { core, overlay, send } = setUp(build, { sourceCheck, lookup: true });
        send(FAR, VTEP);
        core.remote(overlay, FAR, { ip: VTEP, port: PORT });
        assert.deepEqual([core.turn().length, send(FAR, VTEP).length], [1, 1], sourceCheck);
        assert.deepEqual(core.counters.drops(), {});
        core.checkBooks();
      }
    });

    it('frames of a known VTEP do not wait behind those of a stranger that says to have the same MAC', () => {
      const { core, overlay, send, know } = setUp(build, { lookup: true });
      know(VTEP);
      assert.equal(send(FAR, STRANGER, HERE, 3).length, 0);
      assert.equal(send(FAR, VTEP).length, 1);
      core.remote(overlay, FAR, { ip: VTEP, port: PORT });
      assert.deepEqual([core.turn().length, send(FAR, VTEP).length], [0, 1]);
      assert.deepEqual(core.counters.drops(), { source_unknown: 3 });
      core.checkBooks();
    });

    it('strangers of one overlay leave places to those that wait in another', () => {
      const { core, send } = setUp(build, { lookup: true });
      const second = core.overlay({ vni: 24, sourceCheck: 'vtep', lookup: true });
      core.vnic(second, HERE);
      for (let n = 0; n < 100; n++) send(`02:00:00:00:02:${n.toString(16).padStart(2, '0')}`, STRANGER);
      assert.deepEqual(core.decap([datagram(24, frame(HERE, FAR))], { from: VTEP }), []);
      core.remote(second, FAR, { ip: VTEP, port: PORT });
      assert.equal(core.turn().length, 1);
      core.checkBooks();
    });

    it('strangers of one overlay leave the plugin of another all its questions', () => {
      const { core, overlay, send } = setUp(build, { lookup: true });
      const second = core.overlay({ vni: 24, sourceCheck: 'vtep', lookup: true });
      core.vnic(second, HERE);
      for (let n = 0; n <= UPCALLS_PER_SECOND_MAX; n++) {
        const mac = macFromNumber(0x02_00_00_01_00_00 + n);
        send(mac, STRANGER);
        core.put(overlay, mac, { kind: 'drop', reason: 'no_such_mac' });
        core.turn();
        core.upcalls();
      }
      assert.equal(core.counters.overlay(overlay).drops.upcall_limited, 1);
      assert.deepEqual(core.decap([datagram(24, frame(HERE, FAR))], { from: VTEP }), []);
      assert.equal(core.upcalls().length, 1);
      core.checkBooks();
    });

    it('strangers leave room to the frames of a VNIC that wait for the same MAC', () => {
      const { core, overlay, send } = setUp(build, { lookup: true });
      const own = '02:00:00:00:00:0b';
      const vnic = core.vnic(overlay, own);
      core.encap(vnic, [frame(FAR, own)]);
      send(FAR, STRANGER, HERE, 3000);
      core.encap(vnic, [frame(FAR, own)]);
      core.remote(overlay, FAR, { ip: VTEP, port: PORT });
      assert.equal(core.turn().length, 2);
      core.checkBooks();
    });
  });
}
