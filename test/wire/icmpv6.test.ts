import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dirt, macWord, onlyWroteInside, place, placeAtEnd, read, withBytes } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { NA, NS, NS_DAD } from './frames.js';

const IPV6 = 14;
const ICMPV6 = IPV6 + 40;
const MESSAGE = NS.slice(ICMPV6);
const OPTION_LEN = 25;
const MAC_A = macWord('02:00:00:00:00:0a');
const MAC_B = macWord('02:00:00:00:00:0b');
const LINK_LOCAL = 0xfe80_0000_0000_0000n;
const NONCE = 14;

await forEachBuild((build, m) => {
  const SOURCE = m.ND_OPTION_SOURCE_LLADDR.value;
  const TARGET = m.ND_OPTION_TARGET_LLADDR.value;

  describe(`icmpv6, ${build} build`, () => {
    test('reads a captured solicitation', () => {
      const packet = placeAtEnd(m, NS.slice(IPV6));
      const message = packet + 40;
      assert.equal(m.icmpv6Type(message), m.NEIGHBOUR_SOLICITATION.value);
      assert.equal(m.icmpv6Code(message), 0);
      assert.equal(m.icmpv6Checksum(message), (MESSAGE[2]! << 8) | MESSAGE[3]!);
      assert.equal(m.icmpv6Verify(packet, message, 32), true);
      assert.equal(m.ndCheck(message, 32), true);
      assert.equal(m.ndTargetHigh(message), LINK_LOCAL);
      assert.equal(m.ndTargetLow(message), 0xff_fe00_000bn);
      assert.equal(m.ndOptionMac(m.ndOption(message, 32, SOURCE)), MAC_A);
      assert.equal(m.ndOption(message, 32, TARGET), 0);
    });

    test('reads the flags and target option of a captured advertisement', () => {
      const message = place(m, NA.slice(ICMPV6));
      assert.equal(m.icmpv6Type(message), m.NEIGHBOUR_ADVERTISEMENT.value);
      assert.equal(m.ndFlags(message), (m.NA_SOLICITED.value | m.NA_OVERRIDE.value) >>> 0);
      assert.equal(m.ndOptionMac(m.ndOption(message, 32, TARGET)), MAC_B);
    });

    test('a nonce option is not a link-layer address', () => {
      const message = place(m, NS_DAD.slice(ICMPV6));
      assert.equal(m.ndCheck(message, 32), true);
      assert.equal(m.ndOption(message, 32, SOURCE), 0);
      assert.equal(m.ndOption(message, 32, NONCE), message + 24);
    });

    test('writes the same advertisement, every byte and no other', () => {
      const packet = dirt(m, 72);
      m.bytes.set(NA.slice(IPV6, ICMPV6), packet);
      const message = packet + 40;
      const flags = (m.NA_SOLICITED.value | m.NA_OVERRIDE.value) >>> 0;
      m.ndStamp(message, m.NEIGHBOUR_ADVERTISEMENT.value, flags, LINK_LOCAL, 0xff_fe00_000bn);
      m.ndStampOption(message + m.ND_HLEN.value, TARGET, MAC_B);
      m.icmpv6FillChecksum(packet, message, m.ND_HLEN.value + m.ND_OPTION_LLADDR_LEN.value);
      assert.deepEqual(read(m, packet, 72), NA.slice(IPV6));
      assert.ok(onlyWroteInside(m, packet, 72));
    });

    test('every truncated length: only a cut between option and header is whole', () => {
      for (let len = 0; len < MESSAGE.length; len++) {
        const message = placeAtEnd(m, MESSAGE.slice(0, len));
        assert.equal(m.icmpv6Check(len), len >= 4, `${len}`);
        assert.equal(m.ndCheck(message, len), len === 24, `${len}`);
      }
    });

    const malformed: [string, Uint8Array][] = [
      ['an option of length 0, which would never end', withBytes(MESSAGE, OPTION_LEN, 0)],
      ['an option that ends behind the message', withBytes(MESSAGE, OPTION_LEN, 2)],
      ['an option of the greatest length', withBytes(MESSAGE, OPTION_LEN, 255)],
      ['a code', withBytes(MESSAGE, 1, 1)],
      ['a multicast target', withBytes(MESSAGE, 8, 0xff, 0x02)],
      ['half an option behind a whole one', Uint8Array.of(...MESSAGE, 1, 1, 2, 2)],
      ['one byte behind a whole option', Uint8Array.of(...MESSAGE, 1)],
    ];
    for (const [name, bytes] of malformed) {
      test(`refuses ${name}`, () => {
        assert.equal(m.ndCheck(placeAtEnd(m, bytes), bytes.length), false);
      });
    }

    test('the first option of a type is found behind others', () => {
      const bytes = Uint8Array.of(...NS_DAD.slice(ICMPV6), ...MESSAGE.slice(24), ...MESSAGE.slice(24));
      const message = placeAtEnd(m, bytes);
      assert.equal(m.ndCheck(message, bytes.length), true);
      assert.equal(m.ndOption(message, bytes.length, SOURCE), message + 32);
    });

    test('a flip of any bit of addresses, length or message is seen by the checksum', () => {
      const bytes = NS.slice(IPV6);
      for (let bit = 8 * 8; bit < bytes.length * 8; bit++) {
        const packet = place(m, withBytes(bytes, bit >> 3, bytes[bit >> 3]! ^ (0x80 >> (bit & 7))));
        assert.equal(m.icmpv6Verify(packet, packet + 40, 32), false, `bit ${bit}`);
      }
      assert.equal(m.icmpv6Verify(place(m, bytes), place(m, bytes) + 40, 31), false, 'a shorter length');
    });
  });
});
