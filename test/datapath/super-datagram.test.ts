// Super-frames that come whole in one datagram, from a kernel on this machine: cut again they are the frames that the
// sender meant, and every counter counts those.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BUILDS, Core } from '../support/core.js';
import { flows, payloadOf } from '../support/flows.js';
import { datagram } from '../support/frames.js';
import { buildFrame, headerLengthOf, l4Of, segmentsOf, UDP } from '../support/super-frames.js';
import { forUs, framesOf, hex, IP_LENGTH_MAX, MAC, MTU, OTHER, setUp, sizeOf, tcp4, VNI } from './partial-frames.js';

for (const build of BUILDS) {
  describe(`super-frames in one datagram, ${build} build`, () => {
    test('are delivered as what they are, and counted as the frames they stand for', () => {
      fc.assert(
        fc.property(flows(true), fc.double({ min: 0, max: 1, noNaN: true }), (any, share) => {
          const flow = forUs(any);
          const { core, overlay } = setUp(build);
          const size = sizeOf(flow);
          const most = IP_LENGTH_MAX - headerLengthOf(flow);
          const payload = payloadOf(Math.floor(size + 1 + share * (most - size - 1)), 1);
          const outputs = core.decap([datagram(VNI, buildFrame(flow, payload, true))]);
          const frames = segmentsOf(flow, payload, size);
          assert.equal(outputs.length, 1);
          assert.deepEqual(framesOf(outputs), hex(frames));
          const bytes = frames.reduce((sum, { length }) => sum + length, 0);
          const { decapIn, decapInBytes, delivered, deliveredBytes } = core.counters.totals();
          assert.deepEqual(
            { decapIn, decapInBytes, delivered, deliveredBytes },
            {
              decapIn: frames.length,
              decapInBytes: bytes + 8 * frames.length,
              delivered: frames.length,
              deliveredBytes: bytes,
            },
          );
          assert.deepEqual(core.counters.overlay(overlay).decap, { frames: frames.length, bytes });
          core.checkBooks();
        }),
        { numRuns: build === 'debug' ? 30 : 100 },
      );
    });

    test('of UDP come with the size of their segments, which are kept to the byte', () => {
      const sizes = fc.record({ size: fc.integer({ min: 1, max: 2000 }), count: fc.integer({ min: 2, max: 40 }) });
      fc.assert(
        fc.property(flows(true), sizes, fc.nat(999), (any, { size, count }, short) => {
          const flow = forUs({ ...any, protocol: UDP });
          const most = Math.min(count, Math.floor((IP_LENGTH_MAX - headerLengthOf(flow)) / size));
          const payload = payloadOf(most * size - (short % size), 1);
          // Sizes that do not cut the datagram as UDP_GRO says are no message's.
          const whole = datagram(VNI, buildFrame(flow, payload, true));
          const { core } = setUp(build);
          const outputs = core.decap([whole], { joined: size });
          const frames = segmentsOf(flow, payload, size);
          assert.equal(outputs.length, 1);
          assert.deepEqual(framesOf(outputs), hex(frames));
          assert.equal(core.counters.totals().decapIn, frames.length);
          core.checkBooks();
        }),
        { numRuns: build === 'debug' ? 50 : 200 },
      );
    });

    test('are cut for VNICs that take none of their kind, however many come at once', () => {
      fc.assert(
        fc.property(
          fc.array(flows(true), { minLength: 1, maxLength: 6 }),
          fc.integer({ min: 3000, max: 60_000 }),
          (any, length) => {
            const { core, overlay } = setUp(build, { coalesceTcp: false, coalesceUdp: false });
            core.vnic(overlay, OTHER);
            const all = any.map((flow) => ({ flow: forUs(flow), payload: payloadOf(length, 1) }));
            const outputs = core.decap(all.map(({ flow, payload }) => datagram(VNI, buildFrame(flow, payload, true))));
            assert.ok(outputs.every((output) => !('vnet' in output)));
            const expected = all.flatMap(({ flow, payload }) => segmentsOf(flow, payload, sizeOf(flow)));
            assert.deepEqual(framesOf(outputs), hex(expected));
            const { delivered, deliveredBytes } = core.counters.totals();
            assert.equal(delivered, expected.length);
            assert.equal(
              deliveredBytes,
              expected.reduce((sum, frame) => sum + frame.length, 0),
            );
            core.checkBooks();
          },
        ),
        { numRuns: build === 'debug' ? 20 : 60 },
      );
    });

    test('with a tag lose it where tags are stripped', () => {
      const { core } = setUp(build, { vlan: 'strip' });
      const payload = payloadOf(20_000, 1);
      const outputs = core.decap([datagram(VNI, buildFrame({ ...tcp4, tags: [0x8100_0007] }, payload, true))]);
      assert.deepEqual(framesOf(outputs), hex(segmentsOf(tcp4, payload, sizeOf(tcp4))));
    });

    test('are oversized when a bit is damaged that their checksum would not show', () => {
      const whole = Buffer.from(datagram(VNI, buildFrame(tcp4, payloadOf(20_000, 1), true)));
      for (const offset of [8 + 14 + 10, 8 + l4Of(tcp4) + 16, 8 + 14 + 3]) {
        const { core } = setUp(build);
        const damaged = Buffer.from(whole);
        damaged[offset]! ^= 0x10;
        assert.deepEqual(core.decap([damaged]), []);
        assert.deepEqual(core.counters.drops(), { oversized: 1 });
        core.checkBooks();
      }
    });

    test('for nobody here drop as the frames they stand for', () => {
      const { core } = setUp(build);
      const macs = Uint8Array.from([2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 9]);
      const payload = payloadOf(20_000, 1);
      core.decap([datagram(VNI, buildFrame({ ...tcp4, macs }, payload, true))]);
      assert.deepEqual(core.counters.drops(), { no_local_port: Math.ceil(payload.length / sizeOf(tcp4)) });
      core.checkBooks();
    });

    test('wait for an answer with what is said of them', () => {
      const core = new Core(build);
      const overlay = core.overlay({ mtu: MTU, acceptPartial: true, coalesceTcp: true });
      const trunk = core.vnic(overlay, OTHER, true);
      const payload = payloadOf(20_000, 1);
      const lone = buildFrame({ ...tcp4, ports: [1, 2] }, payloadOf(50, 1), true);
      assert.deepEqual(core.decap([datagram(VNI, buildFrame(tcp4, payload, true)), datagram(VNI, lone)]), []);
      core.checkBooks();
      core.put(overlay, MAC, { kind: 'local', vnic: trunk });
      const expected = [
        ...segmentsOf(tcp4, payload, sizeOf(tcp4)),
        buildFrame({ ...tcp4, ports: [1, 2] }, payloadOf(50, 1)),
      ];
      assert.deepEqual(framesOf(core.turn()), hex(expected));
      core.checkBooks();
    });
  });
}
