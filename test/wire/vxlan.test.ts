import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dirt, onlyWroteInside, place, placeAtEnd, read } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { VXLAN } from './frames.js';

const HEADER = VXLAN.slice(14 + 20 + 8, 14 + 20 + 8 + 8);
const VNI = 0x80_0015;

await forEachBuild((build, m) => {
  describe(`vxlan, ${build} build`, () => {
    test("reads the header that the kernel's device made", () => {
      const datagram = placeAtEnd(m, HEADER);
      assert.equal(m.vxlanHasVni(datagram), true);
      assert.equal(m.vxlanReservedBits(datagram), false);
      assert.equal(m.vxlanVni(datagram), VNI);
    });

    test('writes the same 8 bytes and no other', () => {
      const datagram = dirt(m, 8);
      m.vxlanStamp(datagram, VNI);
      assert.deepEqual(read(m, datagram, 8), HEADER);
      assert.ok(onlyWroteInside(m, datagram, 8));
    });

    test('the lowest and highest VNI survive the way there and back', () => {
      for (const vni of [0, 1, 0xff, 0x100, 0x7f_ffff, 0xff_ffff]) {
        const datagram = dirt(m, 8);
        m.vxlanStamp(datagram, vni);
        assert.equal(m.vxlanVni(datagram), vni);
        assert.equal(m.vxlanHasVni(datagram), true);
        assert.equal(m.vxlanReservedBits(datagram), false);
      }
    });

    test('every length below the header is refused', () => {
      for (let len = 0; len < 8; len++) assert.equal(m.vxlanCheck(len), false, `${len}`);
      assert.equal(m.vxlanCheck(8), true);
    });

    test('each of the 39 reserved bits is seen as reserved, and changes neither I nor the VNI', () => {
      let reserved = 0;
      for (let bit = 0; bit < 64; bit++) {
        const isI = bit === 4;
        const isVni = bit >= 32 && bit < 56;
        if (isI || isVni) continue;
        reserved++;
        const header = HEADER.slice();
        header[bit >> 3]! ^= 0x80 >> (bit & 7);
        const datagram = place(m, header);
        assert.equal(m.vxlanReservedBits(datagram), true, `bit ${bit}`);
        assert.equal(m.vxlanHasVni(datagram), true, `bit ${bit}`);
        assert.equal(m.vxlanVni(datagram), VNI, `bit ${bit}`);
      }
      assert.equal(reserved, 39);
    });

    test('a clear I flag is seen, whatever the other bits', () => {
      for (const flags of [0x00, 0xf7]) {
        const header = HEADER.slice();
        header[0] = flags;
        assert.equal(m.vxlanHasVni(place(m, header)), false);
      }
    });
  });
});
