// Super-frames and messages through the whole datapath: what leaves is what the slow twins say, nothing is lost or
// doubled, and the books count frames as they are on the wire.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BUILDS, Core, type Output, OVERLAY } from '../support/core.js';
import { cuts, flows, payloadOf } from '../support/flows.js';
import { datagram, frame } from '../support/frames.js';
import { splitSuperFrame } from '../support/split.js';
import { buildFrame, type Flow, headerLengthOf, segmentsOf, vnetOf } from '../support/super-frames.js';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const FAR = '02:00:00:00:00:0c';
const ENDPOINT = { ip: '10.0.0.2', port: 4789 };
const TO = '10.0.0.2:4789';
const FRAME_BYTES_MAX = 9000;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const macs = (to: string, from: string): Uint8Array => Buffer.from((to + from).replaceAll(':', ''), 'hex');

/** Random flows from one MAC to another, without a proxy's business in them. */
const flowsOf = (to: string, from: string, plain = false): fc.Arbitrary<Flow> =>
  flows(plain)
    .filter(({ ports }) => !ports.some((port) => port === 67 || port === 68))
    .map((flow) => ({ ...flow, macs: macs(to, from), flowLabel: flow.version === 6 ? flow.flowLabel : 0 }));

const fits = (flow: Flow, { length, size }: { length: number; size: number }): boolean =>
  headerLengthOf(flow) + size <= FRAME_BYTES_MAX && headerLengthOf(flow) + length <= 65_535 && length > 0;

function setUp(build: (typeof BUILDS)[number], config: Parameters<Core['overlay']>[0]) {
  const core = new Core(build);
  const overlay = core.overlay(config);
  const vnics = [core.vnic(overlay, A), core.vnic(overlay, B)] as const;
  core.remote(overlay, FAR, ENDPOINT);
  return { core, overlay, vnics };
}

const sentTo = (outputs: readonly Output[], to = TO): string[] =>
  outputs.flatMap((output) => ('to' in output && output.to === to ? [hex(output.datagram)] : []));
const wire = (frames: readonly Uint8Array[]): string[] => frames.map((one) => hex(datagram(OVERLAY.vni, one)));

for (const build of BUILDS) {
  const runs = { numRuns: build === 'debug' ? 30 : 150 };
  describe(`offloads in the ${build} build`, () => {
    for (const segment of [true, false]) {
      it(`a super-frame leaves as the datagrams it stands for, segment: ${segment}`, () => {
        const { core, vnics } = setUp(build, { segment });
        const property = fc.property(flowsOf(FAR, A), cuts, fc.nat(), (flow, cut, seed) => {
          fc.pre(fits(flow, cut));
          const payload = payloadOf(cut.length, seed);
          const before = core.counters.totals().encapOut!;
          const outputs = core.encap(vnics[0], [buildFrame(flow, payload, true)], [vnetOf(flow, cut.size)]);
          const expected = wire(segmentsOf(flow, payload, cut.size));
          assert.deepEqual(sentTo(outputs), expected);
          assert.equal(core.counters.totals().encapOut! - before, expected.length);
          core.checkBooks();
        });
        fc.assert(property, runs);
      });
    }

    it('a super-frame waits for its destination whole, and then leaves', () => {
      const { core, overlay, vnics } = setUp(build, { segment: true });
      let last = 0;
      const property = fc.property(flowsOf(FAR, A), cuts, (any, cut) => {
        const mac = `02:00:00:01:00:${(++last & 0xff).toString(16).padStart(2, '0')}`;
        const flow = { ...any, macs: macs(mac, A) };
        fc.pre(fits(flow, cut));
        core.fdb.remove(overlay, mac);
        core.nowMs += 1000;
        const payload = payloadOf(cut.length, last);
        assert.deepEqual(core.encap(vnics[0], [buildFrame(flow, payload, true)], [vnetOf(flow, cut.size)]), []);
        assert.deepEqual(
          core.upcalls().map(({ kind }) => kind),
          ['miss'],
        );
        core.checkBooks();
        core.remote(overlay, mac, ENDPOINT);
        assert.deepEqual(sentTo(core.turn()), wire(segmentsOf(flow, payload, cut.size)));
        core.checkBooks();
      });
      fc.assert(property, { numRuns: 40 });
    });

    it('a super-frame for a VNIC here passes whole', () => {
      const { core, vnics } = setUp(build, { segment: true, coalesceTcp: true, coalesceUdp: true });
      const property = fc.property(flowsOf(B, A), cuts, (flow, cut) => {
        fc.pre(fits(flow, cut));
        const payload = payloadOf(cut.length, cut.size);
        const sent = buildFrame(flow, payload, true);
        const vnet = vnetOf(flow, cut.size);
        const [output, ...more] = core.encap(vnics[0], [sent], [vnet]);
        assert.ok(output !== undefined && 'vnic' in output && more.length === 0);
        assert.equal(output.vnic, vnics[1]);
        assert.equal(hex(output.frame), hex(sent));
        assert.equal(hex(output.vnet ?? Buffer.alloc(0)), hex(vnet));
        core.checkBooks();
      });
      fc.assert(property, runs);
    });

    it('a checksum left to the device is made before a frame leaves, and left to a VNIC here', () => {
      const { core, vnics } = setUp(build, { segment: true });
      for (const to of [FAR, B]) {
        const property = fc.property(flowsOf(to, A), fc.nat({ max: 1400 }), (flow, length) => {
          const payload = payloadOf(length, length);
          const vnet = vnetOf(flow, 0, { gsoType: 0 });
          const sent = buildFrame(flow, payload, true);
          const outputs = core.encap(vnics[0], [sent], [vnet]);
          const whole = buildFrame(flow, payload);
          if (to === FAR) assert.deepEqual(sentTo(outputs), wire([whole]));
          else assert.deepEqual(outputs, [{ vnic: vnics[1], frame: Buffer.from(sent), vnet: Buffer.from(vnet) }]);
        });
        fc.assert(property, runs);
        core.checkBooks();
      }
    });

    it('a header that lies is dropped as bad_offload', () => {
      const { core, vnics } = setUp(build, { segment: true });
      const [flow] = fc.sample(flowsOf(FAR, A, true), { numRuns: 1, seed: 1 }) as [Flow];
      const sent = buildFrame(flow, payloadOf(3000, 1), true);
      const lies = [
        { gsoType: 7 },
        { gsoSize: 0 },
        { gsoSize: 1 },
        { csumStart: 60_000 },
        { csumStart: 13 },
        { flags: 0 },
      ];
      for (const lie of lies) assert.deepEqual(core.encap(vnics[0], [sent], [vnetOf(flow, 1000, lie)]), []);
      assert.deepEqual(core.counters.drops(), { bad_offload: lies.length });
      core.checkBooks();
    });

    it('frames that share messages leave as they would alone, in order for each endpoint', () => {
      const apart = setUp(build, { segment: false });
      const joined = setUp(build, { segment: true });
      const others = [1, 2, 3].map((n) => ({ mac: `02:00:00:00:01:0${n}`, endpoint: { ip: `10.0.1.${n}`, port: 9 } }));
      const known = [{ mac: FAR, endpoint: ENDPOINT }, ...others];
      for (const { core, overlay } of [apart, joined]) {
        for (const { mac, endpoint } of others) core.remote(overlay, mac, endpoint);
      }
      const length = fc.oneof(fc.constantFrom(46, 900, 1400), fc.integer({ min: 46, max: 1500 }), fc.constant(8900));
      const one = fc.record({ to: fc.nat({ max: 3 }), length, times: fc.constantFrom(1, 2, 10, 70) });
      const property = fc.property(fc.array(one, { minLength: 1, maxLength: 12 }), (list) => {
        let seed = 0;
        const frames = list.flatMap(({ to, length: bytes, times }) =>
          Array.from({ length: times }, () => frame(known[to]!.mac, A, { payload: payloadOf(bytes, ++seed) })),
        );
        const [alone, shared] = [apart, joined].map(({ core, vnics }) => core.encap(vnics[0], frames)) as [
          Output[],
          Output[],
        ];
        for (const { endpoint } of known) {
          const to = `${endpoint.ip}:${endpoint.port}`;
          assert.deepEqual(sentTo(shared, to), sentTo(alone, to));
        }
        assert.equal(shared.length, frames.length);
        joined.core.checkBooks();
      });
      fc.assert(property, { numRuns: build === 'debug' ? 20 : 60 });
    });

    it('equal frames share sends of at most 64 datagrams and 65507 bytes', () => {
      for (const [bytes, count, sends] of [
        [100, 64, 1],
        [1436, 45, 1],
        [1442, 46, 2],
        [8900, 8, 2],
      ] as const) {
        const { core, vnics } = setUp(build, { segment: true });
        const counts: number[] = [];
        core.answerSend = (datagrams) => {
          counts.push(datagrams);
          return 0;
        };
        core.encap(
          vnics[0],
          Array.from({ length: count }, () => frame(FAR, A, { payload: payloadOf(bytes - 14, 1) })),
        );
        assert.equal(counts.length, sends, `${count} frames of ${bytes} bytes: ${counts}`);
      }
    });

    for (const errno of [constants.errno.EIO, constants.errno.EINVAL]) {
      it(`after errno ${errno} every datagram leaves by itself, none lost, none doubled`, () => {
        const property = fc.property(flowsOf(FAR, A), cuts, fc.nat({ max: 40 }), (flow, cut, more) => {
          fc.pre(fits(flow, cut));
          const { core, vnics } = setUp(build, { segment: true });
          let taken = cut.size % 3; // so many sends of several datagrams succeed before
          core.answerSend = (datagrams) => (datagrams === 1 || taken-- > 0 ? 0 : errno);
          const payload = payloadOf(cut.length, 5);
          const small = Array.from({ length: more }, (_, n) => frame(FAR, A, { payload: payloadOf(100, n) }));
          const outputs = core.encap(
            vnics[0],
            [...small, buildFrame(flow, payload, true), ...small],
            [...small.map(() => Buffer.alloc(10)), vnetOf(flow, cut.size)],
          );
          const expected = wire([...small, ...segmentsOf(flow, payload, cut.size), ...small]);
          assert.deepEqual(sentTo(outputs).sort(), expected.sort());
          assert.deepEqual(core.counters.drops(), {});
          core.checkBooks();
        });
        fc.assert(property, { numRuns: 15 });
      });
    }

    it('frames of overlays that share a socket are counted to their own', () => {
      const { core, overlay, vnics } = setUp(build, { segment: true });
      const other = core.overlay({ vni: 24, segment: true });
      const vnic = core.vnic(other, A);
      core.remote(other, FAR, ENDPOINT);
      core.place([frame(FAR, A), frame(FAR, A), frame(FAR, A)]);
      core.module.encapBatch(vnics[0], 0);
      core.encap(vnic, [frame(FAR, A), frame(FAR, A)]);
      assert.equal(core.counters.overlay(overlay).encap.frames, 3);
      assert.equal(core.counters.overlay(other).encap.frames, 2);
    });

    it('joined datagrams are taken as if they had come one by one', () => {
      const [apart, joined] = [setUp(build, {}), setUp(build, {})];
      const sizes = fc.tuple(fc.integer({ min: 22, max: 1500 }), fc.nat({ max: 40 }), fc.nat({ max: 1500 }));
      const property = fc.property(sizes, ([size, count, rest]) => {
        const last = Math.max(1, Math.min(rest, size));
        const whole = Array.from({ length: count }, (_, n) => inner(size, n));
        const messages = [...whole, inner(size, 99).subarray(0, last)];
        const [one, all] = [apart, joined] as const;
        const alone = one.core.decap(messages);
        const together = all.core.decap([Buffer.concat(messages)], { joined: size });
        assert.deepEqual(together, alone);
        assert.deepEqual(all.core.counters.totals(), one.core.counters.totals());
        all.core.checkBooks();
      });
      fc.assert(property, runs);
    });

    it('what is delivered coalesced is, cut again, what came', () => {
      const { core } = setUp(build, { coalesceTcp: true, coalesceUdp: true });
      const property = fc.property(flowsOf(A, FAR, true), cuts, fc.nat(), (flow, cut, seed) => {
        fc.pre(fits(flow, cut) && cut.length / cut.size < 200);
        const frames = segmentsOf(flow, payloadOf(cut.length, seed), cut.size);
        const before = core.counters.totals().delivered!;
        const outputs = core.decap(frames.map((one) => datagram(OVERLAY.vni, one)));
        const written = outputs.flatMap((output) => {
          assert.ok('vnic' in output);
          return output.vnet === undefined ? [output.frame] : splitSuperFrame(output.frame, output.vnet);
        });
        assert.deepEqual(written.map(hex), frames.map(hex));
        assert.equal(core.counters.totals().delivered! - before, frames.length);
        core.checkBooks();
      });
      fc.assert(property, runs);
    });
  });
}

/** A datagram of `size` bytes for VNIC A. */
function inner(size: number, seed: number): Buffer {
  return datagram(OVERLAY.vni, frame(A, FAR, { payload: payloadOf(size - 22, seed) }));
}
