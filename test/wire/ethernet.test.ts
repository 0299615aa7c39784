import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dirt, macWord, onlyWroteInside, place, placeAtEnd, read } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { ARP_REPLY, ARP_REQUEST } from './frames.js';

const A = macWord('02:00:00:00:00:0a');
const B = macWord('02:00:00:00:00:0b');

await forEachBuild((build, m) => {
  describe(`ethernet, ${build} build`, () => {
    test('reads a captured header', () => {
      const frame = place(m, ARP_REPLY);
      assert.equal(m.ethDst(frame), A);
      assert.equal(m.ethSrc(frame), B);
      assert.equal(m.ethType(frame), m.ETH_P_ARP.value);
    });

    test('writes the same header, every byte and no other', () => {
      const frame = dirt(m, 14);
      m.ethSetDst(frame, A);
      m.ethSetSrc(frame, B);
      m.ethSetType(frame, m.ETH_P_ARP.value);
      assert.deepEqual(read(m, frame, 14), ARP_REPLY.slice(0, 14));
      assert.ok(onlyWroteInside(m, frame, 14));
    });

    test('a setter leaves its neighbours alone', () => {
      const frame = place(m, ARP_REPLY);
      m.ethSetSrc(frame, 0xffff_ffff_ffffn);
      assert.equal(m.ethDst(frame), A);
      assert.equal(m.ethType(frame), m.ETH_P_ARP.value);
    });

    test('the getters of a frame of 14 bytes read only those', () => {
      const frame = placeAtEnd(m, ARP_REPLY.slice(0, 14));
      assert.equal(m.ethDst(frame), A);
      assert.equal(m.ethSrc(frame), B);
      assert.equal(m.ethType(frame), m.ETH_P_ARP.value);
    });

    test('every length below the header is refused', () => {
      for (let len = 0; len < 14; len++) assert.equal(m.ethCheck(len), false, `${len}`);
      assert.equal(m.ethCheck(14), true);
    });

    test('group addresses are broadcast and multicast, and only the first bit on the wire says so', () => {
      assert.equal(m.isMulticast(m.ethDst(place(m, ARP_REQUEST))), true);
      assert.equal(m.ethDst(place(m, ARP_REQUEST)), m.BROADCAST.value);
      assert.equal(m.isMulticast(macWord('01:00:5e:00:00:01')), true);
      assert.equal(m.isMulticast(macWord('33:33:00:00:00:01')), true);
      assert.equal(m.isMulticast(macWord('fe:ff:ff:ff:ff:ff')), false);
      assert.equal(m.isMulticast(0n), false);
    });
  });
});
