// What outer headers say: congestion marks on their way out and in (RFC 6040), DSCP, TTL, fragments.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipBytes } from '../../src/address.js';
import { DEFAULT_OUTER, type OuterHeader } from '../../src/outer-header.js';
import { BUILDS, Core, type Output } from '../support/core.js';
import { payloadOf } from '../support/flows.js';
import { datagram, frame } from '../support/frames.js';
import { ACK, buildFrame, concat, type Flow, segmentsOf, TCP, vnetOf } from '../support/super-frames.js';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const PEER = { ip: '192.0.2.2', port: 4789 };
const [NOT_ECT, ECT_1, ECT_0, CE] = [0, 1, 2, 3];
const ALL = [NOT_ECT, ECT_1, ECT_0, CE];
const NAMES = ['Not-ECT', 'ECT(1)', 'ECT(0)', 'CE'];
const bytes = (mac: string): number[] => mac.split(':').map((byte) => Number.parseInt(byte, 16));

/** A TCP stream. */
function stream(version: 4 | 6, to: string, from: string, tos: number, changes: Partial<Flow> = {}): Flow {
  const ips = version === 4 ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2'];
  return {
    ...{ version, protocol: TCP, macs: Uint8Array.from([...bytes(to), ...bytes(from)]), tags: [] },
    ...{ addresses: concat(...ips.map(ipBytes)), ports: [1, 2] as const, ttl: 61, tos, flowLabel: 0x12345, df: true },
    ...{ id: 7, ipOptions: new Uint8Array(), seq: 100, ack: 1, window: 9, flags: ACK, tcpOptions: new Uint8Array() },
    ...changes,
  };
}

/** RFC 6040 section 4.2, by [inner][outer]; null: dropped. */
const DECAPSULATED: readonly (readonly (number | null)[])[] = [
  [NOT_ECT, NOT_ECT, NOT_ECT, null],
  [ECT_1, ECT_1, ECT_1, CE],
  [ECT_0, ECT_1, ECT_0, CE],
  [CE, CE, CE, CE],
];

for (const build of BUILDS) {
  const setUp = (outer: Partial<OuterHeader> = {}) => {
    const core = new Core(build);
    const config = { outer: { ...DEFAULT_OUTER, ...outer }, coalesceTcp: true, segment: true };
    const overlay = core.overlay(config);
    const vnic = core.vnic(overlay, A);
    core.remote(overlay, B, PEER);
    return { core, overlay, vnic };
  };
  const marks = (outputs: readonly Output[]) => outputs.map((one) => ('to' in one ? [one.tos ?? 0, one.ttl] : 'vnic'));

  describe(`congestion marks that arrive, ${build} build`, () => {
    for (const version of [4, 6] as const) {
      for (const tags of [[], [0x8100_0005], [0x88a8_0005, 0x8100_0006]]) {
        for (const inner of ALL) {
          for (const outer of ALL) {
            it(`IPv${version}, ${tags.length} tags: ${NAMES[inner]} inside, ${NAMES[outer]} outside`, () => {
              const { core, vnic } = setUp();
              const payload = payloadOf(40, 1);
              const tos = 0xb8 | inner;
              const sent = buildFrame(stream(version, A, B, tos, { tags }), payload);
              const outputs = core.decap([datagram(23, sent)], { tos: 0x28 | outer, isIpv6: version === 6 });
              const right = DECAPSULATED[inner]![outer]!;
              if (right === null) {
                assert.deepEqual(outputs, []);
                assert.deepEqual(core.counters.drops(), { ce_not_ect: 1 });
              } else {
                const expected = buildFrame(stream(version, A, B, 0xb8 | right, { tags }), payload);
                assert.deepEqual(outputs, [{ vnic, frame: Buffer.from(expected) }]);
              }
              core.checkBooks();
            });
          }
        }
      }
    }

    it('reach every segment of a super-frame, and make two of frames with different ones', () => {
      const { core } = setUp();
      const segments = segmentsOf(stream(4, A, B, ECT_0), payloadOf(4000, 1), 1000);
      const message = Buffer.concat(segments.map((segment) => datagram(23, segment)));
      const [whole, ...none] = core.decap([message], { tos: CE, joined: segments[0]!.length + 8 });
      assert.deepEqual(none, []);
      assert.ok(whole !== undefined && 'frame' in whole);
      assert.equal(whole.frame[15], CE);
      assert.equal(whole.frame.length, 14 + 40 + 4000);
      // one list, two messages: the mark of the second is another
      const later = segmentsOf(stream(4, A, B, ECT_0), payloadOf(2000, 1), 1000);
      const frames = [later[0]!, buildFrame(stream(4, A, B, CE, { seq: 1100, id: 8 }), payloadOf(2000, 1).slice(1000))];
      const outputs = core.decap(frames.map((each) => datagram(23, each)));
      assert.deepEqual(
        outputs.map((one) => 'frame' in one && one.frame[15]),
        [ECT_0, CE],
      );
      core.checkBooks();
    });

    it('concern no frame that is not IP', () => {
      const { core, vnic } = setUp();
      const sent = frame(A, B);
      assert.deepEqual(core.decap([datagram(23, sent)], { tos: CE }), [{ vnic, frame: sent }]);
    });

    it('are not looked at with ecn=off, and are with ecn=compatible', () => {
      const sent = Buffer.from(buildFrame(stream(4, A, B, NOT_ECT), payloadOf(40, 1)));
      const off = setUp({ ecn: 'off' });
      assert.deepEqual(off.core.decap([datagram(23, sent)], { tos: CE }), [{ vnic: off.vnic, frame: sent }]);
      assert.deepEqual(setUp({ ecn: 'compatible' }).core.decap([datagram(23, sent)], { tos: CE }), []);
    });

    it('are of one message: those of the next are its own', () => {
      const { core } = setUp();
      const sent = buildFrame(stream(4, A, B, ECT_0), payloadOf(40, 1));
      for (const [tos, right] of [
        [CE, CE],
        [ECT_0, ECT_0],
        [undefined, ECT_0],
      ] as const) {
        const [output] = core.decap([datagram(23, sent)], tos === undefined ? {} : { tos });
        assert.equal(output && 'frame' in output && output.frame[15], right);
      }
    });
  });

  describe(`fragments that arrive, ${build} build`, () => {
    const sent = frame(A, B);
    for (const isIpv6 of [false, true]) {
      it(`are taken, or dropped as configured, and counted, over IPv${isIpv6 ? 6 : 4}`, () => {
        const how = { tos: 0, fragment: 1480, isIpv6 };
        const taking = setUp();
        assert.equal(taking.core.decap([datagram(23, sent), datagram(23, sent)], how).length, 2);
        assert.equal(taking.core.decap([datagram(23, sent)], { tos: CE, isIpv6 }).length, 1);
        assert.equal(taking.core.counters.overlay(taking.overlay).fragments, 2);
        const { core, overlay } = setUp({ fragments: 'drop' });
        assert.deepEqual(core.decap([datagram(23, sent)], how), []);
        assert.deepEqual(core.counters.drops(), { outer_fragment: 1 });
        assert.equal(core.counters.overlay(overlay).fragments, 0);
        assert.equal(core.decap([datagram(23, sent)], { tos: 0, isIpv6 }).length, 1);
        core.checkBooks();
      });
    }
  });

  describe(`what outer headers say that leave, ${build} build`, () => {
    const small = (version: 4 | 6, tos: number, changes: Partial<Flow> = {}) =>
      buildFrame(stream(version, B, A, tos, changes), payloadOf(10, 2));

    for (const version of [4, 6] as const) {
      it(`ECN is copied out of IPv${version}, DSCP is not`, () => {
        const { core, vnic } = setUp();
        const frames = ALL.map((ecn) => small(version, 0xb8 | ecn));
        assert.deepEqual(
          marks(core.encap(vnic, frames)),
          ALL.map((ecn) => [ecn, undefined]),
        );
      });
    }

    it('nothing is copied with ecn=compatible or off', () => {
      for (const ecn of ['compatible', 'off'] as const) {
        const { core, vnic } = setUp({ ecn });
        assert.deepEqual(marks(core.encap(vnic, [small(4, ECT_0), small(6, CE)])), [
          [0, undefined],
          [0, undefined],
        ]);
      }
    });

    it('DSCP and TTL are the configured ones', () => {
      const { core, vnic } = setUp({ dscp: 46, ttl: 17 });
      assert.deepEqual(marks(core.encap(vnic, [small(4, ECT_0), frame(B, A)])), [
        [0xba, 17],
        [0xb8, 17],
      ]);
    });

    it('DSCP and TTL are those of the packet inside; what is not IP has none', () => {
      const { core, vnic } = setUp({ dscp: 'inherit', ttl: 'inherit' });
      const tagged = small(6, 0x29, { tags: [0x8100_0007], ttl: 3 });
      const outputs = core.encap(vnic, [small(4, 0xba), tagged, frame(B, A)]);
      assert.deepEqual(marks(outputs), [
        [0xba, 61],
        [0x29, 3],
        [0, undefined],
      ]);
    });

    it('of a super-frame, every segment', () => {
      const { core, vnic } = setUp();
      const out = stream(4, B, A, ECT_0);
      const outputs = core.encap(vnic, [buildFrame(out, payloadOf(4000, 1), true)], [vnetOf(out, 1400)]);
      assert.deepEqual(marks(outputs), [
        [ECT_0, undefined],
        [ECT_0, undefined],
        [ECT_0, undefined],
      ]);
    });

    it('different ones never share a send, and frames of one flow stay in order', () => {
      const { core, vnic } = setUp();
      const sends: number[] = [];
      core.answerSend = (datagrams) => {
        sends.push(datagrams);
        return 0;
      };
      const order = [ECT_0, ECT_0, CE, ECT_0, ECT_0, NOT_ECT];
      const frames = order.map((ecn, index) => small(4, ecn, { id: index }));
      assert.deepEqual(
        marks(core.encap(vnic, frames)),
        order.map((ecn) => [ecn, undefined]),
      );
      assert.deepEqual(sends, [2, 1, 2, 1]);
      core.checkBooks();
    });

    it('the hop count of a multicast group is its own', () => {
      const core = new Core(build);
      const overlay = core.overlay({ outer: { ...DEFAULT_OUTER, ttl: 17, dscp: 8 } });
      const vnic = core.vnic(overlay, A);
      core.remote(overlay, B, { ip: '239.1.1.1', port: 4789 });
      assert.deepEqual(marks(core.encap(vnic, [small(4, 0)])), [[0x20, undefined]]);
    });
  });
}
