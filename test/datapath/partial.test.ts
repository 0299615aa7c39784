// Partial checksums: a frame whose checksum a kernel on this machine left to its receiver is taken for a right one, and
// a damaged one is not. Once finished they are the frames that the sender meant.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BUILDS } from '../support/core.js';
import { flows, payloadOf } from '../support/flows.js';
import { datagram } from '../support/frames.js';
import { buildFrame, CWR, concat, l4Of, readVnet, SYN, segmentOf, segmentsOf, TCP } from '../support/super-frames.js';
import { finished, forUs, framesOf, hex, isSuper, OTHER, setUp, tcp4, udp4, udp6, VNI } from './partial-frames.js';

for (const build of BUILDS) {
  describe(`partial checksums, ${build} build`, () => {
    test('a single frame of any shape is marked, without its padding', () => {
      const { core } = setUp(build);
      fc.assert(
        fc.property(flows(), fc.nat(700), fc.nat(9), (any, length, padding) => {
          fc.pre(any.routedAddresses === undefined);
          const flow = forUs(any);
          const payload = payloadOf(length, 1);
          const sent = concat(buildFrame(flow, payload, true), new Uint8Array(padding).fill(0xee));
          const [output, ...others] = core.decap([datagram(VNI, sent)]);
          assert.ok(output !== undefined && 'frame' in output && output.vnet !== undefined && others.length === 0);
          const offset = flow.protocol === TCP ? 16 : 6;
          const vnet = { flags: 1, gsoType: 0, hdrLen: 0, gsoSize: 0, csumStart: l4Of(flow), csumOffset: offset };
          assert.deepEqual(readVnet(output.vnet), vnet);
          assert.deepEqual(hex([finished(output.frame, output.vnet)]), hex([buildFrame(flow, payload)]));
        }),
      );
      core.checkBooks();
    });

    test('of all values of the field only the bare sum is taken for one', () => {
      for (const flow of [tcp4, udp4, udp6]) {
        const { core } = setUp(build, { coalesceTcp: false, coalesceUdp: false });
        const sent = datagram(VNI, buildFrame(flow, payloadOf(10, 1)));
        const at = 8 + l4Of(flow) + (flow.protocol === TCP ? 16 : 6);
        const marked: number[] = [];
        for (let first = 0; first < 0x1_0000; first += 0x1000) {
          const fields = Array.from({ length: 0x1000 }, (_, index) => first + index);
          const outputs = core.decap(
            fields.map((field) => {
              const damaged = Buffer.from(sent);
              damaged.writeUInt16BE(field, at);
              return damaged;
            }),
          );
          assert.equal(outputs.length, fields.length);
          for (const [index, output] of outputs.entries()) if ('vnet' in output) marked.push(first + index);
        }
        assert.deepEqual(
          marked,
          [buildFrame(flow, payloadOf(10, 1), true)].map((one) => Buffer.from(one).readUInt16BE(at - 8)),
        );
      }
    });

    test('a frame damaged anywhere is never marked, but for the odds of the checksum', () => {
      const { core } = setUp(build);
      const damage = fc.record({ offset: fc.nat(1400), mask: fc.integer({ min: 1, max: 255 }) });
      fc.assert(
        fc.property(flows(true), fc.nat(700), damage, (any, length, { offset, mask }) => {
          const flow = forUs(any);
          const sent = buildFrame(flow, payloadOf(length, 1));
          const from = l4Of(flow);
          sent[from + (offset % (sent.length - from))]! ^= mask;
          const field = Buffer.from(sent).readUInt16BE(from + (flow.protocol === TCP ? 16 : 6));
          const bare = Buffer.from(buildFrame(flow, payloadOf(length, 1), true));
          fc.pre(field !== bare.readUInt16BE(from + (flow.protocol === TCP ? 16 : 6)));
          assert.ok(core.decap([datagram(VNI, sent)]).every((output) => !('vnet' in output)));
        }),
      );
    });

    test('frames of one flow are joined whether their checksums are partial or not', () => {
      const { core } = setUp(build);
      const partials = fc.array(fc.boolean(), { minLength: 2, maxLength: 16 });
      let supers = 0;
      fc.assert(
        fc.property(flows(true), partials, fc.boolean(), (any, mix, isMessage) => {
          const flow = forUs({ ...any, flags: any.flags & ~CWR });
          const size = 500;
          const payload = payloadOf(mix.length * size - 3, 1);
          const frames = mix.map((partial, index) =>
            buildFrame(
              segmentOf(flow, index, mix.length, size),
              payload.subarray(index * size, (index + 1) * size),
              partial,
            ),
          );
          const datagrams = frames.map((one) => datagram(VNI, one));
          const outputs = isMessage
            ? core.decap([Buffer.concat(datagrams)], { joined: datagrams[0]!.length })
            : core.decap(datagrams);
          assert.deepEqual(framesOf(outputs), hex(segmentsOf(flow, payload, size)));
          assert.equal(outputs.length, 1);
          supers += outputs.filter(isSuper).length;
        }),
      );
      assert.ok(supers > 50);
      core.checkBooks();
    });

    test('a damaged frame among partial ones stays alone and as it is', () => {
      for (const isMessage of [false, true]) {
        const { core } = setUp(build);
        const frames = segmentsOf(tcp4, payloadOf(5000, 1), 1000).map((_, index) =>
          buildFrame(segmentOf(tcp4, index, 5, 1000), payloadOf(1000, index), index !== 2),
        );
        frames[2]![100]! ^= 0xff;
        const datagrams = frames.map((one) => datagram(VNI, one));
        const outputs = isMessage
          ? core.decap([Buffer.concat(datagrams)], { joined: datagrams[0]!.length })
          : core.decap(datagrams);
        assert.deepEqual(outputs.map(isSuper), [true, false, true]);
        assert.deepEqual(outputs[1], { vnic: 1, frame: Buffer.from(frames[2]!) });
        core.checkBooks();
      }
    });

    test('what may not be joined is marked by itself, and so is everything with coalescing off', () => {
      for (const [config, flow] of [
        [{}, { ...tcp4, flags: SYN }],
        [{ coalesceTcp: false }, tcp4],
      ] as const) {
        const { core } = setUp(build, config);
        const one = datagram(VNI, buildFrame(flow, payloadOf(20, 1), true));
        const outputs = core.decap([one, one]);
        assert.equal(outputs.length, 2);
        for (const output of outputs) assert.ok('vnet' in output && !isSuper(output));
      }
    });

    test('every VNIC that gets a broadcast is told', () => {
      const { core, overlay } = setUp(build);
      core.vnic(overlay, OTHER);
      const flow = { ...udp4, macs: Uint8Array.from([...Array(6).fill(0xff), 2, 0, 0, 0, 0, 9]) };
      const outputs = core.decap([datagram(VNI, buildFrame(flow, payloadOf(100, 1), true))]);
      assert.deepEqual(
        framesOf(outputs),
        [0, 1].flatMap(() => hex([buildFrame(flow, payloadOf(100, 1))])),
      );
      assert.equal(new Set(outputs.map((output) => 'vnic' in output && output.vnic)).size, 2);
      core.checkBooks();
    });

    test('a frame of a VNIC here is not taken for one', () => {
      const { core, overlay } = setUp(build);
      const sender = core.vnic(overlay, '02:00:00:00:00:09');
      const sent = buildFrame(tcp4, payloadOf(100, 1), true);
      assert.deepEqual(core.encap(sender, [sent]), [{ vnic: 1, frame: Buffer.from(sent) }]);
    });

    test('with accept_partial=off nothing is marked, and a super-frame is oversized', () => {
      const { core, vnic } = setUp(build, { acceptPartial: false });
      const one = buildFrame(tcp4, payloadOf(100, 1), true);
      const whole = datagram(VNI, buildFrame(udp4, payloadOf(60_000, 1), true));
      assert.deepEqual(core.decap([datagram(VNI, one)]), [{ vnic, frame: Buffer.from(one) }]);
      core.decap([datagram(VNI, buildFrame(tcp4, payloadOf(60_000, 1), true))]);
      assert.deepEqual(core.counters.drops(), { oversized: 1 });
      assert.ok(core.decap([whole], { joined: 1400 }).every((output) => !('vnet' in output)));
      core.checkBooks();
    });
  });
}
