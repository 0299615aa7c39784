// A TAP that several VNICs share. Its slow twin has a TAP for each of them: what has a tag is handed to the VNIC of
// that tag without it, and what a VNIC gets is given the tag here, byte by byte. Both must do the same with the rest.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BUILDS, type Build, Core, type Output } from '../support/core.js';
import { cuts, flows, payloadOf } from '../support/flows.js';
import { arp, BROADCAST, datagram, frame } from '../support/frames.js';
import { buildFrame, concat, type Flow, headerLengthOf, segmentsOf, vnetOf } from '../support/super-frames.js';
import { member, trunkOf } from './trunk-members.js';

const TRUNK = '02:00:00:00:00:0a';
const GUEST = '02:00:00:00:00:0b';
const BESIDE = '02:00:00:00:00:0c';
const FAR = '02:00:00:00:00:0d';
const ENDPOINT = { ip: '10.0.0.2', port: 4789 };
/** VLAN ids, and the VNI of each; 0: without a tag. */
const MEMBERS = [
  [100, 10_100],
  [200, 10_200],
  [0, 10_000],
] as const;
const NOBODYS = 300;
const FRAME_BYTES_MAX = 9000;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const macs = (to: string, from: string): Uint8Array => Buffer.from((to + from).replaceAll(':', ''), 'hex');

interface Side {
  readonly core: Core;
  /** By VLAN id. */
  readonly vnics: ReadonlyMap<number, number>;
  readonly overlays: ReadonlyMap<number, number>;
  /** Of the first member's overlay, with a TAP to itself. */
  readonly beside: number;
}

type Config = Parameters<Core['overlay']>[0];

function side(build: Build, config: Config, vnicOf: (core: Core, vlan: number, overlay: number) => number): Side {
  const core = new Core(build);
  const vnics = new Map<number, number>();
  const overlays = new Map<number, number>();
  for (const [vlan, vni] of MEMBERS) {
    const overlay = core.overlay({ ...config, vni });
    overlays.set(vlan, overlay);
    vnics.set(vlan, vnicOf(core, vlan, overlay));
    core.remote(overlay, FAR, ENDPOINT);
  }
  return { core, vnics, overlays, beside: core.vnic(overlays.get(100)!, BESIDE) };
}

function setUp(build: Build, config: Config = {}): { trunk: number; ours: Side; twin: Side } {
  let trunk = 0;
  const ours = side(build, config, (core, vlan, overlay) => {
    if (trunk === 0) trunk = trunkOf(core);
    const vnic = member(core, trunk, vlan, overlay, TRUNK);
    core.put(overlay, GUEST, { kind: 'local', vnic });
    return vnic;
  });
  const twin = side(build, config, (core, _, overlay) => {
    const vnic = core.vnic(overlay, TRUNK, true);
    core.put(overlay, GUEST, { kind: 'local', vnic });
    return vnic;
  });
  return { trunk, ours, twin };
}

/** As text: where to, and what. Of ours with a tag, which has to be the right one, the frame without it. */
function shown({ vnics, beside }: Side, outputs: readonly Output[], isTagged: boolean): string[] {
  return outputs.map((output) => {
    if ('to' in output) return `${output.to} ${hex(output.datagram)}`;
    if (output.vnic === beside) return `beside ${hex(output.vnet ?? ([] as never))} ${hex(output.frame)}`;
    const vlan = [...vnics].find(([, vnic]) => vnic === output.vnic)![0];
    const vnet = output.vnet === undefined ? null : Buffer.from(output.vnet);
    if (!isTagged || vlan === 0) return `${vlan} ${hex(vnet ?? Buffer.alloc(0))} ${hex(output.frame)}`;
    assert.equal(hex(output.frame.subarray(12, 16)), `81000${vlan.toString(16).padStart(3, '0')}`);
    // hdrLen, where it says anything, and csumStart of a checksum that is left
    if (vnet !== null && vnet.readUInt16LE(2) !== 0) vnet.writeUInt16LE(vnet.readUInt16LE(2) - 4, 2);
    if (vnet !== null && vnet[0]! & 1) vnet.writeUInt16LE(vnet.readUInt16LE(6) - 4, 6);
    const bare = Buffer.concat([output.frame.subarray(0, 12), output.frame.subarray(16)]);
    return `${vlan} ${hex(vnet ?? Buffer.alloc(0))} ${hex(bare)}`;
  });
}

function sameBooks(ours: Side, twin: Side): void {
  ours.core.checkBooks();
  twin.core.checkBooks();
  for (const [vlan] of MEMBERS) {
    const [overlay, overlays] = [ours.overlays.get(vlan)!, twin.overlays.get(vlan)!];
    assert.deepEqual(ours.core.counters.overlay(overlay), twin.core.counters.overlay(overlays));
    const [vnic, other] = [ours.vnics.get(vlan)!, twin.vnics.get(vlan)!];
    assert.deepEqual(ours.core.counters.vnic(vnic), twin.core.counters.vnic(other));
  }
}

interface Sent {
  readonly flow: Flow;
  readonly length: number;
  readonly size: number;
  /** VLAN id of the outermost tag, null: it has none; and its priority bits. */
  readonly vlan: number | null;
  readonly priority: number;
  /** Added to csumStart: then the header lies. */
  readonly lie: number;
  /** One frame, complete. */
  readonly isPlain: boolean;
}

const sents = fc.array(
  fc
    .record({
      flow: fc.tuple(flows(), fc.constantFrom(FAR, BESIDE, BROADCAST, GUEST, '02:00:00:00:00:99')),
      cut: cuts,
      vlan: fc.constantFrom(100, 100, 200, NOBODYS, 0, null),
      priority: fc.nat({ max: 15 }),
      lie: fc.constantFrom(0, 0, 0, 0, -2, 40, 60_000),
      isPlain: fc.boolean(),
    })
    .map(({ flow: [flow, to], cut, ...rest }) => ({
      ...rest,
      flow: { ...flow, tags: flow.tags.slice(1), macs: macs(to, GUEST) },
      length: Math.min(cut.length, 60_000),
      size: cut.size,
    }))
    // An untagged frame has no tags inside either: the outermost would be taken for its own.
    .map((sent) => (sent.vlan === null ? { ...sent, flow: { ...sent.flow, tags: [] } } : sent))
    .filter(({ flow, length, size }) => headerLengthOf(flow) + size <= FRAME_BYTES_MAX && length > 0),
  { minLength: 1, maxLength: 20 },
);

/** The frame and its virtio_net_hdr, behind a tag or not. */
function bytesOf(sent: Sent, isTagged: boolean): { bytes: Uint8Array; vnet: Uint8Array } {
  const { flow, vlan, priority, length, size, lie, isPlain } = sent;
  const tags = isTagged && vlan !== null ? [(0x8100_0000 | (priority << 12) | vlan) >>> 0] : [];
  const whole = { ...flow, tags: [...tags, ...flow.tags] };
  if (isPlain) return { bytes: buildFrame(whole, payloadOf(Math.min(length, size), 7)), vnet: Buffer.alloc(10) };
  const vnet = Buffer.from(vnetOf(whole, size));
  vnet.writeUInt16LE((vnet.readUInt16LE(6) + lie) & 0xffff, 6);
  return { bytes: buildFrame(whole, payloadOf(length, 7), true), vnet };
}

for (const build of BUILDS) {
  describe(`trunks, ${build} build`, () => {
    for (const vlan of ['pass', 'strip', 'discard'] as const) {
      test(`what is sent behind a tag is as if its VNIC had sent it without, vlan: ${vlan}`, () => {
        fc.assert(
          fc.property(sents, (all) => {
            const { trunk, ours, twin } = setUp(build, { vlan });
            const frames = all.map((sent) => bytesOf(sent, true));
            const outputs = ours.core.encap(
              trunk,
              frames.map(({ bytes }) => bytes),
              frames.map(({ vnet }) => vnet),
            );
            const expected = all.flatMap((sent) => {
              const vnic = twin.vnics.get(sent.vlan ?? 0);
              if (vnic === undefined) return [];
              const { bytes, vnet } = bytesOf(sent, false);
              return twin.core.encap(vnic, [bytes], [vnet]);
            });
            const bySide = (list: string[]) => list.sort();
            assert.deepEqual(bySide(shown(ours, outputs, true)), bySide(shown(twin, expected, false)));
            // Copies that wait for a turn.
            const [later, twins] = [ours.core.turn(), twin.core.turn()];
            assert.deepEqual(shown(ours, later, true).sort(), shown(twin, twins, false).sort());
            sameBooks(ours, twin);
            const { vlan_unknown: unknown = 0, ...others } = ours.core.counters.drops();
            assert.deepEqual(others, twin.core.counters.drops());
            const isNobodys = (sent: Sent) => sent.vlan === NOBODYS;
            assert.equal(unknown > 0, all.some(isNobodys));
          }),
          { numRuns: build === 'debug' ? 20 : 60 },
        );
      });
    }

    for (const isJoining of [true, false]) {
      test(`what a VNIC gets has its tag, and is the same else, super-frames: ${isJoining}`, () => {
        const to = fc.constantFrom(TRUNK, GUEST, BESIDE, BROADCAST);
        const received = fc.record({ flow: flows(), to, cut: cuts, isPartial: fc.boolean() });
        const batch = fc.tuple(fc.constantFrom(...MEMBERS), fc.array(received, { minLength: 1, maxLength: 4 }));
        fc.assert(
          fc.property(fc.array(batch, { minLength: 1, maxLength: 3 }), (batches) => {
            const { ours, twin } = setUp(build, {
              coalesceTcp: isJoining,
              coalesceUdp: isJoining,
              acceptPartial: true,
            });
            for (const [[vlan, vni], all] of batches) {
              for (const { flow: any, to: mac, cut, isPartial } of all) {
                // Behind a tag none goes to the VNIC without a VLAN (trunk-leaks.test.ts).
                const tags = vlan === 0 ? [] : any.tags;
                const flow = { ...any, tags, macs: macs(mac, FAR) };
                const size = Math.min(cut.size, 1300 - headerLengthOf(flow) + 120);
                const frames = isPartial
                  ? [buildFrame(flow, payloadOf(Math.min(cut.length, 60_000), 3), true)]
                  : segmentsOf(flow, payloadOf(Math.min(cut.length, 20 * size), 3), size);
                const datagrams = frames.map((each) => datagram(vni, each));
                const joined = { from: '10.0.0.2', joined: datagrams[0]!.length };
                const isOne = datagrams.every(({ length }, index) =>
                  index === datagrams.length - 1 ? length <= joined.joined : length === joined.joined,
                );
                const messages = isOne && !isPartial ? [Buffer.concat(datagrams)] : datagrams;
                const options = isOne && !isPartial ? joined : { from: '10.0.0.2' };
                const outputs = ours.core.decap(messages, options);
                const expected = twin.core.decap(messages, options);
                assert.deepEqual(shown(ours, outputs, true), shown(twin, expected, false));
                assert.deepEqual(shown(ours, ours.core.turn(), true), shown(twin, twin.core.turn(), false));
              }
            }
            sameBooks(ours, twin);
            assert.deepEqual(ours.core.counters.drops(), twin.core.counters.drops());
          }),
          { numRuns: build === 'debug' ? 20 : 80 },
        );
      });
    }

    const refused: [name: string, reason: string, sent: Uint8Array][] = [
      ['a tag that nobody has', 'vlan_unknown', frame(FAR, GUEST, { tags: [300] })],
      ['no tag', 'vlan_unknown', frame(FAR, GUEST)],
      ['a priority tag, which is none', 'vlan_unknown', frame(FAR, GUEST, { tags: [0xe000] })],
      ['a service tag, which is no VLAN of ours', 'vlan_unknown', concat(macs(FAR, GUEST), [0x88, 0xa8, 0, 100, 8, 0])],
      ['a tag that is cut', 'vlan_unknown', frame(FAR, GUEST, { tags: [100] }).subarray(0, 17)],
      ['less than an Ethernet header', 'truncated', Buffer.alloc(13)],
      ["what the interface's kernel says unasked", 'host_chatter', frame('33:33:00:00:00:16', GUEST)],
      ['the same behind a tag that nobody has', 'vlan_unknown', frame('33:33:00:00:00:16', GUEST, { tags: [300] })],
    ];
    for (const [name, reason, sent] of refused) {
      test(`dropped as ${reason}: ${name}`, () => {
        const core = new Core(build);
        const trunk = trunkOf(core);
        const overlay = core.overlay({ floodUnknown: true } as Config);
        member(core, trunk, 100, overlay, TRUNK);
        assert.deepEqual(core.encap(trunk, [sent]), []);
        assert.deepEqual(core.counters.drops(), { [reason]: 1 });
        assert.deepEqual(core.counters.overlay(overlay).drops, {}, 'it is of no overlay');
        core.checkBooks();
      });
    }

    test("a proxy is asked by the tag's VNIC, without the tag, and its answer has it", () => {
      const core = new Core(build);
      const trunk = trunkOf(core);
      const overlay = core.overlay({ proxyArp: true });
      const vnic = member(core, trunk, 100, overlay, TRUNK);
      const request = { etherType: 0x0806, payload: arp(1, GUEST, '10.0.0.1', '10.0.0.2') };
      assert.deepEqual(core.encap(trunk, [frame(BROADCAST, GUEST, { ...request, tags: [100] })]), []);
      const asked = core.upcalls().find(({ kind }) => kind === 'arp');
      assert.ok(asked?.kind === 'arp' && asked.vnic === vnic);
      assert.equal(hex(asked.frame), hex(frame(BROADCAST, GUEST, request)));
      const answer = frame(GUEST, FAR, { etherType: 0x0806, payload: arp(2, FAR, '10.0.0.2', '10.0.0.1') });
      assert.ok(core.rings.inject(1, overlay, vnic, answer));
      const tagged = Buffer.concat([answer.subarray(0, 12), Buffer.from([0x81, 0, 0, 100]), answer.subarray(12)]);
      assert.deepEqual(core.turn(), [{ vnic, frame: tagged }]);
      core.checkBooks();
    });

    test('a tag goes nowhere once its VNIC has left, and to another when one has come', () => {
      const core = new Core(build);
      const trunk = trunkOf(core);
      const overlays = [core.overlay({ vni: 1 }), core.overlay({ vni: 2 })] as const;
      for (const overlay of overlays) core.remote(overlay, FAR, ENDPOINT);
      const sent = [frame(FAR, GUEST, { tags: [100] })];
      const first = member(core, trunk, 100, overlays[0], TRUNK);
      assert.deepEqual(core.encap(trunk, sent), [{ to: '10.0.0.2:4789', datagram: datagram(1, frame(FAR, GUEST)) }]);
      core.tables.removeVnic(first);
      assert.deepEqual(core.encap(trunk, sent), []);
      assert.deepEqual(core.counters.drops(), { vlan_unknown: 1 });
      member(core, trunk, 100, overlays[1], TRUNK);
      assert.deepEqual(core.encap(trunk, sent), [{ to: '10.0.0.2:4789', datagram: datagram(2, frame(FAR, GUEST)) }]);
    });
  });
}
