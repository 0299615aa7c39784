// The underlay TAP as the datapath knows it: which lists leave by it and as what, and what becomes of what it brings.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipBytes } from '../../src/address.js';
import { DEFAULT_OUTER } from '../../src/outer-header.js';
import { slowChecksum } from '../support/bytes.js';
import { BUILDS, Core, type Output } from '../support/core.js';
import { payloadOf } from '../support/flows.js';
import { datagram } from '../support/frames.js';
import { ACK, buildFrame, concat, type Flow, headerLengthOf, TCP, UDP, vnetOf } from '../support/super-frames.js';
import { NO_TCP, OUTER, outer, PLAIN, tunnelVnet, unsummed } from '../support/underlay-frames.js';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const TAP_MAC = '02:00:00:00:00:99';
const OURS = { ip: '192.0.2.1', port: 4789 };
const PEER = { ip: '192.0.2.2', port: 4789 };
const IFINDEX = 7;
const VNET = 24;
const bytes = (mac: string): number[] => mac.split(':').map((byte) => Number.parseInt(byte, 16));

/** A TCP stream between two VNICs. */
function stream(to: string, from: string): Flow {
  const macs = Uint8Array.from([...bytes(to), ...bytes(from)]);
  const addresses = concat(ipBytes('10.0.0.1'), ipBytes('10.0.0.2'));
  return {
    ...PLAIN,
    version: 4,
    protocol: TCP,
    macs,
    addresses,
    ports: [1, 2],
    ...NO_TCP,
    ack: 1,
    window: 9,
    flags: ACK,
  };
}

for (const build of BUILDS) {
  describe(`the underlay TAP, ${build} build`, () => {
    /** A host with the VNIC A, and B behind PEER. `mtu`: of the route there; null: there is none. */
    const host = (mtu: number | null = 1500) => {
      const core = new Core(build);
      const overlay = core.overlay({ segment: true, coalesceTcp: true });
      const vnic = core.vnic(overlay, A);
      core.remote(overlay, B, PEER);
      core.tables.setUnderlayTap({ fds: [99], mac: TAP_MAC });
      const route = mtu === null ? null : { ifindex: IFINDEX, source: OURS.ip, mtu };
      for (const [index] of core.endpoints.all()) core.endpoints.setRoute(core.module, index, route, TAP_MAC);
      return { core, overlay, vnic };
    };
    const out = stream(B, A);
    const payload = payloadOf(4000, 1);
    const whole = buildFrame(out, payload, true);
    const small = buildFrame(out, payloadOf(10, 2));
    const sizes = (outputs: readonly Output[]) => outputs.map((one) => ('to' in one ? one.datagram.length : 'tap'));

    it('sends a super-frame whole, its headers in front', () => {
      const { core, vnic } = host();
      const [output, ...others] = core.encap(vnic, [whole], [vnetOf(out, 1400)]);
      assert.deepEqual(others, []);
      assert.ok(output !== undefined && 'frame' in output);
      const written = Uint8Array.from(Buffer.concat([output.vnet!, output.frame]));
      const macs = Uint8Array.from([...bytes(TAP_MAC), 0, 0, IFINDEX, 0, 0, 0]);
      const expected = unsummed(outer(OURS.ip, PEER.ip, macs, [50_001, 4789], datagram(23, whole)));
      assert.deepEqual(written, concat(tunnelVnet(out, 1400), expected));
      const { encapOut, encapOutBytes } = core.counters.totals();
      assert.deepEqual([encapOut, encapOutBytes], [3, whole.length + 2 * headerLengthOf(out)]);
      core.checkBooks();
    });

    it('sends what is in a list with a super-frame by the same way, in order; a list without, by the sockets', () => {
      const { core, vnic } = host();
      const mixed = core.encap(vnic, [small, whole, small], [Buffer.alloc(10), vnetOf(out, 1400)]);
      assert.deepEqual(sizes(mixed), ['tap', 'tap', 'tap']);
      const [first] = mixed;
      assert.ok(first !== undefined && 'frame' in first);
      assert.equal(first.vnet, undefined, 'nothing is left to do');
      assert.deepEqual(sizes(core.encap(vnic, [small, small])), [small.length + 8, small.length + 8]);
      core.checkBooks();
    });

    it('leaves to the sockets what has no route, and what the route does not take', () => {
      for (const mtu of [null, 1300]) {
        const { core, vnic } = host(mtu);
        const size = 8 + headerLengthOf(out) + 1400;
        assert.deepEqual(sizes(core.encap(vnic, [whole], [vnetOf(out, 1400)])), [size, size, size - 200]);
        core.checkBooks();
      }
    });

    it('sends what may be fragmented without DF, each datagram with an id of its own', () => {
      const { core, overlay, vnic } = host();
      core.setOverlay(overlay, { segment: true, outer: { ...DEFAULT_OUTER, df: 'inherit' } });
      const flow = { ...out, df: false };
      const [superFrame, single] = [buildFrame(flow, payload, true), buildFrame(flow, payloadOf(10, 2))];
      const vnets = [vnetOf(flow, 1400), Buffer.alloc(10), vnetOf(out, 1400), vnetOf(flow, 1400), Buffer.alloc(10)];
      const written = core.encap(vnic, [superFrame, single, whole, superFrame, single], vnets).map((output) => {
        assert.ok('frame' in output);
        const ip = output.frame.subarray(VNET - 10 + 14);
        assert.equal(slowChecksum(ip.subarray(0, 20)), 0);
        const isChecked = ip.readUInt16BE(20 + 6) !== 0;
        assert.equal(isChecked, ip.readUInt16BE(6) === 0, 'without, fragments of two datagrams could be put together');
        return [ip.readUInt16BE(4), ip.readUInt16BE(6)];
      });
      const [id] = written[0]!;
      const ids = [id!, id! + 3, 0, id! + 4, id! + 7]; // a super-frame is three datagrams
      assert.deepEqual(
        written,
        ids.map((each, index) => [each, index === 2 ? 0x4000 : 0]),
      );
      core.checkBooks();
    });

    it('has its routes changed and taken away while it runs', () => {
      const { core, vnic } = host();
      const [index] = [...core.endpoints.all()][0]!;
      for (const ifindex of [8, 9, 10]) {
        core.endpoints.setRoute(core.module, index, { ifindex, source: OURS.ip, mtu: 1500 }, TAP_MAC);
        const [output] = core.encap(vnic, [whole], [vnetOf(out, 1400)]);
        assert.ok(output !== undefined && 'frame' in output);
        assert.equal(output.frame[VNET - 10 + 8], ifindex);
      }
      core.endpoints.setRoute(core.module, index, null, TAP_MAC);
      assert.equal(core.encap(vnic, [whole], [vnetOf(out, 1400)]).length, 3);
      core.tables.removeUnderlayTap();
      core.checkBooks();
    });

    const there = stream(A, B);
    const inside = buildFrame(there, payload, true);
    const macs = Uint8Array.from([...bytes(A), ...bytes(B)]);
    const from = (inner: Uint8Array, port = 4789) => outer(PEER.ip, OURS.ip, macs, [50_000, port], datagram(23, inner));

    it('delivers a super-frame whole, with the header that its sender meant', () => {
      const { core, vnic } = host();
      const outputs = core.underlay([concat(tunnelVnet(there, 1400), from(inside))]);
      assert.deepEqual(outputs.length, 1);
      const [output] = outputs;
      assert.ok(output !== undefined && 'frame' in output && output.vnet !== undefined);
      assert.deepEqual([output.vnic, Uint8Array.from(output.frame)], [vnic, inside]);
      assert.deepEqual(Uint8Array.from(output.vnet), vnetOf(there, 1400));
      assert.equal(core.counters.totals().decapIn, 3);
      core.checkBooks();
    });

    it('delivers a frame with an unfinished checksum as that, and datagrams that were joined one by one', () => {
      const { core } = host();
      const partial = Buffer.alloc(VNET);
      partial.set([1, 0]);
      partial.writeUInt16LE(OUTER + 8 + 34, 6);
      partial.writeUInt16LE(16, 8);
      const one = buildFrame(there, payloadOf(100, 3), true);
      const [output] = core.underlay([concat(partial, unsummed(from(one)))]);
      assert.ok(output !== undefined && 'frame' in output);
      assert.deepEqual([...output.vnet!], [1, 0, 0, 0, 0, 0, 34, 0, 16, 0]);

      const whole = buildFrame(there, payloadOf(100, 4));
      const joined = concat(datagram(23, whole), datagram(23, whole));
      const vnet = Buffer.alloc(VNET);
      vnet.set([1, 5]);
      vnet.writeUInt16LE(joined.length / 2, 4);
      const both = outer(PEER.ip, OURS.ip, macs, [50_000, 4789], joined);
      assert.equal(core.underlay([concat(vnet, both)]).length, 2);
      core.checkBooks();
    });

    it('drops a wrong outer checksum, one that nobody listens for, and a lying header, each by its name', () => {
      const { core } = host();
      const wrong = from(buildFrame(there, payloadOf(10, 5)));
      wrong[OUTER - 1]! ^= 1;
      const lying = tunnelVnet(there, 1400);
      lying[6]! += 2;
      const read = (frame: Uint8Array) => concat(new Uint8Array(VNET), frame);
      assert.deepEqual(core.underlay([read(wrong), read(from(inside, 9)), concat(lying, from(inside))]), []);
      assert.deepEqual(core.counters.drops(), { bad_outer_checksum: 1, unknown_vni: 1, bad_offload: 1 });
      core.checkBooks();
    });

    it('counts datagrams whose outer headers are wrong, and not what is no datagram', () => {
      const { core } = host();
      const single = buildFrame(there, payloadOf(10, 6));
      const [ip4, ip6] = [14 + 20, 14 + 40];
      const six = () => {
        const addresses = concat(ipBytes('2001:db8::2'), ipBytes('2001:db8::1'));
        const flow = {
          ...PLAIN,
          version: 6,
          protocol: UDP,
          macs,
          addresses,
          ports: [50_000, 4789],
          ...NO_TCP,
        } as const;
        return buildFrame(flow, datagram(23, single));
      };
      const changed = (frame: Uint8Array, at: number, by: number) => {
        frame[at]! ^= by;
        return frame;
      };
      const wrong: [reason: 'bad_outer_checksum' | 'truncated', frame: Uint8Array][] = [
        ['bad_outer_checksum', changed(from(single), ip4 - 10, 1)], // IPv4 header checksum
        ['truncated', changed(from(single), ip4 + 4, 0x40)], // UDP length: longer than the packet
        ['truncated', changed(from(single), ip4 + 5, 0xff)],
        ['truncated', changed(from(single), 14 + 2, 0x40)], // IPv4 total length: longer than what came
        ['truncated', from(single).subarray(0, ip4)], // nothing of UDP
        ['truncated', changed(six(), ip6 + 4, 0x40)],
        ['truncated', changed(six(), 14 + 4, 0x40)], // IPv6 payload length
      ];
      const read = (frame: Uint8Array) => concat(new Uint8Array(VNET), frame);
      const expected = { bad_outer_checksum: 0, truncated: 0 };
      for (const [reason, frame] of wrong) {
        expected[reason]++;
        assert.deepEqual(core.underlay([read(frame)]), []);
        const { bad_outer_checksum = 0, truncated = 0 } = core.counters.drops();
        assert.deepEqual({ bad_outer_checksum, truncated }, expected);
        core.checkBooks();
      }
      const { decapIn } = core.counters.totals();
      assert.equal(decapIn, wrong.length);
      core.underlay([read(changed(six(), 14 + 6, UDP ^ 58)), read(changed(from(single), 14 + 9, UDP ^ 2))]);
      assert.equal(core.counters.totals().decapIn, decapIn, "the kernel's MLD and IGMP");
      core.checkBooks();
    });

    it('takes any bytes at all without a trap, and the books balance', () => {
      const { core } = host();
      core.quiet = true;
      const frame = from(inside);
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat({ max: OUTER + 60 }), fc.nat({ max: 255 })), { maxLength: 6 }),
          fc.nat({ max: frame.length }),
          fc.uint8Array({ minLength: VNET, maxLength: VNET }),
          (changes, length, vnet) => {
            const bytes = frame.slice(0, length);
            for (const [at, value] of changes) if (at < length) bytes[at] = value;
            core.underlay([concat(vnet, bytes), concat(tunnelVnet(there, 1400), bytes)]);
            core.checkBooks();
          },
        ),
      );
    });
  });
}
