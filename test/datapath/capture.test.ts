// What is mirrored for captures: each frame once at each point that it passes, with what became of it; and nothing that
// nobody asked for.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CAPTURES_MAX } from '../../assembly/layout.js';
import type { CapturedFrame } from '../../src/datapath/capture-types.js';
import { BUILDS } from '../support/core.js';
import { arp, BROADCAST, datagram, frame } from '../support/frames.js';
import { buildFrame, vnetOf } from '../support/super-frames.js';
import { A, ALL, B, FAR, NOBODY, PEER, short, Testbed } from './capture-testbed.js';
import { every, nth, SIZE } from './gro-list-frames.js';

for (const build of BUILDS) {
  describe(`capture, ${build} build`, () => {
    test('a frame from a VNIC to the underlay is seen coming and leaving', async () => {
      const testbed = new Testbed(build);
      const { core, overlay, a } = testbed;
      const sent = frame(FAR, A);
      const seen = await testbed.seen({}, () => void core.encap(a, [sent]));
      assert.deepEqual(seen.map(short), [
        ['from_vnic', a, null, 'listed', 1, PEER],
        ['to_underlay', a, null, 'none', 0, null],
      ]);
      for (const each of seen) assert.deepEqual([each.copy, each.length, each.overlay], [sent, sent.length, overlay]);
      const { peer, listen, sourcePort, socket, vxlanHeader, ttl } = seen[1]!.underlay;
      assert.deepEqual(peer, { ip: PEER, port: 4789 });
      assert.deepEqual([listen, sourcePort, socket, ttl], [{ ip: '192.0.2.1', port: 4789 }, 50_001, 1, 64]);
      assert.deepEqual(Buffer.from(vxlanHeader), datagram(23, Buffer.alloc(0)));
      assert.equal(seen[1]!.timeNs, 1_000_000_000_000n);
    });

    test('a datagram from the underlay is seen coming, with its sender, and at the VNIC', async () => {
      const testbed = new Testbed(build);
      const inner = frame(A, FAR);
      const seen = await testbed.seen({}, () => void testbed.core.decap([datagram(23, inner)], { from: PEER, tos: 3 }));
      assert.deepEqual(seen.map(short), [
        ['from_underlay', 0, null, 'listed', 1, testbed.a],
        ['to_vnic', testbed.a, null, 'none', 0, null],
      ]);
      assert.deepEqual(seen[0]!.underlay.peer, { ip: PEER, port: 50_000 });
      assert.deepEqual([seen[0]!.underlay.tos, seen[0]!.underlay.sourcePort], [3, null]);
      for (const each of seen) assert.deepEqual(each.copy, inner);
    });

    test('what is dropped at once says so where it came; what waited is seen again', async () => {
      const testbed = new Testbed(build);
      const { core, a, b } = testbed;
      core.put(testbed.overlay, NOBODY, { kind: 'drop', reason: 'no_such_mac' });
      const seen = await testbed.seen({}, () => {
        core.encap(a, [frame(FAR, B), frame(NOBODY, A), frame(A, A)]);
        core.decap([datagram(24, frame(A, FAR)), datagram(23, frame(A, FAR), { reserved: 1 }), Buffer.alloc(8)]);
        core.encap(b, [frame('02:00:00:00:09:09', B)]);
        core.nowMs += 4000;
        core.turn();
      });
      assert.deepEqual(seen.map(short), [
        ['from_vnic', a, 'spoofed_source', 'none', 0, null],
        ['from_vnic', a, 'no_such_mac', 'none', 0, null],
        ['from_vnic', a, 'hairpin', 'none', 0, null],
        ['from_underlay', 0, 'unknown_vni', 'none', 0, null],
        ['from_underlay', 0, 'reserved_bits', 'none', 0, null],
        ['from_underlay', 0, 'truncated', 'none', 0, null],
        ['from_vnic', b, null, 'held', 0, null],
        ['dropped', b, 'lookup_timeout', 'none', 0, null],
      ]);
      assert.equal(seen[3]!.overlay, 0, 'it is of no overlay');
      assert.deepEqual(Buffer.from(seen[4]!.underlay.vxlanHeader), Buffer.from([8, 0, 0, 0, 0, 0, 23, 1]));
    });

    test('what the kernel refuses is dropped where it was to leave', async () => {
      const testbed = new Testbed(build);
      testbed.core.answerSend = () => 101;
      const seen = await testbed.seen({ reasons: ['underlay_unreachable'] }, () => {
        testbed.core.encap(testbed.a, [frame(FAR, A), frame(B, A)]);
      });
      assert.deepEqual(seen.map(short), [['to_underlay', testbed.a, 'underlay_unreachable', 'none', 0, null]]);
    });

    test('a broadcast for a proxy: its copies are seen, and the drop of the host', async () => {
      const testbed = new Testbed(build);
      const asked = frame(BROADCAST, A, { etherType: 0x0806, payload: arp(1, A, '10.1.0.1', '10.1.0.9') });
      const seen = await testbed.seen({ ip: '10.1.0.9' }, () => {
        testbed.core.encap(testbed.a, [asked, frame(FAR, A)]);
        const [record] = testbed.core.upcalls();
        assert.ok(record?.kind === 'arp');
        testbed.captures.dropped(testbed.overlay, record.vnic, record.frame, 'arp_unknown', 5n);
      });
      assert.deepEqual(seen.map(short).toSorted(), [
        ['dropped', testbed.a, 'arp_unknown', 'none', 0, null],
        ['from_vnic', testbed.a, null, 'listed', 1, testbed.b],
        ['to_vnic', testbed.b, null, 'none', 0, null],
      ]);
    });

    test('a super-frame is one, with its real length; the snap length cuts it', async () => {
      const testbed = new Testbed(build);
      const [, flow] = every[0]!;
      const macs = Buffer.from(`${FAR}:${A}`.replaceAll(':', ''), 'hex');
      const large = buildFrame({ ...flow, macs }, Buffer.alloc(40_000, 7), true);
      const seen = await testbed.seen({ snapLength: 100 }, () => {
        testbed.core.encap(testbed.a, [large], [vnetOf({ ...flow, macs }, 1400)]);
      });
      assert.deepEqual(
        seen.map(({ point, length, frames, copy }) => [point, length, frames, copy.length]),
        [
          ['from_vnic', large.length, 29, 100],
          ['to_underlay', large.length, 29, 100],
        ],
      );
    });

    test('frames that are joined for a VNIC are the super-frame that its TAP was given', async () => {
      const testbed = new Testbed(build);
      const [, flow] = every[0]!;
      const macs = Buffer.from(`${A}:${FAR}`.replaceAll(':', ''), 'hex');
      const frames = [0, 1, 2].map((index) => nth({ ...flow, macs }, index));
      const datagrams = frames.map((each) => datagram(23, each));
      let written: Buffer | undefined;
      const seen = await testbed.seen({}, () => {
        const [output] = testbed.core.decap(datagrams);
        written = output !== undefined && 'vnic' in output ? output.frame : undefined;
      });
      const delivered = seen.filter(({ point }) => point === 'to_vnic');
      assert.equal(delivered.length, 1);
      assert.deepEqual([delivered[0]!.copy, delivered[0]!.frames], [written, 3]);
      assert.equal(written!.length, frames[0]!.length + 2 * SIZE);
    });

    test('a VNIC or an overlay that is gone is not taken for the one that has its number', async () => {
      const testbed = new Testbed(build);
      const { core, captures, b } = testbed;
      const frames: CapturedFrame[] = [];
      const capture = captures.open({ ...ALL, vnic: b }, (one) => void frames.push(one));
      core.encap(b, [frame(FAR, B)]);
      core.tables.removeVnic(b);
      core.tables.releaseVnic(b);
      for (let vnic = 0; vnic !== b; ) {
        vnic = core.vnic(testbed.overlay, NOBODY);
        if (vnic === b) core.encap(b, [frame(FAR, NOBODY)]);
        else core.tables.removeVnic(vnic);
        core.tables.releaseVnic(vnic);
      }
      await capture.close();
      assert.deepEqual(
        frames.map(({ point, vnic }) => [point, vnic]),
        [
          ['from_vnic', null],
          ['to_underlay', null],
        ],
      );
    });

    test('a worker that is restarted goes on mirroring', async () => {
      const { core, captures, a } = new Testbed(build);
      const points: string[] = [];
      const capture = captures.open(ALL, ({ point, reason }) => void points.push(`${point} ${reason}`));
      core.place([frame(FAR, A)]);
      core.module.encapBatch(a, 0); // listed, and never sent
      core.module.startWorker(0);
      core.encap(a, [frame(FAR, A)]);
      await capture.close();
      assert.deepEqual(points, ['from_vnic null', 'from_vnic null', 'to_underlay null']);
    });

    test(`${CAPTURES_MAX} at a time, and a place that is left is free; off, nothing is mirrored`, async () => {
      const { core, captures, a } = new Testbed(build);
      const open = Array.from({ length: CAPTURES_MAX }, () => captures.open(ALL, () => {}));
      assert.throws(() => captures.open(ALL, () => {}), { code: 'too_many_captures', message: /^8 captures run/ });
      await Promise.all(open.map((capture) => capture.close()));
      assert.equal(captures.count, 0);
      core.encap(a, [frame(FAR, A)]);
      let count = 0;
      const capture = captures.open(ALL, () => void count++);
      await capture.close();
      assert.equal(count, 0, 'what came before is not seen');
    });
  });
}
