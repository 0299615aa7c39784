import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dirt, onlyWroteInside, place, placeAtEnd, read, slowChecksum } from '../support/bytes.js';
import { forEachBuild, SCRATCH } from '../support/module.js';
import { UDP_IPV4 } from './frames.js';

const MIB = 1 << 20;
/** Longer than the blocks of the vector loop (256 KiB), several times, and odd. */
const LONG = 3 * (1 << 18) + 4099;
const initials = fc.integer({ min: 0, max: 0xffff });

await forEachBuild((build, m) => {
  describe(`checksum, ${build} build`, () => {
    test('the example of RFC 1071 section 3', () => {
      const ptr = place(m, Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7));
      assert.equal(m.sum(ptr, 8, 0), 0xddf2);
      assert.equal(m.checksum(ptr, 8, 0), 0x220d);
    });

    test('a captured IPv4 header sums to nothing left, and to its field when that is cleared', () => {
      const header = UDP_IPV4.slice(14, 34);
      assert.equal(m.checksum(place(m, header), 20, 0), 0);
      const field = (header[10]! << 8) | header[11]!;
      header.fill(0, 10, 12);
      assert.equal(m.checksum(place(m, header), 20, 0), field);
    });

    test('every length from 0 to 300 at every alignment agrees with the definition, and reads nothing behind', () => {
      const source = Uint8Array.from({ length: 300 }, (_, i) => (i * 167 + 13) & 0xff);
      for (let len = 0; len <= source.length; len++) {
        const bytes = source.slice(0, len);
        const expected = slowChecksum(bytes);
        assert.equal(m.checksum(placeAtEnd(m, bytes), len, 0), expected, `${len} bytes at the end of memory`);
        m.bytes.set(bytes, SCRATCH + 1 + (len & 15));
        assert.equal(m.checksum(SCRATCH + 1 + (len & 15), len, 0), expected, `${len} bytes`);
      }
    });

    test('any bytes, any start, any initial sum agree with the definition', () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 2100 }),
          fc.integer({ min: 0, max: 31 }),
          initials,
          (bytes, shift, initial) => {
            m.bytes.set(bytes, SCRATCH + shift);
            assert.equal(m.checksum(SCRATCH + shift, bytes.length, initial), slowChecksum(bytes, initial));
          },
        ),
      );
    });

    const extremes: [string, number][] = [
      ['all bytes 0xff: the most a word adds', 0xff],
      ['all bytes 0: words at the lower end of the bias', 0],
      ['all bytes 0x80', 0x80],
      ['all bytes 0x7f', 0x7f],
    ];
    for (const [name, byte] of extremes) {
      test(`no lane overflows: ${name}, more than one block of them`, () => {
        const bytes = new Uint8Array(LONG).fill(byte);
        m.bytes.set(bytes, SCRATCH);
        assert.equal(m.checksum(SCRATCH, LONG, 0), slowChecksum(bytes));
      });
    }

    test('lengths around a block agree with the definition', () => {
      for (const len of [MIB / 4 - 1, MIB / 4, MIB / 4 + 1, MIB / 4 + 64, MIB / 2, MIB / 2 + 3]) {
        const bytes = Uint8Array.from({ length: len }, (_, i) => (i * 31 + (i >> 9)) & 0xff);
        m.bytes.set(bytes, SCRATCH + 3);
        assert.equal(m.checksum(SCRATCH + 3, len, 0x1234), slowChecksum(bytes, 0x1234), `${len}`);
      }
    });

    test('a sum may be taken in pieces of even length', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat({ max: 250 }), (bytes, half) => {
          const cut = Math.min(half * 2, bytes.length & ~1);
          const ptr = place(m, bytes);
          const first = m.sum(ptr, cut, 0);
          assert.equal(m.checksum(ptr + cut, bytes.length - cut, first), slowChecksum(bytes));
        }),
      );
    });

    test('copying sums the same, copies every byte and touches no other', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 2100 }), fc.integer({ min: 0, max: 31 }), (bytes, shift) => {
          const dst = dirt(m, bytes.length);
          const src = SCRATCH + 65536 + shift;
          m.bytes.set(bytes, src);
          assert.equal(m.copyAndSum(dst, src, bytes.length) ^ 0xffff, slowChecksum(bytes));
          assert.deepEqual(read(m, dst, bytes.length), bytes);
          assert.ok(onlyWroteInside(m, dst, bytes.length));
        }),
      );
    });

    test('copying more than one block sums the same', () => {
      const bytes = Uint8Array.from({ length: 300_001 }, (_, i) => (i * 13 + (i >> 8)) & 0xff);
      m.bytes.set(bytes, SCRATCH);
      assert.equal(m.copyAndSum(MIB, SCRATCH, bytes.length) ^ 0xffff, slowChecksum(bytes));
      assert.deepEqual(read(m, MIB, bytes.length), bytes);
    });

    test('folding keeps every carry', () => {
      for (const sum of [0n, 0xffffn, 0x1_0000n, 0x1_ffffn, 0xffff_ffffn, 0x1_ffff_fffen, 0xffff_ffff_ffff_ffffn]) {
        const expected = sum === 0n ? 0 : Number(((sum - 1n) % 0xffffn) + 1n);
        assert.equal(m.foldSum(sum), expected, `${sum}`);
      }
    });
  });
});
