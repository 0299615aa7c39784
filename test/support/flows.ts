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
/** IPv6 extension headers that a super-frame may have: hop-by-hop options, destination options, a routing header. */
const OPTIONS = [0, 60];
const ROUTING = 43;

/** What is between the fixed IP header and the transport header, and in the pseudo header. */
type Between = Pick<Flow, 'ipOptions' | 'firstExtension' | 'routedAddresses'>;

/** Extension headers of these types in any order, with anything in them. */
function extensions(protocol: number, types: readonly number[]): fc.Arbitrary<Between> {
  const one = fc.tuple(fc.constantFrom(...types), fc.nat({ max: 2 }), bytes(22));
  return fc.array(one, { minLength: 1, maxLength: 3 }).map((headers) => {
    const next = [...headers.slice(1).map(([type]) => type), protocol];
    const made = headers.map(([, more, noise], index) => [next[index]!, more, ...noise.subarray(0, more * 8 + 6)]);
    return { ipOptions: Uint8Array.from(made.flat()), firstExtension: headers[0]![0] };
  });
}

function betweenOf(version: 4 | 6, protocol: number): fc.Arbitrary<Between> {
  const none: fc.Arbitrary<Between> = fc.constant({ ipOptions: new Uint8Array() });
  const ipv4 = words(10, 4).map((ipOptions) => ({ ipOptions }));
  const options = version === 4 ? ipv4 : extensions(protocol, OPTIONS);
  const route = version === 4 ? ipv4 : extensions(protocol, [...OPTIONS, ROUTING]);
  const routed = fc.tuple(route, bytes(version === 4 ? 8 : 32));
  const sourceRouted = routed.map(([between, routedAddresses]) => ({ ...between, routedAddresses }));
  return fc.oneof({ weight: 3, arbitrary: none }, options, sourceRouted);
}

/** Any flow that may be one super-frame; `plain`: nothing between IP and transport, as what can be joined. */
export const flows = (plain = false): fc.Arbitrary<Flow> =>
  fc
    .record({ version: fc.constantFrom<4 | 6>(4, 6), protocol: fc.constantFrom<6 | 17>(TCP, UDP) })
    .chain((kind) =>
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
        between: plain ? fc.constant({ ipOptions: new Uint8Array() }) : betweenOf(kind.version, kind.protocol),
        seq: fc.oneof(u32, fc.integer({ min: 0xffff_0000, max: 0xffff_ffff })),
        ack: u32,
        window: u16,
        flags: fc.subarray([FIN, PSH, CWR, 0x40]).map((set) => set.reduce((sum, flag) => sum | flag, ACK)),
        tcpOptions: words(10, 4),
      }),
    )
    .map(({ between, ...flow }) => ({ ...flow, ...between }));

/** Payload bytes that look random and are cheap to make: the seed is what fast-check shrinks. */
export function payloadOf(length: number, seed: number): Uint8Array {
  let state = (seed | 1) >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

/** Payload length and GSO size of a super-frame of at most 128 segments, whatever headers its flow has. */
export const cuts: fc.Arbitrary<{ length: number; size: number }> = fc.oneof(
  fc.record({ length: fc.nat({ max: 400 }), size: fc.integer({ min: 8, max: 450 }) }),
  fc.record({ length: fc.nat({ max: 65_375 }), size: fc.integer({ min: 520, max: 9000 }) }),
  fc
    .record({ count: fc.integer({ min: 1, max: 40 }), size: fc.integer({ min: 8, max: 1600 }) })
    .map(({ count, size }) => ({ length: count * size, size })),
);
