// Segmentation against its slow twin (test/support/super-frames.ts), which builds every frame from the description.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { onlyWroteInside, place, placeAtEnd, read } from '../support/bytes.js';
import { cuts, flows, payloadOf } from '../support/flows.js';
import { forEachBuild, SCRATCH, type TestModule } from '../support/module.js';
import {
  buildFrame,
  CWR,
  FIN,
  type Flow,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  headerLengthOf,
  l3Of,
  l4Of,
  PSH,
  segmentsOf,
  TCP,
  UDP,
  type Vnet,
  vnetOf,
} from '../support/super-frames.js';

const VNET = SCRATCH + (12 << 16);
const HEADER_AT = SCRATCH + (13 << 16);
const GSO = SCRATCH + (14 << 16); // the record of what is cut
const seeds = fc.nat();

/** Flow with nothing special about it. */
const plain: Flow = {
  version: 4,
  protocol: TCP,
  macs: Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2),
  tags: [],
  addresses: Uint8Array.of(10, 0, 0, 1, 10, 0, 0, 2),
  ports: [40000, 5201],
  ttl: 64,
  tos: 0,
  flowLabel: 0,
  df: true,
  id: 0xffff,
  ipOptions: new Uint8Array(),
  seq: 0xffff_ff00,
  ack: 77,
  window: 500,
  flags: 0x10 | PSH | FIN | CWR,
  tcpOptions: new Uint8Array(12).fill(1),
};
const ipv6 = { version: 6, addresses: new Uint8Array(32).fill(0xfd) } as const;

/** Eight bytes of hop-by-hop options, TCP behind them. */
const hopByHop = Uint8Array.of(TCP, 0, 1, 4, 0, 0, 0, 0);

/** Opens a super-frame and reads all of its frames: header and payload. */
function segment(m: TestModule, frame: number, length: number, vnet: Uint8Array, size: number): Uint8Array[] {
  m.bytes.set(vnet, VNET);
  if (!m.segmentOpen(GSO, frame, length, VNET)) return [];
  return Array.from({ length: m.segmentCount(GSO) }, (_, index) => {
    m.bytes.fill(0xa5, HEADER_AT - 256, HEADER_AT + 512 + size);
    const written = m.segmentWrite(GSO, HEADER_AT, index);
    assert.ok(onlyWroteInside(m, HEADER_AT, written), 'only the segment is written');
    return read(m, HEADER_AT, written);
  });
}

await forEachBuild((build, m) => {
  const opens = (flow: Flow, frame: Uint8Array, changes: Partial<Vnet> = {}): number => {
    m.bytes.set(vnetOf(flow, 500, changes), VNET);
    return m.segmentOpen(GSO, placeAtEnd(m, frame), frame.length, VNET) ? m.segmentHeaders(GSO) : 0;
  };

  describe(`segment, ${build} build`, () => {
    test('any TCP or UDP super-frame becomes the frames of its twin, and stays as it was', () => {
      fc.assert(
        fc.property(flows(), cuts, seeds, (flow, { length, size }, seed) => {
          const payload = payloadOf(length, seed);
          const whole = buildFrame(flow, payload, true);
          const at = placeAtEnd(m, whole);
          const made = segment(m, at, whole.length, vnetOf(flow, size), size);
          assert.deepEqual(made, segmentsOf(flow, payload, size));
          assert.deepEqual(read(m, at, whole.length), whole);
        }),
      );
    });

    test('a checksum of 0 is sent as 0xffff in UDP, and as it is in TCP', () => {
      for (const protocol of [TCP, UDP] as const) {
        const flow = { ...plain, protocol };
        // Sweeps one word of the payload over every value: one of them makes the checksum 0.
        const payload = new Uint8Array(4);
        const whole = buildFrame(flow, payload, true);
        const field = l4Of(flow) + (protocol === TCP ? 16 : 6);
        const seen = new Set<number>();
        for (let word = 0; word < 0x10000; word++) {
          whole.set([word >> 8, word & 0xff], whole.length - 2);
          m.bytes.set(whole, SCRATCH);
          m.bytes.set(vnetOf(flow, 500), VNET);
          m.segmentOpen(GSO, SCRATCH, whole.length, VNET);
          m.segmentWrite(GSO, HEADER_AT, 0);
          seen.add((m.bytes[HEADER_AT + field]! << 8) | m.bytes[HEADER_AT + field + 1]!);
        }
        assert.equal(seen.has(0), protocol === TCP);
        assert.equal(seen.has(0xffff), protocol === UDP);
      }
    });

    test('a super-frame beyond what a length field can say (BIG TCP) is refused', () => {
      for (const flow of [plain, { ...plain, ...ipv6 }]) {
        const longest = 0xffff - (headerLengthOf(flow) - l3Of(flow)) + (flow.version === 6 ? 40 : 0);
        const right = buildFrame(flow, payloadOf(longest, 7), true);
        assert.equal(opens(flow, right), headerLengthOf(flow));
        const long = buildFrame(flow, payloadOf(longest + 1, 7), true);
        assert.equal(opens(flow, long), 0);
      }
    });

    const asked: [name: string, flow: Partial<Flow>, length: number, gsoSize: number, isTaken: boolean][] = [
      ['a TCP segment of 8 bytes, the least of a kernel', {}, 1000, 8, true],
      ['a TCP segment of 7 bytes', {}, 1000, 7, false],
      ['2340 TCP segments', {}, 2340 * 20, 20, true],
      ['2341 TCP segments', {}, 2341 * 20, 20, false],
      ['128 UDP segments, the most of a kernel', { protocol: UDP }, 128, 1, true],
      ['129 UDP segments', { protocol: UDP }, 129, 1, false],
      ['a short frame that is its own only TCP segment', {}, 3, 3, true],
    ];
    for (const [name, changed, length, gsoSize, isTaken] of asked) {
      test(`${isTaken ? 'taken' : 'refused'}: ${name}`, () => {
        const flow = { ...plain, ...changed };
        const frame = buildFrame(flow, payloadOf(length, 1), true);
        assert.equal(opens(flow, frame, { gsoSize }), isTaken ? headerLengthOf(flow) : 0);
      });
    }

    const lies: [name: string, flow: Partial<Flow>, changes: Partial<Vnet>][] = [
      ['no checksum to be made', {}, { flags: 0 }],
      ['a GSO size of 0', {}, { gsoSize: 0 }],
      ['no GSO type', {}, { gsoType: 0 }],
      ['an unknown type', {}, { gsoType: 3 }],
      ['TCP that is said to be UDP', {}, { gsoType: GSO_UDP_L4 }],
      ['IPv4 that is said to be IPv6', {}, { gsoType: GSO_TCPV6 }],
      ['IPv6 that is said to be IPv4', ipv6, { gsoType: GSO_TCPV4 }],
      ['UDP that is said to be TCP', { protocol: UDP }, { gsoType: GSO_TCPV4 }],
      ['a start inside the IP header', {}, { csumStart: 30 }],
      ['a start before the IP header', {}, { csumStart: 14 }],
      ['a start of 0', {}, { csumStart: 0 }],
      ['a start in the TCP header', {}, { csumStart: 38 }],
      ['a start behind the frame', {}, { csumStart: 0xffff }],
      ["UDP's checksum offset for TCP", {}, { csumOffset: 6 }],
      ["TCP's checksum offset for UDP", { protocol: UDP }, { csumOffset: 16 }],
      ['a third tag', { tags: [0x8100_0001, 0x8100_0002, 0x8100_0003] }, {}],
    ];
    for (const [name, changed, changes] of lies) {
      test(`refused: ${name}`, () => {
        const flow = { ...plain, ...changed };
        const frame = buildFrame(flow, payloadOf(1000, 1), true);
        if (flow.tags.length < 3) assert.equal(opens(flow, frame), headerLengthOf(flow), 'what is true is accepted');
        assert.equal(opens(flow, frame, changes), 0);
      });
    }

    const damaged: [name: string, flow: Flow, offset: number, byte: number][] = [
      ['a fragment', plain, 14 + 6, 0x20],
      ['another IP version', plain, 14, 0x65],
      ['an IPv4 header shorter than 20 bytes', plain, 14, 0x44],
      ['a total length that is not the frame', plain, 14 + 3, 0],
      ['a TCP header shorter than 20 bytes', plain, 34 + 12, 0x40],
      ['another EtherType', plain, 12, 0x09],
      ['IPv6 with a payload length that is not the frame', { ...plain, ...ipv6 }, 14 + 5, 0],
      ['IPv6 with a fragment header', { ...plain, ...ipv6, ipOptions: hopByHop }, 20, 44],
      ['IPv6 with an authentication header', { ...plain, ...ipv6, ipOptions: hopByHop }, 20, 51],
      ['IPv6 with IPv4 inside', { ...plain, ...ipv6, ipOptions: hopByHop }, 20, 4],
      ['IPv4 with GRE inside', plain, 14 + 9, 47],
      ['IPv4 with SCTP inside', plain, 14 + 9, 132],
      ['options headers of IPv6 beyond csumStart', { ...plain, ...ipv6, ipOptions: hopByHop }, 55, 1],
      ['a UDP length that is not the frame', { ...plain, protocol: UDP }, 34 + 5, 0],
    ];
    for (const [name, flow, offset, byte] of damaged) {
      test(`refused: ${name}`, () => {
        const frame = buildFrame(flow, payloadOf(1000, 1), true);
        assert.equal(opens(flow, frame), headerLengthOf(flow), 'what is whole is accepted');
        frame[offset] = byte;
        assert.equal(opens(flow, frame), 0);
      });
    }

    test('headers may be as long as a frame, and no longer', () => {
      const chain = (count: number): Uint8Array => {
        const each = (_: unknown, index: number) => [index < count - 1 ? 60 : TCP, 255, 1, ...new Uint8Array(2045)];
        return Uint8Array.from(Array.from({ length: count }, each).flat());
      };
      const flow = { ...plain, ...ipv6, ipOptions: chain(4), firstExtension: 60 };
      const payload = payloadOf(1000, 1);
      const at = place(m, buildFrame(flow, payload, true));
      const made = segment(m, at, headerLengthOf(flow) + 1000, vnetOf(flow, 300), 300 + headerLengthOf(flow));
      assert.deepEqual(made, segmentsOf(flow, payload, 300));
      const long = { ...flow, ipOptions: chain(5) };
      assert.equal(opens(long, buildFrame(long, payloadOf(10, 1), true)), 0);
    });

    test('every truncated length is refused, and nothing behind it is read', () => {
      for (const flow of [plain, { ...plain, ...ipv6 }, { ...plain, protocol: UDP, tags: [0x8100_0001] } as Flow]) {
        const frame = buildFrame(flow, payloadOf(40, 1), true);
        for (let length = 0; length < frame.length; length++) {
          assert.equal(opens(flow, frame.slice(0, length)), 0, `${length} of ${frame.length}`);
        }
      }
    });

    test('any vnet header over any bytes: refused, or cut without reading or writing elsewhere', () => {
      const bytes = fc.uint8Array({ maxLength: 300 });
      const vnet = fc.record({
        flags: fc.nat({ max: 3 }),
        gsoType: fc.constantFrom(0, 1, 4, 5, 0x81, 0x84, 255),
        gsoSize: fc.nat({ max: 600 }),
        csumStart: fc.nat({ max: 120 }),
        csumOffset: fc.constantFrom(6, 16, 0, 0xffff),
      });
      const damage = fc.array(fc.tuple(fc.nat({ max: 90 }), fc.nat({ max: 255 })), { maxLength: 3 });
      fc.assert(
        fc.property(flows(), bytes, vnet, damage, fc.nat({ max: 400 }), (flow, payload, changes, edits, cut) => {
          const frame = buildFrame(flow, payload, true);
          for (const [at, value] of edits) if (at < frame.length) frame[at] = value;
          const { csumStart: _start, csumOffset: _offset, ...some } = changes;
          for (const lie of [changes, some]) {
            const part = frame.slice(0, Math.max(0, frame.length - (cut > 200 ? cut - 200 : 0)));
            const at = placeAtEnd(m, part);
            const size = lie.gsoSize;
            const made = segment(m, at, part.length, vnetOf(flow, size, lie), size);
            if (made.length > 0)
              assert.equal(made.length, Math.max(1, Math.ceil((part.length - m.segmentHeaders(GSO)) / size)));
          }
        }),
      );
    });

    test('tags and options come along', () => {
      const flow = { ...plain, tags: [0x88a8_0001, 0x8100_2002], ipOptions: Uint8Array.of(1, 1, 1, 0) };
      assert.equal(l3Of(flow), 22);
      const payload = payloadOf(30, 1);
      const at = place(m, buildFrame(flow, payload, true));
      assert.deepEqual(segment(m, at, headerLengthOf(flow) + 30, vnetOf(flow, 20), 20), segmentsOf(flow, payload, 20));
    });
  });
});
