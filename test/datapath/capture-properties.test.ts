// Captures against random traffic: a filter sees what a slow twin of it picks out of everything, and a full ring loses
// records, never frames.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FRAME_MAX } from '../../assembly/layout.js';
import type { CapturedFrame } from '../../src/datapath/capture-types.js';
import { BUILDS } from '../support/core.js';
import { arp, BROADCAST, datagram, frame } from '../support/frames.js';
import { A, ALL, B, FAR, NOBODY, PEER, type Seen, short, Testbed } from './capture-testbed.js';

for (const build of BUILDS) {
  describe(`captures, ${build} build`, () => {
    test('filters: each sees what it wants of the same traffic, and no more', async () => {
      const macs = [A, B, FAR, NOBODY, BROADCAST];
      const step = fc.record({
        from: fc.constantFrom('a', 'b', 'underlay'),
        source: fc.constantFrom(...macs.slice(0, 4)),
        destination: fc.constantFrom(...macs),
        address: fc.constantFrom('10.1.0.1', '10.1.0.2'),
        size: fc.integer({ min: 42, max: FRAME_MAX + 20 }),
      });
      const wish = fc.record({
        isOverlay: fc.boolean(),
        vnic: fc.constantFrom(null, 'a', 'b'),
        mac: fc.option(fc.constantFrom(...macs)),
        ip: fc.option(fc.constantFrom('10.1.0.1', '10.1.0.2')),
        reasons: fc.subarray([
          'spoofed_source',
          'lookup_failed',
          'no_local_port',
          'source_local',
          'oversized',
        ] as const),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), wish, async (steps, wanted) => {
          const { core, captures, overlay, a, b } = new Testbed(build);
          core.setOverlay(overlay, { lookup: false, proxyArp: false });
          const all: Seen[] = [];
          const some: Seen[] = [];
          const mirror = (into: Seen[]) => (one: CapturedFrame) =>
            void into.push({ ...one, copy: Buffer.from(one.bytes) });
          const vnic = wanted.vnic === null ? null : wanted.vnic === 'a' ? a : b;
          const filter = { ...ALL, ...wanted, vnic, overlay: wanted.isOverlay ? overlay : null };
          const open = [captures.open(ALL, mirror(all)), captures.open(filter, mirror(some))];
          for (const { from, source, destination, address, size } of steps) {
            const payload = Buffer.concat([arp(1, source, address, '10.9.9.9'), Buffer.alloc(size)]).subarray(0, size);
            const one = frame(destination, source, { etherType: 0x0806, payload });
            if (from === 'underlay') core.decap([datagram(23, one)], { from: PEER });
            else core.encap(from === 'a' ? a : b, [one]);
          }
          for (const capture of open) await capture.close();
          const wants = (one: Seen, index: number): boolean => {
            const inner = one.copy;
            const isOf = (mac: string) => [0, 6].some((at) => inner.subarray(at, at + 6).equals(hex(mac)));
            // A VNIC sends from its own MAC alone, and nothing that comes from the underlay does.
            const isFrom = (which: number) => inner.subarray(6, 12).equals(hex(which === a ? A : B));
            const isLeft = one.point === 'to_vnic';
            const sees = (which: number) =>
              one.vnic === which || (isLeft && isFrom(which)) || reaches(all, index, which);
            return (
              (vnic === null || sees(vnic)) &&
              (wanted.mac === null || isOf(wanted.mac)) &&
              (wanted.ip === null || inner[14 + 17] === Number(wanted.ip.at(-1))) &&
              (wanted.reasons.length === 0 || (wanted.reasons as unknown[]).includes(one.reason))
            );
          };
          assert.deepEqual(some.map(short), all.filter(wants).map(short));
          core.checkBooks();
        }),
        { numRuns: 60 },
      );
    });

    test('a full ring costs frames nothing: they go on, and what was not mirrored is counted', async () => {
      const sizes = fc.array(fc.integer({ min: 60, max: 9000 }), { minLength: 600, maxLength: 900 });
      await fc.assert(
        fc.asyncProperty(sizes, fc.integer({ min: 1, max: 3 }), async (lengths, rounds) => {
          const { core, captures, a } = new Testbed(build);
          let next = 0;
          const numbers: number[] = [];
          const capture = captures.open(ALL, (one) => {
            numbers.push(Buffer.from(one.bytes).readUInt32BE(14));
            assert.equal(one.bytes.length, lengths[numbers.at(-1)! % lengths.length]);
          });
          for (let round = 0; round < rounds; round++) {
            for (const length of lengths) {
              const one = frame(FAR, A, { payload: Buffer.alloc(length - 14) });
              one.writeUInt32BE(next++, 14);
              assert.equal(core.encap(a, [one]).length, 1);
            }
            await new Promise(setImmediate); // the reader has its turn
          }
          const count = () => numbers.length;
          await capture.close();
          assert.equal(count() + capture.lost(), 2 * next, 'coming and leaving');
          assert.deepEqual(
            numbers,
            numbers.toSorted((x, y) => x - y),
            'in order',
          );
          core.checkBooks();
        }),
        { numRuns: 8 },
      );
    });
  });
}

const hex = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');

/** Whether a frame that came, the one at `index` of all that was seen, was listed for that VNIC. */
function reaches(all: readonly Seen[], index: number, vnic: number): boolean {
  const { point, outputs } = all[index]!;
  if (!point.startsWith('from_') || outputs === 0) return false;
  const left = all.slice(index + 1, index + 1 + outputs);
  return left.some((one) => one.point === 'to_vnic' && one.vnic === vnic);
}
