import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MARK_FRAGMENT, MARK_TTL_SHIFT, OUTER_TTL } from '../../assembly/layout.js';
import { dirt, macWord, onlyWroteInside, read } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { buildFrame, concat, type Flow, UDP } from '../support/super-frames.js';

const MAC = '02:00:00:00:00:0a';
const IFINDEX = 0x01020304;
const TEMPLATE = 128;
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));
const big = (octets: Uint8Array): bigint => Buffer.from(octets).readBigUInt64BE();

const flowLabel = (srcPort: number): number => 0x80000 + (Math.imul(srcPort, 0x9e3779b1) >>> 13);

/** The same headers, made anew the slow way. */
function slowly(
  addresses: Uint8Array,
  dstPort: number,
  srcPort: number,
  payload: Uint8Array,
  isPartial: boolean,
  changes: Partial<Flow> = {},
) {
  const flow: Flow = {
    version: addresses.length === 8 ? 4 : 6,
    protocol: UDP,
    macs: concat(bytes(MAC.replaceAll(':', '')), bytes('0000 04030201')),
    tags: [],
    addresses,
    ports: [srcPort, dstPort],
    ttl: 64,
    tos: 0,
    flowLabel: addresses.length === 8 ? 0 : flowLabel(srcPort),
    df: true,
    id: 0,
    ipOptions: new Uint8Array(),
    seq: 0,
    ack: 0,
    window: 0,
    flags: 0,
    tcpOptions: new Uint8Array(),
    ...changes,
  };
  const frame = buildFrame(flow, payload, isPartial);
  return frame.slice(0, frame.length - payload.length);
}

await forEachBuild((build, m) => {
  /** Headers of a frame for an endpoint, written before `length` bytes; every byte of them and no other. */
  const stamp = (
    addresses: Uint8Array,
    dstPort: number,
    length: number,
    srcPort: number,
    withChecksum: boolean,
    mark: { bits: number; id: number } | null = null,
  ) => {
    const half = addresses.length / 2;
    const [src, dst] = [addresses.subarray(0, half), addresses.subarray(half)];
    const isIpv4 = half === 4;
    const size = isIpv4 ? m.OUTER_IPV4_HLEN.value : m.OUTER_IPV6_HLEN.value;
    const to = dirt(m, size);
    const template = to - 256 - TEMPLATE;
    const mac = macWord(MAC);
    if (isIpv4) {
      const word = (octets: Uint8Array) => Buffer.from(octets).readUInt32BE();
      m.outerTemplate4(template, mac, IFINDEX, word(src), word(dst), dstPort);
    } else {
      const halves = [src.subarray(0, 8), src.subarray(8), dst.subarray(0, 8), dst.subarray(8)].map(big);
      m.outerTemplate6(template, mac, IFINDEX, halves[0]!, halves[1]!, halves[2]!, halves[3]!, dstPort);
    }
    m.outerStamp(to, template, size, length, srcPort, withChecksum);
    if (mark !== null) m.outerSetMark(to, size, mark.bits, mark.id);
    assert.ok(onlyWroteInside(m, to, size));
    return read(m, to, size);
  };

  describe(`outer headers, ${build} build`, () => {
    test('over IPv4, as golden bytes', () => {
      const expected = bytes(`
        02000000000a 0000 04030201 0800
        45 00 00e8 0000 4000 40 11 b601 c0000201 c0000202
        c350 12b5 00d4 0000`);
      assert.deepEqual(stamp(bytes('c0000201 c0000202'), 4789, 204, 50_000, false), expected);
    });

    test('over IPv6 with the sum of a pseudo header, as golden bytes', () => {
      const expected = bytes(`
        02000000000a 0000 04030201 86dd
        600d983e 00d4 11 40 fd000000000000000000000000000001 fd000000000000000000000000000002
        c350 12b5 00d4 fae9`);
      const addresses = bytes('fd000000000000000000000000000001 fd000000000000000000000000000002');
      assert.deepEqual(stamp(addresses, 4789, 204, 50_000, true), expected);
    });

    test('over IPv6 have a flow label that is never 0, and another for each source port of a pool', () => {
      const labels = new Set<number>();
      for (let port = 65_000; port < 65_064; port++) {
        const word = Buffer.from(stamp(new Uint8Array(32), 4789, 204, port, true)).readUInt32BE(14);
        assert.equal(word >>> 20, 0x600, 'version and traffic class');
        assert.notEqual(word & 0xfffff, 0);
        labels.add(word & 0xfffff);
      }
      assert.equal(labels.size, 64);
    });

    test('are those of any datagram, up to the longest', () => {
      const address = fc.constantFrom(8, 32).chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
      const port = fc.nat({ max: 0xffff });
      const length = fc.oneof(fc.integer({ min: 8, max: 2000 }), fc.integer({ min: 65_000, max: 65_507 }));
      fc.assert(
        fc.property(address, port, port, length, (addresses, dst, src, payload) => {
          const whole = slowly(addresses, dst, src, new Uint8Array(payload), true);
          assert.deepEqual(stamp(addresses, dst, payload, src, true), whole);
          whole.set([0, 0], whole.length - 2);
          assert.deepEqual(stamp(addresses, dst, payload, src, false), whole);
        }),
        { numRuns: 60 },
      );
    });

    test('say what a mark does: TOS, TTL, and over IPv4 that they may be fragmented, with an id', () => {
      const byte = fc.nat({ max: 255 });
      fc.assert(
        fc.property(fc.constantFrom(8, 32), byte, byte, fc.boolean(), fc.nat(), (length, tos, ttl, mayCut, id) => {
          const addresses = new Uint8Array(length).fill(1);
          const bits = tos | (ttl << MARK_TTL_SHIFT) | (mayCut ? MARK_FRAGMENT : 0);
          const fragments = mayCut && length === 8 ? { df: false, id: id & 0xffff } : {};
          const expected = { tos, ttl: ttl === 0 ? OUTER_TTL : ttl, ...fragments };
          const whole = slowly(addresses, 4789, 50_000, new Uint8Array(100), true, expected);
          assert.deepEqual(stamp(addresses, 4789, 100, 50_000, true, { bits, id }), whole);
        }),
      );
    });
  });
});
