import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dirt, onlyWroteInside, place, placeAtEnd, read, withBytes } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { IPV4_FIRST_FRAGMENT, IPV4_LAST_FRAGMENT, IPV4_MIDDLE_FRAGMENT, TCP_SYN, UDP_IPV4 } from './frames.js';

const PACKET = UDP_IPV4.slice(14);
const VERSION_IHL = 0;
const TOTAL_LENGTH = 2;

await forEachBuild((build, m) => {
  describe(`ipv4, ${build} build`, () => {
    test('reads a captured header', () => {
      const packet = placeAtEnd(m, PACKET);
      assert.equal(m.ipv4Check(packet, PACKET.length), true);
      assert.equal(m.ipv4IsWhole(packet, PACKET.length), true);
      assert.equal(m.ipv4Verify(packet), true);
      assert.equal(m.ipv4HeaderLength(packet), 20);
      assert.equal(m.ipv4Tos(packet), 0);
      assert.equal(m.ipv4TotalLength(packet), PACKET.length);
      assert.equal(m.ipv4Id(packet), (PACKET[4]! << 8) | PACKET[5]!);
      assert.equal(m.ipv4IsFragment(packet), false, 'DF is not a fragment');
      assert.equal(m.ipv4FragmentOffset(packet), 0);
      assert.equal(m.ipv4Ttl(packet), 64);
      assert.equal(m.ipv4Protocol(packet), m.IPPROTO_UDP.value);
      assert.equal(m.ipv4Checksum(packet), (PACKET[10]! << 8) | PACKET[11]!);
      assert.equal(m.ipv4Src(packet), 0x0a000001);
      assert.equal(m.ipv4Dst(packet), 0x0a000002);
    });

    test('writes the same header as the kernel, every byte and no other', () => {
      const expected = TCP_SYN.slice(14, 34);
      const packet = dirt(m, 20);
      m.ipv4Stamp(packet, m.IPPROTO_TCP.value, 60, 0x0a000001, 0x0a000002);
      m.ipv4SetId(packet, (expected[4]! << 8) | expected[5]!);
      m.ipv4FillChecksum(packet);
      assert.deepEqual(read(m, packet, 20), expected);
      assert.ok(onlyWroteInside(m, packet, 20));
    });

    test('a changed TOS leaves the checksum as right, or as wrong, as it was (RFC 1624)', () => {
      const header = fc.uint8Array({ minLength: 20, maxLength: 20 });
      const byte = fc.nat({ max: 0xff });
      fc.assert(
        fc.property(header, byte, byte, fc.constantFrom(0, 0, 1, 0x8000), (bytes, before, tos, error) => {
          const packet = place(m, withBytes(bytes, VERSION_IHL, 0x45, before));
          m.ipv4FillChecksum(packet);
          const right = m.ipv4Checksum(packet);
          m.ipv4SetChecksum(packet, (right + error) & 0xffff);
          m.ipv4ChangeTos(packet, tos);
          const after = read(m, packet, 20);
          const expected = place(m, withBytes(after, 10, 0, 0));
          m.ipv4FillChecksum(expected);
          assert.equal(m.ipv4Tos(packet), tos);
          const made = (after[10]! << 8) | after[11]!;
          assert.equal(made === m.ipv4Checksum(expected), error === 0);
        }),
      );
    });

    test('a changed length is right again once the checksum is filled', () => {
      const packet = place(m, PACKET);
      m.ipv4SetTotalLength(packet, 28);
      assert.equal(m.ipv4Verify(packet), false);
      m.ipv4FillChecksum(packet);
      assert.equal(m.ipv4Verify(packet), true);
      assert.equal(m.ipv4TotalLength(packet), 28);
    });

    test('captured fragments: first, middle and last are fragments, with their offsets', () => {
      const fragments: [Uint8Array, number][] = [
        [IPV4_FIRST_FRAGMENT, 0],
        [IPV4_MIDDLE_FRAGMENT, 56],
        [IPV4_LAST_FRAGMENT, 112],
      ];
      for (const [frame, offset] of fragments) {
        const packet = place(m, frame.slice(14));
        assert.equal(m.ipv4IsFragment(packet), true);
        assert.equal(m.ipv4FragmentOffset(packet), offset);
        assert.equal(m.ipv4Verify(packet), true);
      }
    });

    test('every truncated length: a cut header is refused, a cut payload is not whole', () => {
      for (let len = 0; len < PACKET.length; len++) {
        const packet = placeAtEnd(m, PACKET.slice(0, len));
        const holdsHeader = m.ipv4Check(packet, len);
        assert.equal(holdsHeader, len >= 20, `${len}`);
        if (holdsHeader) assert.equal(m.ipv4IsWhole(packet, len), false, `${len}`);
      }
    });

    test('a header with options is taken with them, and refused when they are cut', () => {
      const bytes = withBytes(new Uint8Array(60), VERSION_IHL, 0x4f, 0, 0, 60);
      assert.equal(m.ipv4Check(placeAtEnd(m, bytes), 60), true);
      assert.equal(m.ipv4HeaderLength(placeAtEnd(m, bytes)), 60);
      assert.equal(m.ipv4Check(placeAtEnd(m, bytes.slice(0, 59)), 59), false);
    });

    const malformed: [string, Uint8Array][] = [
      ['version 6', withBytes(PACKET, VERSION_IHL, 0x65)],
      ['version 0', withBytes(PACKET, VERSION_IHL, 0x05)],
      ['IHL of 16 bytes', withBytes(PACKET, VERSION_IHL, 0x44)],
      ['IHL 0', withBytes(PACKET, VERSION_IHL, 0x40)],
      ['IHL beyond the bytes', withBytes(PACKET, VERSION_IHL, 0x4f)],
      ['total length shorter than the header', withBytes(PACKET, TOTAL_LENGTH, 0, 19)],
      ['total length 0', withBytes(PACKET, TOTAL_LENGTH, 0, 0)],
    ];
    for (const [name, bytes] of malformed) {
      test(`refuses ${name}`, () => {
        assert.equal(m.ipv4Check(placeAtEnd(m, bytes), bytes.length), false);
      });
    }

    test('a flip of any bit of the header is seen by the checksum', () => {
      for (let bit = 0; bit < 160; bit++) {
        if (bit < 8) continue; // version and IHL say which bytes are summed
        const packet = place(m, withBytes(PACKET, bit >> 3, PACKET[bit >> 3]! ^ (0x80 >> (bit & 7))));
        assert.equal(m.ipv4Verify(packet), false, `bit ${bit}`);
      }
    });
  });
});
