// Link protection: beside a slow twin, and by cases that somebody might think of.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PROTECTIONS, type Protection } from '../../src/link-protection.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { arp, BROADCAST, frame } from '../support/frames.js';
import { ALLOWED, be16, FAR, MAC, macBytes, OTHER_MAC, type Sent, sents } from './protect-frames.js';
import { judge } from './protect-twin.js';

function setUp(build: Build, kinds: readonly Protection[]) {
  const core = new Core(build, 64);
  const overlay = core.overlay({ proxyArp: false, proxyNdp: false, proxyDhcp: false, mtu: 9000 });
  const vnic = core.vnic(overlay, MAC);
  core.remote(overlay, FAR, { ip: '10.0.0.1', port: 4789 });
  const protect = (some: readonly Protection[]) =>
    core.tables.setVnicProtection(vnic, { kinds: some, allowed: some.includes('ip-nospoof') ? ALLOWED : [] });
  protect(kinds);
  /** The reason it is dropped for, null: it left. */
  const verdict = ({ frame, vnet }: Sent): string | null => {
    const before = core.counters.overlay(overlay).drops;
    const outputs = core.encap(vnic, [frame], [vnet]);
    const after = Object.entries(core.counters.overlay(overlay).drops);
    const [reason, ...more] = after.filter(([name, count]) => count !== (before[name as keyof typeof before] ?? 0));
    assert.equal(more.length, 0);
    assert.equal(outputs.length > 0, reason === undefined);
    core.checkBooks();
    return reason?.[0] ?? null;
  };
  return { core, overlay, vnic, protect, verdict };
}

const plain = (bytes: Uint8Array): Sent => ({ frame: bytes, vnet: new Uint8Array(10) });
const ipv4 = (source: number[], protocol: number, payload: number[]) => [
  ...[0x45, 0, ...be16(20 + payload.length), 0, 0, 0, 0, 64, protocol, 0, 0],
  ...[...source, 10, 0, 0, 9, ...payload],
];
const udpTo = (port: number, payload: number[]) => [
  3,
  232,
  ...be16(port),
  ...be16(8 + payload.length),
  0,
  0,
  ...payload,
];

for (const build of BUILDS) {
  describe(`link protection in the ${build} build`, () => {
    it('says of any frame what the slow twin says, whatever it protects from', () => {
      const { protect, verdict } = setUp(build, []);
      const seen = new Map<string, number>();
      const kinds = fc.subarray([...PROTECTIONS]);
      fc.assert(
        fc.property(kinds, sents, (some, sent) => {
          protect(some);
          const expected = judge(sent, new Set(some), ALLOWED);
          seen.set(expected ?? 'passes', (seen.get(expected ?? 'passes') ?? 0) + 1);
          assert.equal(verdict(sent), expected, some.join());
        }),
        { numRuns: 6000 },
      );
      // the frames reach everything that it says
      for (const reason of ['passes', 'spoofed_lladdr', 'spoofed_ip', 'spoofed_dhcp', 'rogue_dhcp', 'rogue_ra']) {
        assert.ok((seen.get(reason) ?? 0) > 0, reason);
      }
      for (const reason of ['restricted_type', 'bad_headers', 'bad_offload', 'bad_arp']) {
        assert.ok((seen.get(reason) ?? 0) > 0, reason);
      }
    });

    it('lets nothing of another address pass that a super-frame carries', () => {
      const { verdict } = setUp(build, ['ip-nospoof']);
      const tcp = (source: number[]): Sent => {
        const segment = [
          0,
          80,
          0,
          80,
          ...new Array(8).fill(0),
          0x50,
          0x10,
          0,
          0,
          0,
          0,
          0,
          0,
          ...new Array(3000).fill(1),
        ];
        const vnet = Uint8Array.of(1, 1, 54, 0, ...[1000 & 0xff, 1000 >> 8], 34, 0, 16, 0);
        return {
          frame: frame(FAR, MAC, { etherType: 0x0800, payload: Uint8Array.from(ipv4(source, 6, segment)) }),
          vnet,
        };
      };
      assert.equal(verdict(tcp([10, 0, 0, 5])), null);
      assert.equal(verdict(tcp([10, 0, 0, 6])), 'spoofed_ip');
    });

    it('lets no super-frame pass whose first datagram is an honest DHCP request', () => {
      const { verdict } = setUp(build, ['dhcp-nospoof']);
      const fixed = new Array(202).fill(0);
      const request = (mac: string) => [
        1,
        1,
        6,
        0,
        ...new Array(24).fill(0),
        ...macBytes(mac),
        ...fixed,
        99,
        130,
        83,
        99,
        255,
      ];
      const sent = (payload: number[], type: number): Sent => ({
        frame: frame(FAR, MAC, {
          etherType: 0x0800,
          payload: Uint8Array.from(ipv4([0, 0, 0, 0], 17, udpTo(67, payload))),
        }),
        vnet: Uint8Array.of(
          1,
          type,
          42,
          0,
          ...(type === 0 ? [0, 0] : be16(request(MAC).length).reverse()),
          34,
          0,
          6,
          0,
        ),
      });
      assert.equal(verdict(sent(request(MAC), 0)), null, 'its checksum is left to be made');
      assert.equal(verdict(sent([...request(MAC), ...request(OTHER_MAC)], 5)), 'spoofed_dhcp');
    });

    it('is not got around by a checksum that is made where a source address is', () => {
      for (const kinds of [[], ['mac-nospoof']] as const) {
        const { verdict } = setUp(build, kinds);
        const payload = Uint8Array.from(ipv4([10, 0, 0, 5], 6, new Array(20).fill(0)));
        const bytes = frame(FAR, MAC, { etherType: 0x0800, payload });
        for (const [start, offset] of [
          [6, 0],
          [0, 6],
          [12, 0],
        ] as const) {
          const vnet = Uint8Array.of(1, 0, 0, 0, 0, 0, start, 0, offset, 0);
          assert.equal(verdict({ frame: bytes, vnet }), 'bad_offload');
        }
        assert.equal(verdict({ frame: bytes, vnet: Uint8Array.of(1, 0, 0, 0, 0, 0, 34, 0, 16, 0) }), null);
      }
    });

    it('follows the MAC of the VNIC, and what is allowed, from one frame to the next', () => {
      const { core, vnic, verdict } = setUp(build, ['mac-nospoof', 'ip-nospoof']);
      const claim = (mac: string, ip: string) =>
        plain(frame(FAR, mac, { etherType: 0x0806, payload: arp(2, mac, ip, '10.0.0.9') }));
      assert.equal(verdict(claim(MAC, '10.0.0.5')), null);
      assert.equal(verdict(claim(MAC, '10.0.0.7')), 'spoofed_ip');
      core.tables.setVnicProtection(vnic, { kinds: ['mac-nospoof', 'ip-nospoof'], allowed: ['10.0.0.7/32'] });
      assert.equal(verdict(claim(MAC, '10.0.0.5')), 'spoofed_ip');
      assert.equal(verdict(claim(MAC, '10.0.0.7')), null);
      core.tables.setVnicMac(vnic, OTHER_MAC);
      assert.equal(verdict(claim(OTHER_MAC, '10.0.0.7')), null);
      core.tables.setVnicProtection(vnic, { kinds: [], allowed: [] });
      assert.equal(verdict(claim(OTHER_MAC, '10.0.0.5')), null);
    });

    it('keeps what it drops from VNICs beside, too', () => {
      const { core, overlay, vnic } = setUp(build, ['ip-nospoof']);
      core.vnic(overlay, '02:00:00:00:00:0c');
      const of = (ip: string) => frame(BROADCAST, MAC, { etherType: 0x0806, payload: arp(1, MAC, ip, ip) });
      assert.equal(core.encap(vnic, [of('10.0.0.6')]).length, 0);
      assert.equal(core.encap(vnic, [of('10.0.0.5')]).length, 1);
      core.checkBooks();
    });
  });
}
