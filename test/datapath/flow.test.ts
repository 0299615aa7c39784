// What a frame leaves to us besides its bytes: the hash of its flow, and the checksum that the kernel did not make.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dirt, onlyWroteInside, place, placeAtEnd, read, withBytes, withTags } from '../support/bytes.js';
import { flows, payloadOf } from '../support/flows.js';
import { forEachBuild } from '../support/module.js';
import { buildFrame, type Flow, l3Of, l4Of, TCP, UDP } from '../support/super-frames.js';
import { ARP_REQUEST, IPV4_FIRST_FRAGMENT, IPV4_LAST_FRAGMENT, IPV4_MIDDLE_FRAGMENT } from '../wire/frames.js';

const payload = payloadOf(100, 1);

await forEachBuild((build, m) => {
  /** Frames without tags have a shorter way to the same. */
  const hash = (frame: Uint8Array): number => {
    const at = placeAtEnd(m, frame);
    const right = m.flowHash(at, frame.length);
    assert.equal(m.flowHashUntagged(at, frame.length), right);
    return right;
  };

  describe(`flow hash, ${build} build`, () => {
    test('is the same for every frame of a flow, whatever else differs, and reads nothing behind the frame', () => {
      fc.assert(
        fc.property(flows(true), flows(true), fc.nat({ max: 200 }), (flow, other, length) => {
          const { version, protocol, addresses, ports } = flow;
          const next: Flow = { ...other, version, protocol, addresses, ports };
          assert.equal(hash(buildFrame(flow, payloadOf(length, 3))), hash(buildFrame(next, payload)));
        }),
      );
    });

    test('an IPv4 header with options has its ports behind them', () => {
      fc.assert(
        fc.property(flows(true), (flow) => {
          fc.pre(flow.version === 4);
          const options = { ...flow, ipOptions: new Uint8Array(8).fill(1) };
          assert.equal(hash(buildFrame(options, payload)), hash(buildFrame(flow, payload)));
        }),
      );
    });

    test('every bit of an address, a port and the protocol counts', () => {
      fc.assert(
        fc.property(flows(true), (flow) => {
          const frame = buildFrame(flow, payload);
          const right = hash(frame);
          const differing = [l3Of(flow) + (flow.version === 4 ? 9 : 6)];
          const addresses = l3Of(flow) + (flow.version === 4 ? 12 : 8);
          for (let at = addresses; at < l4Of(flow) + 4; at++) differing.push(at);
          for (const at of differing) {
            for (let bit = 0; bit < 8; bit++) {
              assert.notEqual(hash(withBytes(frame, at, frame[at]! ^ (1 << bit))), right, `byte ${at}, bit ${bit}`);
            }
          }
        }),
        { numRuns: 20 },
      );
    });

    test('flows that differ in one port spread evenly over a power of two', () => {
      const places = new Uint32Array(16);
      const [flow] = fc.sample(flows(true), { numRuns: 1, seed: 7 });
      for (let port = 0; port < 1600; port++) {
        places[hash(buildFrame({ ...flow!, protocol: UDP, ports: [port, 53] }, payload)) & 15]!++;
      }
      assert.ok(Math.min(...places) > 50 && Math.max(...places) < 150, `${places}`);
    });

    test('all parts of a fragmented datagram have one hash: that of no ports', () => {
      const parts = [IPV4_FIRST_FRAGMENT, IPV4_MIDDLE_FRAGMENT, IPV4_LAST_FRAGMENT];
      assert.equal(new Set(parts.map(hash)).size, 1);
      const udp = parts.map((part) => withBytes(part, 23, UDP));
      assert.equal(new Set(udp.map(hash)).size, 1);
    });

    test('what is not IP is told by its MACs and EtherType', () => {
      const right = hash(ARP_REQUEST);
      assert.equal(hash(withBytes(ARP_REQUEST, 30, 99)), right, 'the message does not count');
      for (const at of [0, 5, 6, 11, 12, 13]) {
        assert.notEqual(hash(withBytes(ARP_REQUEST, at, ARP_REQUEST[at]! ^ 1)), right, `byte ${at}`);
      }
      assert.equal(hash(withTags(ARP_REQUEST, 0x8100_0007)), right, 'a tag does not count');
    });

    test('any length and any bytes: nothing behind the frame is read', () => {
      fc.assert(
        fc.property(flows(), fc.nat({ max: 120 }), fc.nat({ max: 60 }), fc.nat({ max: 255 }), (flow, cut, at, byte) => {
          const frame = buildFrame(flow, payload).slice(0, cut);
          hash(at < frame.length ? withBytes(frame, at, byte) : frame);
        }),
      );
    });
  });

  describe(`complete, ${build} build`, () => {
    const offsetOf = (flow: Flow): number => (flow.protocol === TCP ? 16 : 6);

    test('any TCP or UDP frame gets the checksum of its twin, and nothing else changes', () => {
      fc.assert(
        fc.property(flows(), fc.nat({ max: 3000 }), fc.nat(), (flow, length, seed) => {
          const bytes = payloadOf(length, seed);
          const partial = buildFrame(flow, bytes, true);
          const at = place(m, partial);
          assert.equal(m.completeChecksum(at, partial.length, l4Of(flow), offsetOf(flow)), true);
          assert.deepEqual(read(m, at, partial.length), buildFrame(flow, bytes));
          assert.ok(onlyWroteInside(m, at, partial.length));
        }),
      );
    });

    test('a sum of 0 is sent as 0xffff in UDP, and as 0 elsewhere', () => {
      const made = (offset: number, field: number): number => {
        const header = dirt(m, 20);
        m.bytes.fill(0, header, header + 20);
        m.bytes.set([0xff, 0xff], header + field); // the sum of all is 0xffff, its complement 0
        assert.equal(m.completeChecksum(header, 20, 0, offset), true);
        return (m.bytes[header + offset]! << 8) | m.bytes[header + offset + 1]!;
      };
      assert.equal(made(6, 0), 0xffff);
      assert.equal(made(16, 0), 0);
    });

    test('start and offset that do not lie inside the frame are refused, and nothing is written', () => {
      const frame = new Uint8Array(60).fill(7);
      const wrong = [
        [60, 0],
        [61, 0],
        [59, 0],
        [58, 1],
        [34, 25],
        [34, 0xffff],
        [0xffff, 6],
        [34, 0xffff_fff0],
        [0xffff_ffff, 6],
      ] as const;
      for (const [start, offset] of wrong) {
        const at = place(m, frame);
        assert.equal(m.completeChecksum(at, 60, start, offset), false, `${start} + ${offset}`);
        assert.deepEqual(read(m, at, 60), frame);
        assert.ok(onlyWroteInside(m, at, 60));
      }
      assert.equal(m.completeChecksum(place(m, frame), 60, 34, 24), true);
      assert.equal(m.completeChecksum(place(m, frame), 0, 0, 0), false);
    });
  });
});
