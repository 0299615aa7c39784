// Who may send to an overlay: known VTEPs, MACs that live where they send from, and a VNIC's own MAC never; against a
// slow twin. Who is asked about is in source-check-asked.test.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LEARN_REPEAT_MS } from '../../assembly/layout.js';
import { BUILDS, Core, OVERLAY } from '../support/core.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';
import { FAR, HERE, lastByte, OTHER, PORT, STRANGER, setUp, strangers, VTEP } from './source-checked.js';

for (const build of BUILDS) {
  describe(`source check in the ${build} build`, () => {
    for (const [vtep, stranger] of [
      [VTEP, STRANGER],
      ['fd00::1', 'fd00::9'],
      ['2001:db8:0:1::ff', '2001:db8:0:1::1ff'],
    ] as const) {
      it(`${vtep} is known and ${stranger} is not`, () => {
        const { core, send, know, overlay } = setUp(build);
        know(vtep);
        assert.equal(send(FAR, vtep, HERE, 20).length, 20);
        assert.equal(send(FAR, stranger, HERE, 20).length, 0);
        assert.equal(send(FAR, vtep, BROADCAST).length, 1);
        assert.deepEqual(core.counters.overlay(overlay).drops, { source_unknown: 20 });
        assert.deepEqual(strangers(core.upcalls()), [`1 of ${FAR} at ${stranger}`]);
        core.nowMs += LEARN_REPEAT_MS;
        send(FAR, stranger);
        assert.deepEqual(strangers(core.upcalls()), [`20 of ${FAR} at ${stranger}`], 'with those not told of');
        core.checkBooks();
      });
    }

    it('known and unknown senders in one batch are told apart, whatever their ports and order', () => {
      const { core, know } = setUp(build);
      know(VTEP, OTHER);
      const from = [VTEP, STRANGER, VTEP, VTEP, STRANGER, OTHER, STRANGER, STRANGER, OTHER];
      const sent = from.map((_, n) => datagram(OVERLAY.vni, frame(HERE, FAR, { payload: Buffer.alloc(46, n) })));
      const came = core.decap(sent, { from }).map(lastByte);
      assert.deepEqual(came, [0, 2, 3, 5, 8]);
    });

    it('what is known is known to one overlay, until it is taken back; nobody looks where it is off', () => {
      const { core, overlay, send, know } = setUp(build);
      const second = core.overlay({ vni: 24, sourceCheck: 'vtep', lookup: false });
      core.vnic(second, HERE);
      core.vnic(core.overlay({ vni: 25, lookup: false }), HERE);
      know(VTEP);
      const to = (vni: number) => core.decap([datagram(vni, frame(HERE, FAR))], { from: VTEP }).length;
      assert.deepEqual([to(23), to(24), to(25)], [1, 0, 1]);
      assert.equal(core.fdb.vteps, 1);
      core.fdb.removeVtep(overlay, VTEP);
      assert.deepEqual([to(23), to(25), core.fdb.vteps], [0, 1, 0]);
      core.setOverlay(overlay, { lookup: false });
      assert.equal(send(FAR, STRANGER).length, 1);
    });

    it('known VTEPs are no entries: not counted, not shown, not pushed out, and gone with their overlay', async () => {
      const core = new Core(build, 16);
      const overlay = core.overlay({ sourceCheck: 'vtep', lookup: false });
      core.vnic(overlay, HERE);
      const ips = Array.from({ length: 72 }, (_, n) => `10.0.1.${n + 1}`);
      for (const ip of ips) assert.ok(core.fdb.putVtep(overlay, ip, core.nowMs), ip);
      assert.equal(core.fdb.putVtep(overlay, '10.0.2.1', core.nowMs), false, 'there is no room for any number');
      for (let n = 0; n < 64; n++) core.remote(overlay, `02:00:00:00:01:${n.toString(16)}`, { ip: VTEP, port: PORT });
      assert.deepEqual([core.fdb.count, core.fdb.page(overlay, null, 100).length], [16, 16]);
      for (const ip of ips) {
        assert.equal(core.decap([datagram(OVERLAY.vni, frame(HERE, FAR))], { from: ip }).length, 1, ip);
      }
      await core.fdb.purge(overlay);
      assert.deepEqual([core.fdb.vteps, core.fdb.count], [0, 0]);
    });

    it("a VNIC's own MAC never comes from the underlay, whoever sends it and whether or not anybody looks", () => {
      for (const sourceCheck of ['vtep', 'off'] as const) {
        const { core, overlay, send, know } = setUp(build, { sourceCheck });
        know(VTEP);
        const macs = Array.from({ length: 40 }, (_, n) => `02:00:00:0${n % 7}:00:${(n + 16).toString(16)}`);
        const vnics = macs.map((mac) => core.vnic(overlay, mac));
        for (const mac of macs) assert.equal(send(mac, VTEP, BROADCAST).length, 0, mac);
        core.tables.setVnicMac(vnics[0]!, FAR);
        core.put(overlay, FAR, { kind: 'local', vnic: vnics[0]! }, true);
        core.fdb.remove(overlay, macs[0]!);
        assert.deepEqual([send(FAR, VTEP).length, send(macs[0]!, VTEP).length], [0, 1], 'it has another one now');
        core.tables.removeVnic(vnics[1]!);
        core.fdb.remove(overlay, macs[1]!);
        assert.equal(send(macs[1]!, VTEP).length, 1, 'a VNIC has gone');
        assert.deepEqual(core.counters.drops(), { source_local: 41 });
      }
    });

    it('fdb: a MAC comes from where the table has it, and one that the table has not from any known VTEP', () => {
      const { core, overlay, send, know } = setUp(build, { sourceCheck: 'fdb' });
      know(VTEP, OTHER);
      assert.equal(send(FAR, VTEP).length, 1, 'nothing is known of it');
      core.remote(overlay, FAR, { ip: OTHER, port: 8472 });
      assert.deepEqual([send(FAR, VTEP).length, send(FAR, OTHER).length, send(FAR, STRANGER).length], [0, 1, 0]);
      core.remote(overlay, FAR, { ip: STRANGER, port: PORT });
      assert.equal(send(FAR, STRANGER).length, 1, 'the table names it');
      core.put(overlay, FAR, { kind: 'drop', reason: 'no_such_mac' });
      assert.equal(send(FAR, VTEP).length, 0);
      assert.deepEqual(core.counters.drops(), { source_elsewhere: 2, source_unknown: 1 });
    });

    it('where a MAC was learned does not make its sender known', () => {
      const flood = { endpoints: [{ ip: VTEP, port: PORT }], unknown: true };
      for (const sourceCheck of ['vtep', 'fdb'] as const) {
        const { core, overlay, send, know } = setUp(build, { sourceCheck, flood, learn: true });
        know(VTEP);
        assert.ok(
          core.fdb.put(
            overlay,
            FAR,
            { kind: 'remote', endpoint: { ip: VTEP, port: PORT } },
            { isLearned: true },
            core.nowMs,
          ),
        );
        assert.equal(send(FAR, VTEP).length, 1, sourceCheck);
        core.fdb.removeVtep(overlay, VTEP);
        assert.equal(send(FAR, VTEP).length, 0, `${sourceCheck}: it is known no more`);
        assert.deepEqual(core.counters.drops(), { source_unknown: 1 });
      }
    });

    it('any order of knowing, forgetting and sending: what comes through is what a Set says', () => {
      const ip = fc.constantFrom(VTEP, OTHER, STRANGER, 'fd00::1', 'fd00::2', '10.0.0.10');
      const mac = fc.constantFrom(FAR, '02:00:00:00:00:0d', '02:00:00:00:00:0e');
      const command = fc.oneof(
        fc.record({ kind: fc.constant('know'), ip, mac }),
        fc.record({ kind: fc.constant('forget'), ip, mac }),
        fc.record({ kind: fc.constant('place'), ip, mac }),
        fc.record({ kind: fc.constant('send'), ip, mac }),
        fc.record({ kind: fc.constant('send'), ip, mac }),
      );
      const mode = fc.constantFrom('vtep', 'fdb', 'off' as const);
      const property = fc.property(mode, fc.array(command, { maxLength: 120 }), (sourceCheck, commands) => {
        const { core, overlay, send } = setUp(build, { sourceCheck: sourceCheck as 'vtep' });
        const known = new Set<string>();
        const places = new Map<string, string>();
        for (const step of commands) {
          if (step.kind === 'know') {
            known.add(step.ip);
            assert.ok(core.fdb.putVtep(overlay, step.ip, core.nowMs));
          } else if (step.kind === 'forget') {
            known.delete(step.ip);
            core.fdb.removeVtep(overlay, step.ip);
          } else if (step.kind === 'place') {
            places.set(step.mac, step.ip);
            core.remote(overlay, step.mac, { ip: step.ip, port: PORT });
          } else {
            const place = places.get(step.mac);
            const isThere = place === undefined ? known.has(step.ip) : place === step.ip;
            const isAdmitted = { off: true, vtep: known.has(step.ip) || place === step.ip, fdb: isThere }[sourceCheck];
            assert.equal(send(step.mac, step.ip).length, isAdmitted ? 1 : 0, `${step.mac} from ${step.ip}`);
          }
        }
        assert.equal(core.fdb.vteps, known.size);
        core.checkBooks();
      });
      fc.assert(property, { numRuns: build === 'debug' ? 40 : 150 });
    });
  });
}
