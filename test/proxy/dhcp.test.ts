import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dhcpClient, redirect } from '../../src/proxy/dhcp.js';
import { DHCP_DISCOVER, DHCP_DISCOVER_BROADCAST, DHCP_OFFER_UNICAST } from '../wire/frames.js';
import { embedded, hex, tagged } from './frames.js';

const CLIENT = '02:00:00:00:00:0a';
const SERVER = '02:00:00:00:00:0b';

/** The frame with four more bytes of IPv4 header: an option of two no-operations and the end of the list. */
function withIpOptions(frame: Uint8Array): Uint8Array {
  return Uint8Array.of(...frame.subarray(0, 14), 0x46, ...frame.subarray(15, 34), 1, 1, 1, 0, ...frame.subarray(34));
}

describe('the DHCP proxy', () => {
  test('knows the client by chaddr, in either direction, behind a tag and IPv4 options', () => {
    for (const frame of [DHCP_DISCOVER, DHCP_OFFER_UNICAST, tagged(DHCP_DISCOVER), withIpOptions(DHCP_DISCOVER)]) {
      assert.equal(dhcpClient(embedded(frame)), CLIENT);
    }
  });

  test('changes the Ethernet destination and nothing else', () => {
    for (const frame of [DHCP_DISCOVER, DHCP_DISCOVER_BROADCAST, tagged(DHCP_DISCOVER)]) {
      const before = hex(frame);
      assert.equal(hex(redirect(frame, SERVER)), `02000000000b${before.slice(12)}`);
      assert.equal(hex(frame), before);
    }
  });

  test('a frame cut before the end of chaddr is a RangeError, never a read beside it', () => {
    for (let length = 0; length < 14 + 20 + 8 + 28 + 6; length++) {
      assert.throws(() => dhcpClient(embedded(DHCP_DISCOVER.subarray(0, length))), RangeError, `${length}`);
    }
    for (let length = 0; length < 6; length++) {
      assert.throws(() => redirect(embedded(DHCP_DISCOVER.subarray(0, length)), SERVER), RangeError, `${length}`);
    }
  });
});
