// Which frames that do not fit their path are answered: RFC 1122 section 3.2.2, RFC 4443 section 2.4.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withBytes } from '../support/bytes.js';
import { BUILDS } from '../support/core.js';
import { frame } from '../support/frames.js';
import { A, answersOf, FAR, FLOW4, FLOW6, ipv4Fixed, packetOf, setUp } from './too-big-frames.js';

const icmp4 = (type: number): Uint8Array => {
  const changed = withBytes(packetOf(FLOW4, 1450), 23, 1);
  changed[34] = type;
  return ipv4Fixed(changed);
};
const icmp6 = (type: number): Uint8Array => {
  const changed = withBytes(packetOf(FLOW6, 1450), 20, 58);
  changed[54] = type;
  return changed;
};
const address4 = (at: number, ...bytes: number[]): Uint8Array =>
  ipv4Fixed(withBytes(packetOf(FLOW4, 1450), 26 + at, ...bytes));
const address6 = (at: number, bytes: string): Uint8Array =>
  withBytes(packetOf(FLOW6, 1450), 22 + at, ...Buffer.from(bytes, 'hex'));
const fragment6 = (offset: number): Uint8Array => {
  const packet = packetOf({ ...FLOW6, ipOptions: Buffer.from([17, 0, offset >> 8, offset & 255, 0, 0, 0, 1]) }, 1450);
  return withBytes(packet, 20, 44);
};
const unanswered: Record<string, Uint8Array> = {
  'IPv4 that may be fragmented': packetOf({ ...FLOW4, df: false }, 1450),
  'a fragment that is not the first': ipv4Fixed(withBytes(packetOf(FLOW4, 1450), 20, 0x40, 1)),
  'ICMP destination unreachable': icmp4(3),
  'ICMP source quench': icmp4(4),
  'ICMP redirect': icmp4(5),
  'ICMP time exceeded': icmp4(11),
  'ICMP parameter problem': icmp4(12),
  'a source of 0.0.0.0': address4(0, 0, 0, 0, 0),
  'a source of 127.0.0.1': address4(0, 127, 0, 0, 1),
  'a multicast source': address4(0, 224, 0, 0, 1),
  'a source of 255.255.255.255': address4(0, 255, 255, 255, 255),
  'a multicast destination': address4(4, 239, 1, 1, 1),
  'a destination of 255.255.255.255': address4(4, 255, 255, 255, 255),
  'a wrong IPv4 checksum': withBytes(packetOf(FLOW4, 1450), 24, 0, 0),
  'IPv4 longer than its frame': ipv4Fixed(withBytes(packetOf(FLOW4, 1450), 16, 0x7f, 0xff)),
  'a fragment of IPv6 that is not the first': fragment6(8),
  'ICMPv6 packet too big': icmp6(2),
  'ICMPv6 time exceeded': icmp6(3),
  'a redirect of neighbour discovery': icmp6(137),
  'a source of ::': address6(0, '00'.repeat(16)),
  'a source of ::1': address6(0, `${'00'.repeat(15)}01`),
  'a multicast source of IPv6': address6(0, 'ff02'),
  'a multicast destination of IPv6': address6(16, 'ff02'),
  'IPv6 longer than its frame': withBytes(packetOf(FLOW6, 1450), 18, 0x7f, 0xff),
  'what is not IP': frame(FAR, A, { payload: Buffer.alloc(1450, 1) }),
};
const answered: Record<string, Uint8Array> = {
  'ICMP echo': icmp4(8),
  'ICMPv6 echo': icmp6(128),
  'the first fragment of IPv4 with DF': ipv4Fixed(withBytes(packetOf(FLOW4, 1450), 20, 0x60, 0)),
  'the first fragment of IPv6': fragment6(1),
  'IPv6 behind hop-by-hop options': packetOf({ ...FLOW6, ipOptions: Buffer.from([17, 0, 1, 4, 0, 0, 0, 0]) }, 1450),
};

for (const build of BUILDS) {
  describe(`answers to frames that do not fit, ${build} build`, () => {
    for (const [what, sent] of Object.entries(unanswered)) {
      it(`is dropped without an answer: ${what}`, () => {
        const { core, vnic } = setUp(build);
        assert.deepEqual(core.encap(vnic, [sent]), []);
        assert.deepEqual(core.counters.drops(), { exceeds_pmtu: 1 });
        core.checkBooks();
      });
    }

    for (const [what, sent] of Object.entries(answered)) {
      it(`is answered: ${what}`, () => {
        const { core, vnic } = setUp(build);
        assert.equal(answersOf(core.encap(vnic, [sent])).length, 1);
      });
    }
  });
}
