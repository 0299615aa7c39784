import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dirt, onlyWroteInside, place, placeAtEnd, read, slowChecksum, withBytes } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { UDP_IPV4, VXLAN } from './frames.js';

const IPV4 = 14;
const UDP = IPV4 + 20;
const DATAGRAM = UDP_IPV4.slice(UDP);
const LENGTH = 4;

await forEachBuild((build, m) => {
  const protocol = m.IPPROTO_UDP.value;

  describe(`udp, ${build} build`, () => {
    test('reads a captured datagram', () => {
      const packet = placeAtEnd(m, UDP_IPV4.slice(IPV4));
      const datagram = packet + 20;
      assert.equal(m.udpCheck(datagram, DATAGRAM.length), true);
      assert.equal(m.udpSrcPort(datagram), 40000);
      assert.equal(m.udpDstPort(datagram), 5353);
      assert.equal(m.udpLength(datagram), 14);
      assert.equal(m.udpChecksum(datagram), (DATAGRAM[6]! << 8) | DATAGRAM[7]!);
      assert.equal(m.udpVerify(datagram, m.ipv4PseudoSum(packet, protocol, 14)), true);
    });

    test('writes the same header, every byte and no other', () => {
      const packet = dirt(m, 34);
      m.bytes.set(UDP_IPV4.slice(IPV4, UDP), packet);
      m.bytes.set(DATAGRAM.slice(8), packet + 28);
      m.udpStamp(packet + 20, 40000, 5353, 14);
      m.udpFillChecksum(packet + 20, m.ipv4PseudoSum(packet, protocol, 14));
      assert.deepEqual(read(m, packet, 34), UDP_IPV4.slice(IPV4));
      assert.ok(onlyWroteInside(m, packet, 34));
    });

    test('no checksum stays no checksum', () => {
      const datagram = dirt(m, 8);
      m.udpStamp(datagram, 1, 2, 8);
      assert.equal(m.udpChecksum(datagram), 0);
    });

    test("the kernel's VXLAN datagram carries a right checksum", () => {
      const packet = place(m, VXLAN.slice(IPV4));
      assert.equal(m.udpVerify(packet + 20, m.ipv4PseudoSum(packet, protocol, m.udpLength(packet + 20))), true);
    });

    test('a checksum that comes out as 0 is sent as 0xffff, and is right', () => {
      const datagram = dirt(m, 10);
      m.udpStamp(datagram, 0, 0, 10);
      m.bytes.set([0xff, 0xf5], datagram + 8); // the words of header and payload add up to 0xffff
      m.udpFillChecksum(datagram, 0);
      assert.equal(m.udpChecksum(datagram), 0xffff);
      assert.equal(m.udpVerify(datagram, 0), true);
    });

    test('every truncated length is refused without a read behind it', () => {
      for (let len = 0; len < DATAGRAM.length; len++) {
        assert.equal(m.udpCheck(placeAtEnd(m, DATAGRAM.slice(0, len)), len), false, `${len}`);
      }
    });

    test('a length field below the header or beyond the bytes is refused, padding is not', () => {
      for (const length of [0, 7, 15, 0xffff]) {
        const datagram = place(m, withBytes(DATAGRAM, LENGTH, length >> 8, length & 0xff));
        assert.equal(m.udpCheck(datagram, DATAGRAM.length), false, `${length}`);
      }
      assert.equal(m.udpCheck(place(m, DATAGRAM), DATAGRAM.length + 4), true);
    });

    test('the IPv4 pseudo header sums addresses, protocol and length', () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.nat({ max: 0xffff }), (header, length) => {
          const pseudo = Uint8Array.of(...header.slice(12), 0, protocol, length >> 8, length & 0xff);
          const sum = m.ipv4PseudoSum(placeAtEnd(m, header), protocol, length);
          assert.equal(sum ^ 0xffff, slowChecksum(pseudo));
        }),
      );
    });

    test('two bytes are known as the sum of an IPv4 pseudo header, and no others', () => {
      const word = fc.nat({ max: 0xffff });
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: 20, maxLength: 20 }),
          fc.nat({ max: 0xffeb }),
          word,
          (header, rest, off) => {
            header.set([(rest + 20) >> 8, (rest + 20) & 0xff], 2);
            header[9] = protocol;
            const sum = m.ipv4PseudoSum(place(m, header), protocol, rest);
            const isSum = (field: number): boolean => {
              const packet = placeAtEnd(m, Uint8Array.of(...header, field >> 8, field & 0xff));
              return Boolean(m.ipv4IsPseudoSum(packet, packet + 20));
            };
            assert.ok(isSum(sum));
            assert.equal(isSum(off), off === sum);
          },
        ),
      );
    });
  });
});
