/** Links as rtnetlink describes them, byte for byte. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attributesOf, u32 } from '../../src/system/netlink.js';
import { tapLinkIn } from '../../src/system/tap-links.js';

const IFF_UP = 1;

function link(kind: string, tunType: number, more: readonly (readonly [number, Buffer])[] = []): Buffer {
  const header = Buffer.alloc(16); // struct ifinfomsg
  header.writeInt32LE(7, 4);
  header.writeUInt32LE(IFF_UP, 8);
  const data = attributesOf([
    [3, Buffer.from([tunType])], // IFLA_TUN_TYPE
    [8, u32(1)], // IFLA_TUN_NUM_QUEUES
    [9, u32(0)], // IFLA_TUN_NUM_DISABLED_QUEUES
  ]);
  const info = attributesOf([
    [1, Buffer.from(`${kind}\0`)], // IFLA_INFO_KIND
    [2, data],
    ...more,
  ]);
  const attributes = attributesOf([
    [3, Buffer.from('foo0\0')],
    [1, Buffer.from('020000000001', 'hex')],
    [4, u32(1450)],
    [33, Buffer.from([1])],
    [20, Buffer.from('vxlane foo0 ab\0')],
    [18, info],
  ]);
  return Buffer.concat([header, attributes]);
}

const FOO0 = {
  ...{ ifindex: 7, name: 'foo0', mac: '02:00:00:00:00:01', mtu: 1450, isUp: true, hasCarrier: true },
  ...{ isBridgePort: false, isHeld: true, mark: 'vxlane foo0 ab' },
};

describe('a TAP in a message about a link', () => {
  it('is read', () => assert.deepEqual(tapLinkIn(link('tun', 2)), FOO0));

  it('says by the kind of its master that a bridge has it', () => {
    for (const master of ['bridge', 'openvswitch'])
      assert.equal(tapLinkIn(link('tun', 2, [[4, Buffer.from(`${master}\0`)]]))?.isBridgePort, true, master);
    assert.equal(tapLinkIn(link('tun', 2, [[4, Buffer.from('vrf\0')]]))?.isBridgePort, false);
  });

  it('is no TUN and nothing else', () => {
    assert.equal(tapLinkIn(link('tun', 1)), null);
    assert.equal(tapLinkIn(link('veth', 2)), null);
  });

  it('that is cut short anywhere is no TAP, or has less to say', () => {
    const whole = link('tun', 2);
    for (let length = 0; length < whole.length; length++) {
      const cut = tapLinkIn(whole.subarray(0, length));
      assert(cut === null || cut.name === 'foo0' || cut.name === '', `${length} bytes`);
    }
  });
});
