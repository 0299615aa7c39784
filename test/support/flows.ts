// Random flows and payloads for property tests, from fast-check.

import fc from 'fast-check';
import { ACK, CWR, FIN, type Flow, PSH, TCP, UDP } from './super-frames.js';

const byte = fc.nat({ max: 0xff });
const u16 = fc.nat({ max: 0xffff });
const u32 = fc.nat({ max: 0xffff_ffff });
const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const words = (max: number, each: number): fc.Arbitrary<Uint8Array> => fc.nat({ max }).chain((n) => bytes(n * each));

/** Unicast addresses, so that nothing is delivered twice. */
const macs = bytes(12).map((two) => two.map((value, index) => (index % 6 === 0 ? (value & 0xfc) | 2 : value)));
const tag = fc.tuple(fc.constantFrom(0x8100, 0x88a8), u16).map(([tpid, tci]) => ((tpid << 16) | tci) >>> 0);
/** A hop-by-hop header with nothing but padding: next header, length, PadN. */
const hopByHop = (protocol: number): fc.Arbitrary<Uint8Array> =>
  fc.nat({ max: 3 }).map((n) => {
    const header = new Uint8Array((n + 1) * 8);
    header.set([protocol, n, 1, header.length - 4]);
    return header;
  });

function ipOptionsOf(version: 4 | 6, protocol: number): fc.Arbitrary<Uint8Array> {
  const none = fc.constant(new Uint8Array());
  return fc.oneof({ weight: 3, arbitrary: none }, version === 4 ? words(10, 4) : hopByHop(protocol));
}

/** Any flow that may be one super-frame; `plain`: without IP options, as what can be joined. */
export const flows = (plain = false): fc.Arbitrary<Flow> =>
  fc.record({ version: fc.constantFrom<4 | 6>(4, 6), protocol: fc.constantFrom<6 | 17>(TCP, UDP) }).chain((kind) =>
    fc.record({
      version: fc.constant(kind.version),
      protocol: fc.constant(kind.protocol),
      macs,
      tags: fc.array(tag, { maxLength: 2 }),
      addresses: bytes(kind.version === 4 ? 8 : 32),
      ports: fc.tuple(u16, u16),
      ttl: byte,
      tos: byte,
      flowLabel: fc.nat({ max: 0xfffff }),
      df: fc.boolean(),
      id: fc.oneof(u16, fc.integer({ min: 0xfff0, max: 0xffff })),
      ipOptions: plain ? fc.constant(new Uint8Array()) : ipOptionsOf(kind.version, kind.protocol),
      seq: fc.oneof(u32, fc.integer({ min: 0xffff_0000, max: 0xffff_ffff })),
      ack: u32,
      window: u16,
      flags: fc.subarray([FIN, PSH, CWR, 0x40]).map((set) => set.reduce((sum, flag) => sum | flag, ACK)),
      tcpOptions: words(10, 4),
    }),
  );

/** Payload bytes that look random and are cheap to make: the seed is what fast-check shrinks. */
export function payloadOf(length: number, seed: number): Uint8Array {
  let state = (seed | 1) >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

/** Payload length and GSO size of a super-frame whose headers take 160 bytes at most: short, long, odd, just filled. */
export const cuts: fc.Arbitrary<{ length: number; size: number }> = fc.oneof(
  fc.record({ length: fc.nat({ max: 400 }), size: fc.integer({ min: 1, max: 450 }) }),
  fc.record({ length: fc.nat({ max: 65_375 }), size: fc.integer({ min: 500, max: 9000 }) }),
  fc
    .record({ count: fc.integer({ min: 1, max: 40 }), size: fc.integer({ min: 1, max: 1600 }) })
    .map(({ count, size }) => ({ length: count * size, size })),
);
