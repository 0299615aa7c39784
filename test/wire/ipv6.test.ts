import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dirt, onlyWroteInside, place, placeAtEnd, read, slowChecksum, withBytes } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { MLD, NA, NS } from './frames.js';

const PACKET = NS.slice(14);
const LINK_LOCAL = 0xfe80_0000_0000_0000n;
const ALL_NODES_HIGH = 0xff02_0000_0000_0000n;

await forEachBuild((build, m) => {
  describe(`ipv6, ${build} build`, () => {
    test('reads a captured header', () => {
      const packet = placeAtEnd(m, PACKET);
      assert.equal(m.ipv6Check(packet, PACKET.length), true);
      assert.equal(m.ipv6IsWhole(packet, PACKET.length), true);
      assert.equal(m.ipv6TrafficClass(packet), 0);
      assert.equal(m.ipv6PayloadLength(packet), 32);
      assert.equal(m.ipv6NextHeader(packet), m.IPPROTO_ICMPV6.value);
      assert.equal(m.ipv6HopLimit(packet), 255);
      assert.equal(m.ipv6SrcHigh(packet), LINK_LOCAL);
      assert.equal(m.ipv6SrcLow(packet), 0xff_fe00_000an);
      assert.equal(m.ipv6DstHigh(packet), ALL_NODES_HIGH);
      assert.equal(m.ipv6DstLow(packet), 0x1_ff00_000bn);
    });

    test('writes the same header, every byte and no other', () => {
      const packet = dirt(m, 40);
      m.ipv6Stamp(packet, 24, m.IPPROTO_ICMPV6.value, 255);
      m.ipv6SetPayloadLength(packet, 32);
      m.ipv6SetSrc(packet, LINK_LOCAL, 0xff_fe00_000bn);
      m.ipv6SetDst(packet, LINK_LOCAL, 0xff_fe00_000an);
      assert.deepEqual(read(m, packet, 40), NA.slice(14, 54));
      assert.ok(onlyWroteInside(m, packet, 40));
    });

    test('the traffic class stands across two bytes', () => {
      assert.equal(m.ipv6TrafficClass(place(m, withBytes(PACKET, 0, 0x6b, 0x8f))), 0xb8);
    });

    test('an extension header is the next header, not what follows it', () => {
      assert.equal(m.ipv6NextHeader(place(m, MLD.slice(14))), 0);
    });

    test('every truncated length: a cut header is refused, a cut payload is not whole', () => {
      for (let len = 0; len < PACKET.length; len++) {
        const packet = placeAtEnd(m, PACKET.slice(0, len));
        const holdsHeader = m.ipv6Check(packet, len);
        assert.equal(holdsHeader, len >= 40, `${len}`);
        if (holdsHeader) assert.equal(m.ipv6IsWhole(packet, len), false, `${len}`);
      }
    });

    test('refuses every version but 6', () => {
      for (let version = 0; version < 16; version++) {
        const packet = place(m, withBytes(PACKET, 0, version << 4));
        assert.equal(m.ipv6Check(packet, PACKET.length), version === 6, `${version}`);
      }
    });

    test('what an address is for', () => {
      assert.equal(m.ipv6IsUnspecified(0n, 0n), true);
      assert.equal(m.ipv6IsUnspecified(0n, 1n), false);
      assert.equal(m.ipv6IsUnspecified(1n << 63n, 0n), false);
      assert.equal(m.ipv6IsMulticast(ALL_NODES_HIGH), true);
      assert.equal(m.ipv6IsMulticast(0xfeff_ffff_ffff_ffffn), false);
      assert.equal(m.ipv6IsSolicitedNode(ALL_NODES_HIGH, 0x1_ff00_0000n), true);
      assert.equal(m.ipv6IsSolicitedNode(ALL_NODES_HIGH, 0x1_ffff_ffffn), true);
      assert.equal(m.ipv6IsSolicitedNode(ALL_NODES_HIGH, 1n), false, 'all nodes');
      assert.equal(m.ipv6IsSolicitedNode(ALL_NODES_HIGH, 0x1_fe00_0000n), false, 'next to the prefix');
      assert.equal(m.ipv6IsSolicitedNode(ALL_NODES_HIGH, 0x0001_0001_ff00_000bn), false, 'a higher group');
      assert.equal(m.ipv6IsSolicitedNode(0xff05_0000_0000_0000n, 0x1_ff00_000bn), false, 'site scope');
    });

    test('the pseudo header sums addresses, length and next header', () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: 40, maxLength: 40 }),
          fc.integer({ min: 0, max: 255 }),
          fc.integer({ min: 0, max: 0xffff_ffff }),
          (header, nextHeader, length) => {
            const pseudo = new Uint8Array(40);
            pseudo.set(header.subarray(8), 0);
            new DataView(pseudo.buffer).setUint32(32, length);
            pseudo[39] = nextHeader;
            const sum = m.ipv6PseudoSum(placeAtEnd(m, header), nextHeader, length);
            assert.equal(sum ^ 0xffff, slowChecksum(pseudo));
          },
        ),
      );
    });
  });
});
