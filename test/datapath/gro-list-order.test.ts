// Coalescing: where a run ends, what closes it besides its own frames, and the round trip of segmentation.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { withBytes } from '../support/bytes.js';
import { flows, payloadOf } from '../support/flows.js';
import { coalesceList, type Entry, LIST_PAGES } from '../support/list.js';
import { forEachBuild } from '../support/module.js';
import { splitSuperFrame } from '../support/split.js';
import {
  ACK,
  buildFrame,
  CWR,
  FIN,
  headerLengthOf,
  l3Of,
  l4Of,
  PSH,
  readVnet,
  segmentsOf,
  vnetOf,
} from '../support/super-frames.js';
import { groups, nth, SIZE, tcp4, tcp6, to, udp4, udp6 } from './gro-list-frames.js';

await forEachBuild((build, m) => {
  const coalesced = (entries: readonly Entry[], kinds?: number): (readonly number[])[] =>
    groups(coalesceList(m, entries, kinds));

  describe(`runs, ${build} build`, () => {
    test('PSH and FIN end a run and stand in the super-frame; with them alone a frame begins none', () => {
      for (const last of [PSH, FIN, PSH | FIN]) {
        const flags = ACK | last;
        const frames = [nth(tcp4, 0), nth(tcp4, 1, { flags }), nth(tcp4, 2), nth(tcp4, 3)];
        const written = coalesceList(m, to(1, ...frames));
        assert.deepEqual(groups(written), [
          [0, 1],
          [2, 3],
        ]);
        assert.equal(written[0]!.bytes[l4Of(tcp4) + 13], flags);
        assert.deepEqual(splitSuperFrame(written[0]!.bytes, written[0]!.vnet), frames.slice(0, 2));
        assert.deepEqual(coalesced(to(1, nth(tcp4, 0, { flags }), nth(tcp4, 1))), [[0], [1]]);
      }
    });

    test('a pure acknowledgement closes the run of its flow', () => {
      const ack = nth(tcp4, 1, {}, 0);
      assert.deepEqual(coalesced(to(1, nth(tcp4, 0), ack, nth(tcp4, 1))), [[0], [1], [2]]);
    });

    test('IPv4 ids: those that count up, over the end as well; one for all only with DF; nothing between', () => {
      const ids = (...list: number[]): (readonly number[])[] =>
        coalesced(to(1, ...list.map((id, index) => nth(udp4, index, { id }))));
      assert.deepEqual(ids(0xfffe, 0xffff, 0), [[0, 1, 2]]);
      assert.deepEqual(ids(0, 0, 0), [[0, 1, 2]]);
      assert.deepEqual(ids(0, 0, 1), [[0, 1], [2]]);
      assert.deepEqual(ids(0, 1, 1), [[0, 1], [2]]);
      assert.deepEqual(ids(0, 0xffff), [[0], [1]]);
      const cut = { ...udp4, df: false };
      assert.deepEqual(coalesced(to(1, nth(cut, 0, { id: 5 }), nth(cut, 1, { id: 5 }))), [[0], [1]]);
      assert.deepEqual(coalesced(to(1, nth(cut, 0, { id: 5 }), nth(cut, 1, { id: 6 }))), [[0, 1]]);
    });

    test('UDP without a checksum is passed alone', () => {
      const bare = [0, 1].map((index) => withBytes(nth(udp4, index), l4Of(udp4) + 6, 0, 0));
      assert.deepEqual(coalesced(to(1, ...bare)), [[0], [1]]);
    });

    test('UDP whose length is not that of its IP payload is passed alone', () => {
      const short = [0, 1].map((index) => withBytes(nth(udp4, index), l4Of(udp4) + 4, 0, SIZE));
      assert.deepEqual(coalesced(to(1, ...short)), [[0], [1]]);
    });

    test('a bad IPv4 header checksum keeps a frame alone', () => {
      const at = l3Of(tcp4) + 10;
      const bad = [0, 1].map((index) => nth(tcp4, index)).map((one) => withBytes(one, at, one[at]! ^ 1));
      assert.deepEqual(coalesced(to(1, ...bad)), [[0], [1]]);
    });

    const untold: [name: string, frame: Uint8Array][] = [
      ['a fragment', withBytes(nth(udp4, 9), l3Of(udp4) + 6, 0x20)],
      ['a later fragment', withBytes(nth(udp4, 9), l3Of(udp4) + 6, 0, 8)],
      ['IP options', nth({ ...udp4, ipOptions: new Uint8Array(4).fill(1) }, 9)],
      ['an IPv6 fragment header', withBytes(nth(udp6, 9), l3Of(udp6) + 6, 44)],
      ['a header cut off', nth(udp4, 9).slice(0, 30)],
      ['a datagram cut off', nth(udp6, 9).slice(0, 90)],
      ['a third tag', nth({ ...udp4, tags: [0x8100_0001, 0x8100_0001, 0x8100_0001] }, 9)],
    ];
    for (const [name, frame] of untold) {
      test(`${name}: its flow cannot be told, so all runs of its VNIC close, and no other's`, () => {
        const between = to(1, nth(tcp4, 0), nth(udp6, 0)).concat(to(2, nth(udp4, 0)), to(1, frame));
        const entries = between.concat(to(1, nth(tcp4, 1), nth(udp6, 1)), to(2, nth(udp4, 1)));
        assert.deepEqual(coalesced(entries), [[0], [1], [2, 6], [3], [4], [5]]);
      });
    }

    test('ARP, ICMP and what else is no flow of TCP or UDP leave the runs alone', () => {
      const arp = withBytes(nth(tcp4, 9), 12, 0x08, 0x06);
      const icmp = withBytes(nth(tcp4, 9), l3Of(tcp4) + 9, 1);
      const icmpv6 = withBytes(nth(tcp6, 9), l3Of(tcp6) + 6, 58);
      assert.deepEqual(coalesced(to(1, nth(tcp4, 0), arp, icmp, icmpv6, nth(tcp4, 1))), [[0, 4], [1], [2], [3]]);
    });

    test('among many flows, one keeps its run while frames of it come, and is closed by those that came since', () => {
      const of = (port: number, index = 0): Uint8Array => nth({ ...tcp4, ports: [port, 80] }, index);
      const others = Array.from({ length: 200 }, (_, n) => of(n + 1));
      const runs = (...frames: Uint8Array[]) => coalesced(to(1, ...frames)).filter((run) => run.length > 1);
      const between = others.slice(0, 40).flatMap((other, n) => [other, of(0, n + 1)]);
      assert.deepEqual(runs(of(0), ...between), [Array.from({ length: 41 }, (_, n) => 2 * n)]);
      assert.deepEqual(runs(of(0), ...others, of(0, 1)), []);
    });

    test('eight flows are joined side by side', () => {
      const turns = Array.from({ length: 64 }, (_, n) => nth({ ...tcp4, ports: [n % 8, 80] }, n >> 3));
      const right = Array.from({ length: 8 }, (_, flow) => Array.from({ length: 8 }, (_, n) => 8 * n + flow));
      assert.deepEqual(coalesced(to(1, ...turns)), right);
    });

    test('what was forgotten is not joined', () => {
      coalesceList(m, to(1, nth(tcp4, 0)));
      assert.deepEqual(coalesced(to(1, nth(tcp4, 1))), [[0]]);
    });

    test('segmentation, then coalescing: any super-frame comes back as it was', () => {
      const shapes = fc.record({
        count: fc.integer({ min: 2, max: 64 }),
        size: fc.integer({ min: 1, max: 1500 }),
        short: fc.nat({ max: 1499 }),
      });
      fc.assert(
        fc.property(flows(true), shapes, fc.nat(), (any, { count, size, short }, seed) => {
          const flow = { ...any, flags: any.flags & ~CWR };
          const most = Math.floor((65_535 - headerLengthOf(flow)) / size);
          const payload = payloadOf(Math.max(2, Math.min(count, most)) * size - (short % size), seed);
          const cut = segmentsOf(flow, payload, size);
          const [written, ...others] = coalesceList(m, to(1, ...cut));
          assert.deepEqual(others, []);
          assert.deepEqual(written!.bytes, buildFrame(flow, payload, true));
          assert.deepEqual(readVnet(written!.vnet), readVnet(vnetOf(flow, size)));
        }),
      );
    });

    test('a super-frame with CWR: the segment that has it stays alone, the others come together', () => {
      const flow = { ...tcp4, flags: ACK | CWR };
      const cut = segmentsOf(flow, payloadOf(5 * SIZE, 1), SIZE);
      assert.deepEqual(coalesced(to(1, ...cut)), [[0], [1, 2, 3, 4]]);
    });
  });
}, LIST_PAGES);
