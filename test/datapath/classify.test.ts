// Which group frames concern a proxy: every rule of assembly/datapath/classify.ts by the frame that breaks it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  OVL_FLAG_LIVE,
  OVL_FLAG_LOOKUP,
  OVL_FLAG_PROXY_ARP,
  OVL_FLAG_PROXY_DHCP,
  OVL_FLAG_PROXY_NDP,
  PROXY_FRAME_MAX,
} from '../../assembly/layout.js';
import { place, placeAtEnd, withBytes, withTags } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import * as frames from '../wire/frames.js';
import { dhcp, fixed, ns, withOption } from './classify-frames.js';

const ALL = OVL_FLAG_PROXY_ARP | OVL_FLAG_PROXY_NDP | OVL_FLAG_PROXY_DHCP;
const { ARP_ANNOUNCEMENT, ARP_PROBE, ARP_REPLY, ARP_REQUEST, NS, NS_DAD, DHCP_DISCOVER, DHCP_OFFER } = frames;

const IP = 14;
const ARP = IP;
const ICMPV6 = IP + 40;
const UDP = IP + 20;
const BOOTP = UDP + 8;
/** From byte 1 of an IPv4 header: a UDP packet to 0.68.0.67. */
const ADDRESS_LIKE_PORTS = [0, 1, 0x48, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 0, 68, 0, 67] as const;
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] as const;

type Case = [hazard: string, frame: Uint8Array, expected: string];

const arpCases: Case[] = [
  ['a request', ARP_REQUEST, 'Arp'],
  ['a probe is a request', ARP_PROBE, 'Arp'],
  ['an announcement', ARP_ANNOUNCEMENT, 'ArpGratuitous'],
  ['an announcement of 0.0.0.0', withBytes(ARP_PROBE, ARP + 24, 0, 0, 0, 0), 'ArpGratuitous'],
  ['a broadcast reply', withBytes(ARP_REPLY, 0, ...BROADCAST), 'Plain'],
  ['operation 0', withBytes(ARP_REQUEST, ARP + 6, 0, 0), 'Plain'],
  ['operation 257 is not 1', withBytes(ARP_REQUEST, ARP + 6, 1, 1), 'Plain'],
  ['hardware type 6', withBytes(ARP_REQUEST, ARP, 0, 6), 'ArpBad'],
  ['protocol type IPv6', withBytes(ARP_REQUEST, ARP + 2, 0x86, 0xdd), 'ArpBad'],
  ['hlen 8', withBytes(ARP_REQUEST, ARP + 4, 8), 'ArpBad'],
  ['plen 16', withBytes(ARP_REQUEST, ARP + 5, 16), 'ArpBad'],
  ['padding to 60 bytes', Uint8Array.of(...ARP_REQUEST, ...new Uint8Array(18)), 'Arp'],
  ['nothing behind the EtherType', ARP_REQUEST.slice(0, IP), 'ArpBad'],
  ['the last byte missing', ARP_REQUEST.slice(0, -1), 'ArpBad'],
];

const ndpCases: Case[] = [
  ['a solicitation', NS, 'Ndp'],
  ['duplicate address detection', NS_DAD, 'Ndp'],
  ['no option at all', ns({ options: [] }), 'Ndp'],
  ['an option of 16 bytes', ns({ options: [14, 2, ...new Array(14).fill(7)] }), 'Ndp'],
  ['to all nodes, source given', ns({ dst: 'ff02::1' }), 'Ndp'],
  ['padding behind the packet', Uint8Array.of(...NS, 1, 2, 3), 'Ndp'],
  ['hop limit 254: it crossed a router', withBytes(NS, IP + 7, 254), 'NdpBad'],
  ['a wrong checksum', withBytes(NS, ICMPV6 + 2, NS[ICMPV6 + 2]! ^ 1), 'NdpBad'],
  ['a checksum of 0', withBytes(NS, ICMPV6 + 2, 0, 0), 'NdpBad'],
  ['code 1', ns({ code: 1 }), 'NdpBad'],
  ['a multicast target', ns({ target: 'ff02::1:ff00:b' }), 'NdpBad'],
  ['an option of length 0', ns({ options: [1, 0, 2, 0, 0, 0, 0, 10] }), 'NdpBad'],
  ['an option behind the end', ns({ options: [1, 2, 2, 0, 0, 0, 0, 10] }), 'NdpBad'],
  ['half an option', ns({ options: [1, 1, 2, 0] }), 'NdpBad'],
  ['a second option of length 0', ns({ options: [14, 1, 1, 2, 3, 4, 5, 6, 1, 0, 0, 0, 0, 0, 0, 0] }), 'NdpBad'],
  ['from :: with a source link-layer option', ns({ src: '::' }), 'NdpBad'],
  ['from :: with that option behind another', ns({ src: '::', options: withOption }), 'NdpBad'],
  ['from :: to all nodes', ns({ src: '::', dst: 'ff02::1', options: [] }), 'NdpBad'],
  ['an ICMP length of 23', ns({ cut: 1, options: [] }), 'NdpBad'],
  ['an ICMP length of 1', ns({ cut: 23, options: [] }), 'NdpBad'],
  ['a payload length of 0', withBytes(NS, IP + 4, 0, 0), 'NdpBad'],
  ['a payload length beyond the frame', withBytes(NS, IP + 4, 0, 33), 'NdpBad'],
  ['a payload length of 65535', withBytes(NS, IP + 4, 0xff, 0xff), 'NdpBad'],
  ['version 4', withBytes(NS, IP, 0x40), 'NdpBad'],
  ['the last byte missing', NS.slice(0, -1), 'NdpBad'],
  ['nothing behind the type', NS.slice(0, ICMPV6 + 1), 'NdpBad'],
  ['nothing behind the IPv6 header', NS.slice(0, ICMPV6), 'Plain'],
  ['half an IPv6 header', NS.slice(0, IP + 20), 'Plain'],
  ['an advertisement', withBytes(frames.NA, 0, 0x33, 0x33, 0, 0, 0, 1), 'Plain'],
  ['a listener report behind a hop-by-hop header', frames.MLD, 'Plain'],
  ['a solicitation behind a hop-by-hop header', withBytes(NS, IP + 6, 0), 'Plain'],
  ['a router solicitation', withBytes(NS, ICMPV6, 133), 'Plain'],
];

const dhcpCases: Case[] = [
  ["udhcpc's request", DHCP_DISCOVER, 'DhcpRequest'],
  ["udhcpc's request for broadcasts", frames.DHCP_DISCOVER_BROADCAST, 'DhcpRequest'],
  ["dnsmasq's broadcast reply", DHCP_OFFER, 'DhcpReply'],
  ['240 bytes and no option', dhcp({ length: 240 }), 'DhcpRequest'],
  ['no UDP checksum', withBytes(DHCP_DISCOVER, UDP + 6, 0, 0), 'DhcpRequest'],
  ['options in the IPv4 header', dhcp({ ipOptions: [1, 1, 1, 0] }), 'DhcpRequest'],
  ['padding behind the packet', Uint8Array.of(...DHCP_DISCOVER, 9, 9), 'DhcpRequest'],
  ['a wrong UDP checksum', withBytes(DHCP_DISCOVER, UDP + 7, DHCP_DISCOVER[UDP + 7]! ^ 1), 'DhcpBad'],
  ['a wrong header checksum', withBytes(DHCP_DISCOVER, IP + 10, 0, 0), 'DhcpBad'],
  ['version 6', fixed(withBytes(DHCP_DISCOVER, IP, 0x65)), 'DhcpBad'],
  ['the first fragment', fixed(withBytes(DHCP_DISCOVER, IP + 6, 0x20, 0)), 'DhcpBad'],
  ['a total length beyond the frame', fixed(withBytes(DHCP_DISCOVER, IP + 2, 1, 0x49)), 'DhcpBad'],
  ['a total length below the header', fixed(withBytes(DHCP_DISCOVER, IP + 2, 0, 19)), 'DhcpBad'],
  ['a total length that cuts the datagram', fixed(withBytes(DHCP_DISCOVER, IP + 2, 1, 0x40)), 'DhcpBad'],
  ['a UDP length beyond the packet', withBytes(DHCP_DISCOVER, UDP + 4, 1, 0x35, 0, 0), 'DhcpBad'],
  ['a UDP length of 7', withBytes(DHCP_DISCOVER, UDP + 4, 0, 7, 0, 0), 'DhcpBad'],
  ['239 bytes', dhcp({ length: 239 }), 'DhcpBad'],
  ['no byte at all', dhcp({ length: 0 }), 'DhcpBad'],
  ['no magic cookie', fixed(withBytes(DHCP_DISCOVER, BOOTP + 236, 0, 0, 0, 0)), 'DhcpBad'],
  ['hardware type 6', fixed(withBytes(DHCP_DISCOVER, BOOTP + 1, 6)), 'DhcpBad'],
  ['a hardware address of 16 bytes', fixed(withBytes(DHCP_DISCOVER, BOOTP + 2, 16)), 'DhcpBad'],
  ['a reply from the client port', fixed(withBytes(DHCP_DISCOVER, BOOTP, 2)), 'DhcpBad'],
  ['a request from the server port', fixed(withBytes(DHCP_OFFER, BOOTP, 1)), 'DhcpBad'],
  ['the last byte missing', DHCP_DISCOVER.slice(0, -1), 'DhcpBad'],
  ['nothing behind the UDP header', DHCP_DISCOVER.slice(0, BOOTP), 'DhcpBad'],
  ['half a UDP header', DHCP_DISCOVER.slice(0, UDP + 4), 'Plain'],
  ['half an IPv4 header', DHCP_DISCOVER.slice(0, IP + 10), 'Plain'],
  ['a later fragment whose bytes look like ports', fixed(withBytes(DHCP_DISCOVER, IP + 6, 0, 7)), 'Plain'],
  ['an IHL of 4 words, ports in the address', withBytes(DHCP_DISCOVER, IP, 0x44, ...ADDRESS_LIKE_PORTS), 'Plain'],
  ['an IHL beyond the frame', withBytes(DHCP_DISCOVER.slice(0, IP + 40), IP, 0x4f), 'Plain'],
  ['the same ports over TCP', fixed(withBytes(DHCP_DISCOVER, IP + 9, 6)), 'Plain'],
  ['68 to 68', fixed(withBytes(DHCP_DISCOVER, UDP + 2, 0, 68)), 'Plain'],
  ['67 to 67: between relays', fixed(withBytes(DHCP_DISCOVER, UDP, 0, 67)), 'Plain'],
  ['any other port', fixed(withBytes(DHCP_DISCOVER, UDP + 2, 0x11, 0x43)), 'Plain'],
  ['a multicast destination address', withBytes(DHCP_DISCOVER, 0, 0x01, 0x00, 0x5e), 'Plain'],
];

const otherCases: Case[] = [
  ['an empty frame', new Uint8Array(0), 'Plain'],
  ['half a header', ARP_REQUEST.slice(0, 13), 'Plain'],
  ['an unknown EtherType', withBytes(ARP_REQUEST, 12, 0x88, 0xb5), 'Plain'],
  ['an 802.3 length', withBytes(ARP_REQUEST, 12, 0x00, 0x26), 'Plain'],
  ['broadcast UDP of another protocol', withBytes(frames.UDP_IPV4, 0, ...BROADCAST), 'Plain'],
];

const rooms: { name: string; flag: number; cases: Case[]; bad: string; valid: Uint8Array[] }[] = [
  { name: 'ARP', flag: OVL_FLAG_PROXY_ARP, cases: arpCases, bad: 'ArpBad', valid: [ARP_REQUEST, ARP_ANNOUNCEMENT] },
  { name: 'NDP', flag: OVL_FLAG_PROXY_NDP, cases: ndpCases, bad: 'NdpBad', valid: [NS, NS_DAD] },
  { name: 'DHCP', flag: OVL_FLAG_PROXY_DHCP, cases: dhcpCases, bad: 'DhcpBad', valid: [DHCP_DISCOVER, DHCP_OFFER] },
];
const everyCase = [...rooms.flatMap((room) => room.cases), ...otherCases];

/** `frame` with zeros behind it. */
function padded(frame: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(frame);
  return bytes;
}

await forEachBuild((build, m) => {
  const classify = (frame: Uint8Array, flags: number): string =>
    m.Class[m.classify(placeAtEnd(m, frame), frame.length, flags)]!;

  describe(`classify, ${build} build`, () => {
    for (const { name, cases } of [...rooms, { name: 'other', cases: otherCases }]) {
      for (const [hazard, frame, expected] of cases) {
        test(`${name}, ${hazard}: ${expected}`, () => assert.equal(classify(frame, ALL), expected));
      }
    }

    test('tags change nothing, as long as there are at most two', () => {
      for (const [hazard, frame, expected] of everyCase) {
        if (frame.length < IP) continue;
        assert.equal(classify(withTags(frame, 0x8100_0005), ALL), expected, hazard);
        assert.equal(classify(withTags(frame, 0x88a8_0005, 0x8100_e007), ALL), expected, hazard);
        assert.equal(classify(withTags(frame, 0x8100_0005, 0x8100_0005, 0x8100_0005), ALL), 'Plain', hazard);
      }
    });

    for (const { name, flag, cases, bad, valid } of rooms) {
      test(`${name} without its proxy is plain, also when it is malformed`, () => {
        for (const [hazard, frame] of cases) {
          assert.equal(classify(frame, (ALL & ~flag) | OVL_FLAG_LIVE | OVL_FLAG_LOOKUP), 'Plain', hazard);
        }
      });

      test(`${name} with its proxy alone is classified the same`, () => {
        for (const [hazard, frame, expected] of cases) assert.equal(classify(frame, flag), expected, hazard);
      });

      test(`${name} may be as large as a proxy takes, and no larger`, () => {
        for (const frame of valid) {
          assert.equal(classify(padded(frame, PROXY_FRAME_MAX), ALL), classify(frame, ALL));
          assert.equal(classify(padded(frame, PROXY_FRAME_MAX + 1), ALL), bad);
          assert.equal(classify(withTags(padded(frame, PROXY_FRAME_MAX - 3), 0x8100_0001), ALL), bad);
        }
      });

      test(`${name}: no truncated length is taken for a whole frame, and no byte behind it is read`, () => {
        for (const frame of valid) {
          for (let len = 0; len < frame.length; len++) {
            assert.ok(['Plain', bad].includes(classify(frame.slice(0, len), ALL)), `${len}`);
          }
        }
      });
    }

    test('the answer never depends on bytes behind the frame', () => {
      const seeds = fc.constantFrom(...everyCase.map(([, frame]) => frame));
      const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
      const cut = fc.option(fc.nat({ max: 400 }), { freq: 2 });
      fc.assert(
        fc.property(seeds, edits, cut, fc.integer({ min: 0, max: 255 }), (seed, changes, length, behind) => {
          const frame = seed.slice(0, length ?? seed.length);
          for (const [offset, byte] of changes) if (frame.length > 6) frame[6 + (offset % (frame.length - 6))] = byte;
          const atEnd = m.classify(placeAtEnd(m, frame), frame.length, ALL);
          const ptr = place(m, frame);
          assert.equal(m.classify(ptr, frame.length, ALL), atEnd, 'followed by dirt');
          m.bytes.fill(behind, ptr + frame.length, ptr + frame.length + 256);
          assert.equal(m.classify(ptr, frame.length, ALL), atEnd, `followed by ${behind}`);
        }),
        { numRuns: 2000 },
      );
    });

    test('random bytes are never taken for a valid solicitation or DHCP message', () => {
      const types = fc.constantFrom([0x08, 0x00], [0x08, 0x06], [0x86, 0xdd], [0x81, 0x00]);
      fc.assert(
        fc.property(types, fc.uint8Array({ maxLength: 400 }), (type, payload) => {
          const frame = Uint8Array.of(...BROADCAST, 2, 0, 0, 0, 0, 10, ...type, ...payload);
          assert.ok(['Plain', 'ArpBad', 'NdpBad', 'DhcpBad'].includes(classify(frame, ALL)));
        }),
        { numRuns: 2000 },
      );
    });
  });
});
