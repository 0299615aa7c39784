// A trace says what the datapath then does, and leaves nothing behind.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  C_SIZE,
  HDR_FDB_BASE,
  HELD_KEYS_MAX,
  LEARNT_SIZE,
  LEARNT_SLOTS,
  OC_SIZE,
  OUT_SIZE,
  REC_FRAME,
  VC_SIZE,
  W_COUNTERS,
  W_HELD_KEYS,
  W_LEARNT,
  W_OUT_COUNT,
  W_OVERLAY_COUNTERS,
  W_UPCALL_RING,
  W_VNIC_COUNTERS,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import type { CapturedFrame } from '../../src/datapath/capture-types.js';
import { Captures } from '../../src/datapath/captures.js';
import { Tracer } from '../../src/datapath/tracer.js';
import type { UpcallRecord } from '../../src/datapath/types.js';
import { ENCAPS, type Encap } from '../../src/encapsulations.js';
import { UNLIMITED } from '../../src/rate-limits.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { arp, BROADCAST, datagram, frame } from '../support/frames.js';
import { A, ALL, B, FAR, NOBODY, PEER } from './capture-testbed.js';

const OTHERS = ['02:00:00:00:03:03', '02:00:00:00:04:04', '00:00:00:00:00:00', '01:00:5e:00:00:01'];
const MACS = [A, B, FAR, NOBODY, BROADCAST, ...OTHERS];
const FRAMES = 500;
const KINDS: readonly [string, Encap, number | null][] = [
  ...ENCAPS.map((encap): [string, Encap, null] => [encap, encap, null]),
  ['vxlan with a policy group', 'vxlan', 7],
];
const PARTS = [
  [W_COUNTERS, C_SIZE],
  [W_OVERLAY_COUNTERS, 2 * OC_SIZE],
  [W_VNIC_COUNTERS, 3 * VC_SIZE],
  [W_UPCALL_RING, 4 * REC_FRAME],
  [W_HELD_KEYS, HELD_KEYS_MAX * 8],
  [W_LEARNT, LEARNT_SLOTS * LEARNT_SIZE],
  [W_OUT_COUNT, 4 * OUT_SIZE],
] as const;

const shown = ({ timeNs, bytes, ...rest }: CapturedFrame) => ({ ...rest, bytes: Buffer.from(bytes).toString('hex') });

for (const build of BUILDS) {
  describe(`trace, ${build} build`, () => {
    test(`${FRAMES} random frames go where the trace said, which changed nothing`, async () => {
      const overlay = fc.record({
        vlan: fc.constantFrom('pass' as const, 'strip' as const, 'discard' as const),
        sourceCheck: fc.constantFrom('off' as const, 'vtep' as const, 'fdb' as const),
        learn: fc.boolean(),
        proxyArp: fc.boolean(),
        lookup: fc.boolean(),
        flood: fc.constantFrom(null, { endpoints: [{ ip: '10.0.0.7', port: 4789 }], unknown: false }),
      });
      const one = fc.record({
        from: fc.constantFrom('a', 'b', PEER, '10.0.0.9'),
        source: fc.constantFrom(...MACS),
        destination: fc.constantFrom(...MACS),
        tags: fc.array(fc.integer({ min: 1, max: 4094 }), { maxLength: 3 }),
        etherType: fc.constantFrom(0x0806, 0x0800, 0x88b5),
        size: fc.integer({ min: 0, max: 9300 }),
      });
      await fc.assert(
        fc.asyncProperty(overlay, fc.array(one, { minLength: 25, maxLength: 25 }), async (config, all) => {
          const core = new Core(build);
          const index = core.overlay(config);
          const vnics = { a: core.vnic(index, A), b: core.vnic(index, B, true) };
          core.remote(index, FAR, { ip: PEER, port: 4789 });
          core.put(index, NOBODY, { kind: 'drop', reason: 'no_such_mac' });
          core.fdb.putVtep(index, PEER, core.nowMs);
          const tracer = new Tracer(wasmOf(build), core.memory, core.views, 1);
          const captures = new Captures(core.module, core.views, 1, async () => {});
          for (const { from, source, destination, tags, etherType, size } of all) {
            const payload = Buffer.concat([arp(1, source, '10.1.0.1', '10.1.0.9'), Buffer.alloc(size)]).subarray(
              0,
              size,
            );
            const sent = frame(destination, source, { tags, etherType, payload });
            const vnic = from === 'a' || from === 'b' ? vnics[from] : null;
            core.nowMs += 10_000; // what waited is over, and may be asked again
            core.turn();
            core.upcalls();
            const before = digest(core);
            const origin = vnic === null ? { ip: from, socket: 1 } : { vnic };
            const traced = tracer.trace(index, origin, sent, BigInt(core.nowMs) * 1_000_000n);
            assert.equal(digest(core), before, 'nothing else was written');
            const seen: CapturedFrame[] = [];
            const capture = captures.open(ALL, (each) => seen.push({ ...each, bytes: Uint8Array.from(each.bytes) }));
            if (vnic === null) core.decap([datagram(23, sent)], { from });
            else core.encap(vnic, [sent]);
            await capture.close();
            const asked = core.upcalls();
            assert.deepEqual(traced.frames.map(shown), seen.map(shown));
            // Which strangers were told of already each worker knows for itself.
            const decided = (upcalls: readonly UpcallRecord[]) => upcalls.filter(({ kind }) => kind !== 'stranger');
            assert.deepEqual(decided(traced.upcalls), decided(asked));
          }
        }),
        { numRuns: FRAMES / 25 },
      );
    });

    for (const [kind, encap, policyGroup] of KINDS) {
      test(`a frame from a VTEP comes as ${kind} has it`, () => {
        const core = new Core(build);
        const sources = [[{ withChecksum: 3, withoutChecksum: 3 }]];
        const socket = core.tables.addSocket({ encap, listeners: [4], sources });
        const index = core.overlay({ vni: 0x12_3456, socket, policyGroup, strictHeader: true });
        core.vnic(index, A);
        const tracer = new Tracer(wasmOf(build), core.memory, core.views, 1);
        const traced = tracer.trace(index, { ip: PEER, socket }, frame(A, FAR), BigInt(core.nowMs) * 1_000_000n);
        const [came, left] = traced.frames;
        assert.deepEqual([came!.overlay, came!.reason, left?.point], [index, null, 'to_vnic']);
      });
    }

    test('a VNIC that has sent all that it may is traced as before, and may send no less', () => {
      const core = new Core(build);
      const index = core.overlay({ lookup: false });
      const vnic = core.vnic(index, A);
      core.remote(index, FAR, { ip: PEER, port: 4789 });
      core.tables.setVnicLimits(vnic, { ...UNLIMITED, ratePps: 1 });
      const tracer = new Tracer(wasmOf(build), core.memory, core.views, 1);
      const sent = frame(FAR, A);
      const left = 256; // may come at once
      const [before] = tracer.trace(index, { vnic }, sent, BigInt(core.nowMs) * 1_000_000n).frames;
      assert.equal(core.encap(vnic, Array(left + 1).fill(sent)).length, left);
      assert.deepEqual(core.counters.drops(), { rate_limited: 1 });
      const [after] = tracer.trace(index, { vnic }, sent, BigInt(core.nowMs) * 1_000_000n).frames;
      assert.deepEqual([before!.verdict, after!.verdict], ['listed', 'listed']);
    });
  });
}

const wasmOf = (build: Build) =>
  new WebAssembly.Module(readFileSync(new URL(`../../../build/${build}.wasm`, import.meta.url)));

/** Of what a frame changes: the FDB with its stamps, and the worker's books, ring and notes. */
function digest({ views }: Core): string {
  const { u8, u32 } = views;
  const hash = createHash('sha1').update(u8.slice(u32[HDR_FDB_BASE >> 2]!));
  for (const [start, length] of PARTS) hash.update(u8.slice(WORKERS_BASE + start, WORKERS_BASE + start + length));
  return hash.digest('hex');
}
