import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dirt, macWord, onlyWroteInside, place, placeAtEnd, read, withBytes } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { DHCP_DISCOVER, DHCP_DISCOVER_BROADCAST, DHCP_OFFER } from './frames.js';

const DHCP = 14 + 20 + 8;
const DISCOVER = DHCP_DISCOVER.slice(DHCP);
const CLIENT = macWord('02:00:00:00:00:0a');

const xid = (message: Uint8Array): number => new DataView(message.buffer).getUint32(4);

await forEachBuild((build, m) => {
  describe(`dhcp, ${build} build`, () => {
    test("reads udhcpc's request", () => {
      const message = placeAtEnd(m, DISCOVER);
      assert.equal(m.dhcpCheck(message, DISCOVER.length), true);
      assert.equal(m.dhcpOp(message), m.BOOTREQUEST.value);
      assert.equal(m.dhcpXid(message), xid(DISCOVER));
      assert.equal(m.dhcpFlags(message), 0);
      assert.equal(m.dhcpChaddr(message), CLIENT);
    });

    test("reads dnsmasq's reply to a client that wants broadcasts", () => {
      const bytes = DHCP_OFFER.slice(DHCP);
      const message = placeAtEnd(m, bytes);
      assert.equal(m.dhcpCheck(message, bytes.length), true);
      assert.equal(m.dhcpOp(message), m.BOOTREPLY.value);
      assert.equal(m.dhcpFlags(message), m.DHCP_FLAG_BROADCAST.value);
      assert.equal(m.dhcpChaddr(message), CLIENT);
    });

    test('writes the same 240 bytes as udhcpc and no other', () => {
      const bytes = DHCP_DISCOVER_BROADCAST.slice(DHCP);
      const message = dirt(m, 240);
      m.dhcpStamp(message, m.BOOTREQUEST.value, xid(bytes), m.DHCP_FLAG_BROADCAST.value, CLIENT);
      assert.deepEqual(read(m, message, 240), bytes.slice(0, 240));
      assert.ok(onlyWroteInside(m, message, 240));
    });

    test('every length below the cookie is refused without a read behind it', () => {
      for (let len = 0; len < 240; len++) {
        assert.equal(m.dhcpCheck(placeAtEnd(m, DISCOVER.slice(0, len)), len), false, `${len}`);
      }
      assert.equal(m.dhcpCheck(placeAtEnd(m, DISCOVER.slice(0, 240)), 240), true);
    });

    test('another hardware type, address length or cookie is refused', () => {
      for (const offset of [1, 2, 236, 237, 238, 239]) {
        const message = place(m, withBytes(DISCOVER, offset, DISCOVER[offset]! ^ 1));
        assert.equal(m.dhcpCheck(message, DISCOVER.length), false, `byte ${offset}`);
      }
    });
  });
});
