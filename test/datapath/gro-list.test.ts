// Coalescing: which frames of a flow join, rule by rule, each by two or three frames.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withBytes } from '../support/bytes.js';
import { payloadOf } from '../support/flows.js';
import { coalesceList, type Entry, LIST_PAGES } from '../support/list.js';
import { forEachBuild } from '../support/module.js';
import { splitSuperFrame } from '../support/split.js';
import {
  ACK,
  buildFrame,
  CWR,
  concat,
  type Flow,
  l4Of,
  RST,
  SYN,
  segmentsOf,
  TCP,
  URG,
  vnetOf,
} from '../support/super-frames.js';
import { every, groups, nth, SIZE, to } from './gro-list-frames.js';

await forEachBuild((build, m) => {
  const coalesced = (entries: readonly Entry[], kinds?: number): (readonly number[])[] =>
    groups(coalesceList(m, entries, kinds));

  describe(`coalesce, ${build} build`, () => {
    for (const [name, flow] of every) {
      test(`${name}: frames that follow each other are one super-frame, which is what it was cut from`, () => {
        for (const tags of [[], [0x8100_0005], [0x88a8_0005, 0x8100_0006]]) {
          const own = { ...flow, tags };
          const payload = payloadOf(5 * SIZE + 1, 9);
          const [written, ...others] = coalesceList(m, to(3, ...segmentsOf(own, payload, SIZE)));
          assert.deepEqual(others, []);
          assert.deepEqual(written!.bytes, buildFrame(own, payload, true));
          assert.deepEqual(written!.vnet, vnetOf(own, SIZE));
          assert.equal(written!.vnic, 3);
        }
      });

      test(`${name}: Ethernet padding is left out, between the payloads as behind them`, () => {
        const padded = [0, 1, 2].map((index) => concat(nth(flow, index), new Uint8Array(7)));
        const [written] = coalesceList(m, to(1, ...padded));
        assert.deepEqual(
          splitSuperFrame(written!.bytes, written!.vnet),
          [0, 1, 2].map((index) => nth(flow, index)),
        );
      });

      test(`${name}: one frame alone stays as it is, padding and all`, () => {
        const padded = concat(nth(flow, 0), new Uint8Array(7));
        const [written] = coalesceList(m, to(1, padded));
        assert.deepEqual([written!.bytes, written!.vnet], [padded, new Uint8Array(10)]);
      });

      test(`${name}: a shorter frame is the last of its run, a longer one the first of the next`, () => {
        const frames = [nth(flow, 0), nth(flow, 1, {}, 60), nth(flow, 2, { seq: (flow.seq + SIZE + 60) >>> 0 })];
        assert.deepEqual(coalesced(to(1, ...frames)), [[0, 1], [2]]);
        const longer = nth(flow, 1, {}, SIZE + 1);
        assert.deepEqual(coalesced(to(1, nth(flow, 0), longer)), [[0], [1]]);
      });

      const differing: [what: string, changes: Partial<Flow>][] = [
        ['destination MAC', { macs: withBytes(flow.macs, 5, 9) }],
        ['source MAC', { macs: withBytes(flow.macs, 11, 9) }],
        ['tag', { tags: [0x8100_0001] }],
        ['TTL or hop limit', { ttl: 63 }],
        ['TOS or traffic class', { tos: 3 }],
        ['addresses', { addresses: withBytes(flow.addresses, 3, 9) }],
        ['destination address', { addresses: withBytes(flow.addresses, flow.addresses.length - 1, 9) }],
        ['source port', { ports: [40001, 5201] }],
        ['destination port', { ports: [40000, 5202] }],
        ...(flow.version === 4
          ? ([
              ['DF', { df: false }],
              ['id that does not follow', { id: 1 }],
              ['IP options', { ipOptions: new Uint8Array(4).fill(1) }],
            ] as [string, Partial<Flow>][])
          : ([['flow label', { flowLabel: 8 }]] as [string, Partial<Flow>][])),
        ...(flow.protocol === TCP
          ? ([
              ['acknowledgement', { ack: 78 }],
              ['window', { window: 501 }],
              ['options', { tcpOptions: withBytes(flow.tcpOptions, 11, 0) }],
              ['more options', { tcpOptions: new Uint8Array(16).fill(1) }],
              ['sequence number: one lost', { seq: (flow.seq + 2 * SIZE) >>> 0 }],
              ['sequence number: sent again in part', { seq: (flow.seq + 50) >>> 0 }],
              ['flag: SYN', { flags: ACK | SYN }],
              ['flag: RST', { flags: ACK | RST }],
              ['flag: URG', { flags: ACK | URG }],
              ['flag: CWR', { flags: ACK | CWR }],
              ['flag: ECE', { flags: ACK | 0x40 }],
              ['flag: no ACK', { flags: 0 }],
            ] as [string, Partial<Flow>][])
          : []),
      ];
      for (const [what, changes] of differing) {
        test(`${name}: does not join with another ${what}`, () => {
          assert.deepEqual(coalesced(to(1, nth(flow, 0), nth(flow, 1))), [[0, 1]]);
          assert.deepEqual(coalesced(to(1, nth(flow, 0), nth(flow, 1, changes))), [[0], [1]]);
          assert.deepEqual(
            coalesced(to(1, nth(flow, 0, changes), nth(flow, 1))),
            [[0], [1]],
            'nor the other way round',
          );
        });
      }

      test(`${name}: does not join with another tag in the same place, outer, inner or EtherType of it`, () => {
        const tagged = (...tags: number[]): Flow => ({ ...flow, tags });
        const pairs: [Flow, Flow][] = [
          [tagged(0x8100_0001), tagged(0x8100_0002)],
          [tagged(0x8100_0001), tagged(0x88a8_0001)],
          [tagged(0x8100_0001, 0x8100_0002), tagged(0x8100_0003, 0x8100_0002)],
          [tagged(0x8100_0001, 0x8100_0002), tagged(0x8100_0001, 0x8100_0003)],
          [tagged(0x8100_0001, 0x8100_0002), tagged(0x8100_0001, 0x88a8_0002)],
        ];
        for (const [one, other] of pairs) {
          assert.deepEqual(coalesced(to(1, nth(one, 0), nth(one, 1))), [[0, 1]]);
          assert.deepEqual(coalesced(to(1, nth(one, 0), nth(other, 1))), [[0], [1]]);
        }
      });

      test(`${name}: a bad checksum keeps a frame alone and unchanged: first, second or third`, () => {
        for (let bad = 0; bad < 3; bad++) {
          const frames = [0, 1, 2].map((index) => nth(flow, index));
          const last = frames[bad]!.length - 1;
          frames[bad] = withBytes(frames[bad]!, last, frames[bad]![last]! ^ 1);
          const written = coalesceList(m, to(1, ...frames));
          assert.deepEqual(
            groups(written),
            [
              [[0], [1, 2]],
              [[0], [1], [2]],
              [[0, 1], [2]],
            ][bad],
          );
          const alone = written.find(({ entries }) => entries[0] === bad)!;
          assert.deepEqual(alone.bytes, frames[bad]);
        }
      });

      test(`${name}: the same flow to another VNIC is another flow, and stands beside it`, () => {
        const entries = [0, 1, 2].flatMap((index) => [...to(1, nth(flow, index)), ...to(2, nth(flow, index))]);
        assert.deepEqual(coalesced(entries), [
          [0, 2, 4],
          [1, 3, 5],
        ]);
      });

      test(`${name}: not joined where the VNIC does not take its kind`, () => {
        const entries = to(1, nth(flow, 0), nth(flow, 1));
        assert.equal(coalesced(entries, flow.protocol === TCP ? m.KIND_TCP.value : m.KIND_UDP.value).length, 1);
        assert.equal(coalesced(entries, flow.protocol === TCP ? m.KIND_UDP.value : m.KIND_TCP.value).length, 2);
        assert.equal(coalesced(entries, 0).length, 2);
      });

      test(`${name}: a group frame, whose bytes several VNICs share, is never written into`, () => {
        const group = { ...flow, macs: withBytes(flow.macs, 0, 1) };
        assert.deepEqual(coalesced(to(1, nth(group, 0), nth(group, 1))), [[0], [1]]);
      });

      test(`${name}: a super-frame closes the run and joins none`, () => {
        const entries = [0, 1, 2, 3, 4].map((index) => ({ vnic: 1, frame: nth(flow, index) }) as Entry);
        entries[2] = { ...entries[2]!, vnet: vnetOf(flow, SIZE) };
        assert.deepEqual(coalesced(entries), [[0, 1], [2], [3, 4]]);
      });

      test(`${name}: a partial checksum joins where the virtio_net_hdr says that it is one`, () => {
        const vnet = vnetOf(flow, 0, { gsoType: 0, hdrLen: 0 });
        const at = l4Of(flow) + (flow.protocol === TCP ? 16 : 6);
        const entries = [0, 1, 2, 3].map((index) => {
          const frame = nth(flow, index);
          const bare = buildFrame(flow, payloadOf(SIZE, 1), true).subarray(at, at + 2);
          return { vnic: 1, frame: withBytes(frame, at, ...bare) } as Entry;
        });
        const said = entries.map((entry) => ({ ...entry, vnet }));
        assert.deepEqual(coalesced(said), [[0, 1, 2, 3]]);
        assert.deepEqual(coalesced(entries), [[0], [1], [2], [3]]);
        const [alone] = coalesceList(m, said.slice(0, 1));
        assert.deepEqual(alone!.vnet, vnet);
      });

      test(`${name}: what goes to the underlay is passed over`, () => {
        const entries = [0, 1, 1].map((index) => ({ vnic: 1, frame: nth(flow, index) }) as Entry);
        entries[1] = { ...entries[1]!, endpoint: 5, vnic: 0 };
        assert.deepEqual(coalesced(entries), [[0, 2]]);
      });

      test(`${name}: 64 frames at most`, () => {
        const frames = Array.from({ length: 130 }, (_, index) => nth(flow, index));
        assert.deepEqual(
          coalesced(to(1, ...frames)).map((run) => run.length),
          [64, 64, 2],
        );
      });

      test(`${name}: never longer than a length field can say`, () => {
        const size = 9000;
        const whole = segmentsOf(flow, payloadOf(15 * size, 1), size);
        const written = coalesceList(m, to(1, ...whole));
        assert.deepEqual(
          groups(written).map((run) => run.length),
          [7, 7, 1],
        );
        assert.deepEqual(splitSuperFrame(written[1]!.bytes, written[1]!.vnet), whole.slice(7, 14));
      });
    }
  });
}, LIST_PAGES);
