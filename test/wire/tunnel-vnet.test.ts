import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dirt, onlyWroteInside, place, read } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));
//                          flags type hdrLen gsoSize csumStart csumOffset
const TCP_OF_VNIC = bytes('01 01 4200 7805 2200 1000'); // 14 + 20 + 32 bytes of headers, segments of 1400
const UDP_OF_VNIC = bytes('01 05 3e00 7805 3600 0600'); // over IPv6: 14 + 40 + 8
const NOTHING = new Uint8Array(24);
const OUTER_IPV4 = 50;
const OUTER_IPV6 = 70;

await forEachBuild((build, m) => {
  const set = (inner: Uint8Array, tunnel: number, withChecksum: boolean, headers: number): Uint8Array => {
    const to = dirt(m, 24);
    const from = to - 256 - 64;
    m.bytes.set(inner, from);
    const [outer, th] = tunnel === m.VNET_TUNNEL_IPV4.value ? [OUTER_IPV4, 34] : [OUTER_IPV6, 54];
    m.tunnelVnetSet(to, from, tunnel, withChecksum, outer!, th!, headers, 14);
    assert.ok(onlyWroteInside(m, to, 24));
    return read(m, to, 24);
  };
  const inner = (vnet: Uint8Array, outer: number): Uint8Array => {
    const at = place(m, vnet);
    m.tunnelVnetInner(at, at, outer);
    assert.ok(onlyWroteInside(m, at, 24));
    return read(m, at, 10);
  };

  describe(`the header of an underlay TAP, ${build} build`, () => {
    const rest = '0000 00000000 0000 0000';
    const tcp = bytes(`01 21 7400 7805 5400 1000 ${rest} 2200 4000`);
    const udp = bytes(`09 45 8400 7805 7c00 0600 ${rest} 3600 5400`);

    test('is that of the VNIC with the tunnel added, as golden bytes', () => {
      assert.deepEqual(set(TCP_OF_VNIC, m.VNET_TUNNEL_IPV4.value, false, 66), tcp);
      assert.deepEqual(set(UDP_OF_VNIC, m.VNET_TUNNEL_IPV6.value, true, 62), udp);
    });

    test('keeps a TCP type with ECN', () => {
      const withEcn = TCP_OF_VNIC.slice();
      withEcn[1] = 0x81;
      const vnet = set(withEcn, m.VNET_TUNNEL_IPV4.value, false, 66);
      assert.equal(vnet[1], 0xa1);
      assert.equal(inner(vnet, OUTER_IPV4)[1], 0x81);
    });

    test('is read where it is written, and gives the header of the VNIC back in place', () => {
      const at = place(m, udp);
      assert.equal(m.tunnelVnetIsTunnel(at), true);
      assert.deepEqual([m.tunnelVnetOuterTh(at), m.tunnelVnetInnerNh(at)], [54, 84]);
      assert.deepEqual(inner(udp, OUTER_IPV6), UDP_OF_VNIC);
      assert.deepEqual(inner(tcp, OUTER_IPV4), TCP_OF_VNIC);
    });

    test('of a frame with an unfinished inner checksum says that, of an unfinished outer one nothing', () => {
      const innerChecksum = bytes(`01 00 7400 0000 5400 1000 ${rest} 0000 0000`);
      assert.deepEqual(inner(innerChecksum, OUTER_IPV4), bytes('01 00 4200 0000 2200 1000'));
      const outerChecksum = bytes(`01 00 7400 0000 2200 0600 ${rest} 0000 0000`);
      assert.equal(m.tunnelVnetIsTunnel(place(m, outerChecksum)), false);
      assert.deepEqual(inner(outerChecksum, OUTER_IPV4), new Uint8Array(10));
    });

    test('of a frame that is complete, or whose checksum the interface has verified, is clear', () => {
      const at = dirt(m, 24);
      m.tunnelVnetClear(at);
      assert.deepEqual(read(m, at, 24), NOTHING);
      assert.ok(onlyWroteInside(m, at, 24));
      const verified = NOTHING.slice();
      verified[0] = 2;
      assert.deepEqual(inner(verified, OUTER_IPV4), new Uint8Array(10));
    });
  });
});
