// GRO messages: what UDP_GRO joined is joined inside as well, before decap. Whatever comes of a message, cutting it
// again gives the very frames that come of the same message when nothing may be joined, those of a flow in the same
// order.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BUILDS, type Build, Core, type Output } from '../support/core.js';
import { cuts, flows, payloadOf } from '../support/flows.js';
import { datagram } from '../support/frames.js';
import { splitSuperFrame } from '../support/split.js';
import { type Flow, l3Of, segmentsOf } from '../support/super-frames.js';

const MAC = '02:00:00:00:00:01';
const DESTINATION = [2, 0, 0, 0, 0, 1];
const VNI = 23;
const MESSAGE_MAX = 65_507;
const SEGMENTS_MAX = 64;

interface Damage {
  readonly segment: number;
  readonly offset: number;
  readonly mask: number;
}

function core(build: Build, isJoining: boolean): Core {
  const made = new Core(build);
  made.vnic(made.overlay({ coalesceTcp: isJoining, coalesceUdp: isJoining }), MAC);
  return made;
}

const frames = (outputs: readonly Output[]): string[] =>
  outputs.flatMap((output) => {
    assert.ok('frame' in output);
    const { frame, vnet } = output;
    const cut = vnet === undefined ? [frame] : splitSuperFrame(frame, vnet);
    return cut.map((bytes) => Buffer.from(bytes).toString('hex'));
  });

/** By flow, as the headers of a frame shaped like `flow` name it: damage can make another flow of one. */
function byFlow(all: readonly string[], flow: Flow): Map<string, string[]> {
  const l3 = l3Of(flow);
  const [protocol, addresses] = flow.version === 4 ? [l3 + 9, l3 + 12] : [l3 + 6, l3 + 8];
  const ports = l3 + (flow.version === 4 ? 20 : 40);
  const part = (frame: string, from: number, to: number): string => frame.slice(from * 2, to * 2);
  const groups = new Map<string, string[]>();
  for (const frame of all) {
    const key = part(frame, 0, l3) + part(frame, protocol, protocol + 1) + part(frame, addresses, ports + 4);
    groups.set(key, [...(groups.get(key) ?? []), frame]);
  }
  return groups;
}

/** As many segments as a message has room for, with their VXLAN headers. */
function datagramsOf(flow: Flow, length: number, size: number): Buffer[] {
  const macs = Uint8Array.from([...DESTINATION, ...flow.macs.slice(6)]);
  const all = segmentsOf({ ...flow, macs }, payloadOf(length, 1), size).map((frame) => datagram(VNI, frame));
  return all.slice(0, Math.min(SEGMENTS_MAX, Math.floor(MESSAGE_MAX / all[0]!.length)));
}

const damages = fc.array(
  fc.record({ segment: fc.nat(63), offset: fc.nat(400), mask: fc.integer({ min: 1, max: 255 }) }),
  {
    maxLength: 3,
  },
);

/** A flipped bit where it may be. The id of a packet with DF says nothing, and is not kept. */
function damage(datagrams: readonly Buffer[], flow: Flow, { segment, offset, mask }: Damage): void {
  const target = datagrams[segment % datagrams.length]!;
  const at = offset % target.length;
  const id = 8 + l3Of(flow) + 4;
  if (flow.version === 4 && (at === id || at === id + 1 || at === id + 2)) return;
  target[at]! ^= mask;
}

for (const build of BUILDS) {
  describe(`GRO messages, ${build} build`, () => {
    test('give the frames that came, in order, however damaged or swapped', () => {
      const joining = core(build, true);
      const plain = core(build, false);
      let joined = 0;
      const property = fc.property(
        flows(true),
        cuts,
        damages,
        fc.option(fc.nat(63), { freq: 4 }),
        (flow, { length, size }, hits, swap) => {
          const datagrams = datagramsOf(flow, length, size);
          for (const hit of hits) damage(datagrams, flow, hit);
          const other = (swap ?? 0) + 1;
          const inRange = swap !== null && other < datagrams.length;
          if (inRange && datagrams[swap]!.length === datagrams[other]!.length) {
            [datagrams[swap], datagrams[other]] = [datagrams[other]!, datagrams[swap]!];
          }
          const message = Buffer.concat(datagrams);
          const options = { joined: datagrams[0]!.length };
          const outputs = joining.decap([message], options);
          const expected = frames(plain.decap([message], options));
          assert.deepEqual(byFlow(frames(outputs), flow), byFlow(expected, flow));
          joined += outputs.filter((output) => 'vnet' in output).length;
        },
      );
      fc.assert(property, { numRuns: build === 'debug' ? 300 : 1500 });
      assert.ok(joined > 100, `only ${joined} super-frames: the test shows nothing`);
      for (const each of [joining, plain]) each.checkBooks();
      assert.equal(joining.counters.totals().delivered, plain.counters.totals().delivered);
      assert.deepEqual(joining.counters.drops(), plain.counters.drops());
      assert.deepEqual(joining.counters.overlay(1).decap, plain.counters.overlay(1).decap);
      assert.equal(joining.counters.totals().decapIn, plain.counters.totals().decapIn);
      assert.equal(joining.counters.totals().decapInBytes, plain.counters.totals().decapInBytes);
      assert.equal(joining.counters.totals().deliveredBytes, plain.counters.totals().deliveredBytes);
    });
  });
}
