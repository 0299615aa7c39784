import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dirt, macWord, onlyWroteInside, place, placeAtEnd, read, withBytes } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { ARP_PROBE, ARP_REPLY, ARP_REQUEST } from './frames.js';

const REPLY = ARP_REPLY.slice(14);

await forEachBuild((build, m) => {
  describe(`arp, ${build} build`, () => {
    test('reads a captured reply', () => {
      const message = placeAtEnd(m, REPLY);
      assert.equal(m.arpCheck(message, REPLY.length), true);
      assert.equal(m.arpOperation(message), m.ARP_REPLY.value);
      assert.equal(m.arpSha(message), macWord('02:00:00:00:00:0b'));
      assert.equal(m.arpSpa(message), 0x0a000002);
      assert.equal(m.arpTha(message), macWord('02:00:00:00:00:0a'));
      assert.equal(m.arpTpa(message), 0x0a000001);
    });

    test('reads the empty sender address of a captured probe', () => {
      const message = place(m, ARP_PROBE.slice(14));
      assert.equal(m.arpOperation(message), m.ARP_REQUEST.value);
      assert.equal(m.arpSpa(message), 0);
      assert.equal(m.arpTpa(message), 0x0a000009);
    });

    test('writes the same reply, every byte and no other', () => {
      const message = dirt(m, REPLY.length);
      m.arpSetOperation(message, m.ARP_REPLY.value);
      m.arpSetSha(message, macWord('02:00:00:00:00:0b'));
      m.arpSetSpa(message, 0x0a000002);
      m.arpSetTha(message, macWord('02:00:00:00:00:0a'));
      m.arpSetTpa(message, 0x0a000001);
      assert.deepEqual(read(m, message, REPLY.length), REPLY);
      assert.ok(onlyWroteInside(m, message, REPLY.length));
    });

    test('every truncated length is refused without a read behind it', () => {
      const bytes = ARP_REQUEST.slice(14);
      for (let len = 0; len < bytes.length; len++) {
        assert.equal(m.arpCheck(placeAtEnd(m, bytes.slice(0, len)), len), false, `${len}`);
      }
    });

    test('padding after the message is accepted', () => {
      const padded = new Uint8Array(46);
      padded.set(REPLY);
      assert.equal(m.arpCheck(place(m, padded), padded.length), true);
    });

    test('a change of any byte of the four fields before the operation is refused', () => {
      for (let offset = 0; offset < 6; offset++) {
        const message = place(m, withBytes(REPLY, offset, REPLY[offset]! ^ 0x02));
        assert.equal(m.arpCheck(message, REPLY.length), false, `byte ${offset}`);
      }
    });
  });
});
