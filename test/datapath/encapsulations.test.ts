// What the encapsulations differ in: the header of what leaves, and which datagrams are taken. The headers are made
// here by hand from their specifications.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OverlayConfig } from '../../src/datapath/types.js';
import type { Encap } from '../../src/encapsulations.js';
import { loopbackMessage } from '../../src/oam/loopback.js';
import { arpAnnouncement } from '../../src/proxy/arp.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { datagram, frame } from '../support/frames.js';
import { segmentsOf, TCP } from '../support/super-frames.js';
import { FLOW4 } from './too-big-frames.js';

const HERE = 'de:ad:be:ef:00:00';
const MAC_BYTES = [0xde, 0xad, 0xbe, 0xef, 0, 0];
const FAR = 'de:ad:be:ef:00:02';
const PEER = { ip: '10.88.88.71', port: 4790 };
const VNI = 0x80_0015;
const SENT = frame(FAR, HERE);
const HEARD = frame(HERE, FAR);

const hexByte = (value: number): string => value.toString(16).padStart(2, '0');
const behind = (header: string, inner: Uint8Array): Buffer => Buffer.concat([Buffer.from(header, 'hex'), inner]);

/** Beside an overlay of plain VXLAN with the same VNI. */
function setUp(build: Build, encap: Encap, config: Partial<OverlayConfig> = {}) {
  const core = new Core(build);
  const sources = [[{ withChecksum: 3, withoutChecksum: 3 }]];
  const socket = core.tables.addSocket({ encap, listeners: [4], sources });
  const plain = core.overlay({ vni: VNI });
  core.vnic(plain, HERE);
  const overlay = core.overlay({ vni: VNI, socket, ...config });
  const vnic = core.vnic(overlay, HERE);
  core.remote(overlay, FAR, PEER);
  /** How many of them the VNIC gets, and why the others are dropped. */
  const hear = (...datagrams: readonly Uint8Array[]) => {
    const outputs = core.decap(datagrams, { socket });
    for (const output of outputs) assert.deepEqual(output, { vnic, frame: HEARD });
    core.checkBooks();
    return { taken: outputs.length, drops: core.counters.drops() };
  };
  return { core, overlay, vnic, hear };
}

for (const build of BUILDS) {
  describe(`vxlan-gpe, ${build} build`, () => {
    it('says that Ethernet is next: I and P flags, and next protocol 3', () => {
      const { core, vnic } = setUp(build, 'vxlan-gpe');
      const sent = { to: '10.88.88.71:4790', datagram: behind('0c00000380001500', SENT) };
      assert.deepEqual(core.encap(vnic, [SENT]), [sent]);
    });

    it('takes Ethernet, with P or without, also of a replicated frame; of nothing else', () => {
      const { hear } = setUp(build, 'vxlan-gpe');
      const taken = ['0c00000380001500', '0e00000380001500', '0800000080001500', '0800000180001500'];
      assert.deepEqual(hear(...taken.map((header) => behind(header, HEARD))), { taken: 4, drops: {} });
      const others = [0, 1, 2, 4, 5, 0x80, 0x83, 255].map(
        (next) => `0c0000${next.toString(16).padStart(2, '0')}80001500`,
      );
      const { drops } = hear(...others.map((header) => behind(header, HEARD)));
      assert.deepEqual(drops, { not_ethernet: others.length });
    });

    it('refuses another version, no I flag and another VNI', () => {
      const { hear } = setUp(build, 'vxlan-gpe');
      const wrong = ['1c00000380001500', '2c00000380001500', '0400000380001500', '0c00000380001600'];
      const { taken, drops } = hear(...wrong.map((header) => behind(header, HEARD)));
      assert.deepEqual([taken, drops], [0, { bad_vxlan_header: 3, unknown_vni: 1 }]);
    });

    it('with strict-header refuses reserved bits, and no others', () => {
      const { hear } = setUp(build, 'vxlan-gpe', { strictHeader: true });
      const { taken, drops } = hear(
        ...['0c00000380001500', '0e00000380001500', '4c00000380001500', '0c01000380001500', '0c00000380001501'].map(
          (header) => behind(header, HEARD),
        ),
      );
      assert.deepEqual([taken, drops], [2, { reserved_bits: 3 }]);
    });

    it('hands what has the O flag to the host and to no VNIC, also behind frames for one', () => {
      const { core, hear } = setUp(build, 'vxlan-gpe');
      const question = loopbackMessage('192.0.2.1', { ip: '192.0.2.9', port: 4790 }, 7, 100, Buffer.alloc(16));
      const usual = behind('0c00000380001500', HEARD);
      const control = behind('0d00000380001500', HEARD);
      const { taken, drops } = hear(usual, usual, control, control, usual, behind('0d00000380001500', question), usual);
      assert.deepEqual([taken, drops], [4, { oam_refused: 2 }]);
      assert.deepEqual(
        core.upcalls().map(({ kind }) => kind),
        ['loopback'],
      );
    });

    it('has VNIs of its own: those of another socket are nothing to it', () => {
      const { core, vnic } = setUp(build, 'vxlan-gpe');
      const [plain] = core.decap([datagram(VNI, HEARD)]);
      assert.ok(plain !== undefined && 'vnic' in plain && plain.vnic !== vnic);
    });
  });

  describe(`geneve, ${build} build`, () => {
    /** Of `words` of four bytes of options. */
    const header = (words = 0, flags = 0, protocol = '6558', version = 0) =>
      `${hexByte((version << 6) | words)}${hexByte(flags)}${protocol}80001500`;
    /** An option with so many words of data. */
    const option = (words: number, type = 0x01) =>
      `0102${type.toString(16).padStart(2, '0')}${words.toString(16).padStart(2, '0')}${'a5'.repeat(words * 4)}`;
    const [O, C] = [0x80, 0x40];

    it('says version 0, no options and Ethernet (RFC 8926 section 3.4)', () => {
      const { core, vnic } = setUp(build, 'geneve');
      const sent = { to: '10.88.88.71:4790', datagram: behind('0000655880001500', SENT) };
      assert.deepEqual(core.encap(vnic, [SENT]), [sent]);
    });

    it('skips options, of any length, between frames without', () => {
      const { hear } = setUp(build, 'geneve');
      const options = [[0], [31], [0, 0], [1, 0, 5], [31, 29], Array(63).fill(0)] as number[][];
      const datagrams = options.map((lengths) => {
        const words = lengths.reduce((sum, each) => sum + 1 + each, 0);
        return behind(header(words) + lengths.map((each) => option(each)).join(''), HEARD);
      });
      const plain = behind(header(), HEARD);
      const all = datagrams.flatMap((each) => [plain, each]);
      assert.deepEqual(hear(...all, plain), { taken: all.length + 1, drops: {} });
    });

    it('drops options that are critical, wherever they stand, and what says that it has some', () => {
      const { hear } = setUp(build, 'geneve');
      const critical = [
        behind(header(1, C) + option(0, 0x81), HEARD),
        behind(header(1) + option(0, 0x81), HEARD),
        behind(header(4, C) + option(1) + option(1, 0xff), HEARD),
        behind(header(0, C), HEARD),
        behind(header(1, C) + option(0), HEARD),
      ];
      assert.deepEqual(hear(...critical, behind(header(), HEARD)), { taken: 1, drops: { critical_option: 5 } });
    });

    it('drops options whose lengths lie, another version and another protocol', () => {
      const { hear } = setUp(build, 'geneve');
      const lies = [
        behind(header(1) + option(1), HEARD), // longer than all of them
        behind(header(2) + option(0) + option(1), HEARD),
        behind(header(63), HEARD), // longer than the datagram
        ...[1, 2, 3].map((version) => behind(header(0, 0, '6558', version), HEARD)),
        behind(header(1, 0, '6558', 1) + option(0), HEARD),
      ];
      const { taken, drops } = hear(...lies);
      assert.deepEqual([taken, drops], [0, { bad_geneve_header: lies.length }]);
      const others = ['0800', '86dd', '0000', '6559'].map((protocol) => behind(header(0, 0, protocol), HEARD));
      assert.deepEqual(hear(...others).drops, { bad_geneve_header: lies.length, not_ethernet: 4 });
    });

    it('drops what is cut off anywhere, with options and without', () => {
      const { core, hear } = setUp(build, 'geneve');
      for (const whole of [behind(header(), HEARD), behind(header(5) + option(1) + option(2), HEARD)]) {
        const least = whole.length - HEARD.length + 14;
        for (let length = 0; length < least; length++)
          assert.equal(hear(whole.subarray(0, length)).taken, 0, `${length}`);
        assert.equal(core.decap([whole.subarray(0, least)], { socket: 2 }).length, 1);
      }
      const { truncated, bad_geneve_header: bad, ...others } = core.counters.drops();
      assert.ok(truncated! > 0 && bad! > 0);
      assert.deepEqual(others, {});
    });

    it('hands control messages to the host and to no VNIC, with options too', () => {
      const { core, hear } = setUp(build, 'geneve');
      const question = loopbackMessage('192.0.2.1', { ip: '192.0.2.9', port: 6081 }, 7, 100, Buffer.alloc(16));
      const usual = behind(header(), HEARD);
      const { taken, drops } = hear(
        usual,
        behind(header(0, O), HEARD),
        behind(header(1, O) + option(0), HEARD),
        usual,
        behind(header(1, O) + option(0), question),
      );
      assert.deepEqual([taken, drops], [2, { oam_refused: 2 }]);
      assert.equal(core.upcalls().length, 1);
    });

    it('with strict-header refuses reserved bits, and no others', () => {
      const { hear } = setUp(build, 'geneve', { strictHeader: true });
      const [frames, reserved] = [
        behind(header(), HEARD),
        [behind(header(0, 0x20), HEARD), behind(header(0, 1), HEARD)],
      ];
      assert.deepEqual(hear(frames, ...reserved, behind('0000655880001501', HEARD), frames), {
        taken: 2,
        drops: { reserved_bits: 3 },
      });
    });

    it('takes what UDP_GRO has joined one by one where there are options, and as one where there are none', () => {
      const frames = segmentsOf(
        { ...FLOW4, protocol: TCP, macs: Uint8Array.from([...MAC_BYTES, ...FLOW4.macs.slice(6)]) },
        new Uint8Array(3000),
        1000,
      );
      const outputs = (head: string) => {
        const { core } = setUp(build, 'geneve', { coalesceTcp: true });
        const parts = frames.map((each) => behind(head, each));
        const found = core.decap([Buffer.concat(parts)], { socket: 2, joined: parts[0]!.length });
        assert.equal(core.counters.totals().decapIn, 3);
        core.checkBooks();
        return found;
      };
      assert.equal(outputs(header()).length, 1);
      // The list joins them again on their way to the VNIC.
      const [joined, ...more] = outputs(header(3) + option(2));
      assert.ok(joined !== undefined && 'frame' in joined && more.length === 0);
      assert.deepEqual(joined, outputs(header())[0]);
    });
  });

  describe(`vxlan with a group policy id, ${build} build`, () => {
    const GROUP = 0x1234;

    it('sends the id behind the G flag, and another one once it has changed', () => {
      const { core, overlay, vnic } = setUp(build, 'vxlan', { policyGroup: GROUP });
      const of = (header: string) => [{ to: '10.88.88.71:4790', datagram: behind(header, SENT) }];
      assert.deepEqual(core.encap(vnic, [SENT]), of('8800123480001500'));
      core.setOverlay(overlay, { vni: VNI, socket: 2, policyGroup: 0 });
      assert.deepEqual(core.encap(vnic, [SENT]), of('8800000080001500'));
      core.setOverlay(overlay, { vni: VNI, socket: 2 });
      assert.deepEqual(core.encap(vnic, [SENT]), of('0800000080001500'));
    });

    it('takes its own group, and what policy has been applied to; of no other group and of none', () => {
      const { hear } = setUp(build, 'vxlan', { policyGroup: GROUP });
      const taken = ['8800123480001500', '8840123480001500', '8808432180001500', '8808000080001500'];
      assert.deepEqual(hear(...taken.map((header) => behind(header, HEARD))), { taken: 4, drops: {} });
      const others = ['8800123580001500', '0800123480001500', '0800000080001500', '8840000080001500'];
      const withoutId = ['0808000080001500', '0808123480001500']; // the A flag says nothing where G is not set
      const { drops } = hear(...[...others, ...withoutId].map((header) => behind(header, HEARD)));
      assert.deepEqual(drops, { other_policy_group: 6 });
    });

    it('without one of its own ignores all of it', () => {
      const { hear } = setUp(build, 'vxlan');
      const all = ['8800123480001500', '8848432180001500', '0800000080001500'];
      assert.deepEqual(hear(...all.map((header) => behind(header, HEARD))), { taken: 3, drops: {} });
    });

    it('with strict-header these bits are no reserved ones, but the others are', () => {
      const { hear } = setUp(build, 'vxlan', { policyGroup: GROUP, strictHeader: true });
      const all = ['8800123480001500', '8848123480001500', 'c800123480001500', '8880123480001500', '8800123480001501'];
      const { taken, drops } = hear(...all.map((header) => behind(header, HEARD)));
      assert.deepEqual([taken, drops], [2, { reserved_bits: 3 }]);
    });

    const STRANGER = 'de:ad:be:ef:00:77';
    const [LEARN, DO_NOT_LEARN] = ['8800123480001500', '8840123480001500'];

    it('learns nothing from what has the D flag', () => {
      const told = (header: string) => {
        const { core } = setUp(build, 'vxlan', { policyGroup: GROUP, learn: true });
        assert.equal(core.decap([behind(header, frame(HERE, STRANGER))], { socket: 2, from: PEER.ip }).length, 1);
        return core.upcalls().map(({ kind }) => kind);
      };
      assert.deepEqual([told(LEARN), told(DO_NOT_LEARN)], [['learn'], []]);
    });

    it('nor of addresses that it says', () => {
      const announced = arpAnnouncement('10.55.55.2', STRANGER);
      const told = (header: string, learn: boolean) => {
        const { core } = setUp(build, 'vxlan', { policyGroup: GROUP, snoop: true, learn });
        assert.equal(core.decap([behind(header, announced)], { socket: 2, from: PEER.ip }).length, 1);
        return core.upcalls().map(({ kind }) => kind);
      };
      assert.deepEqual(told(LEARN, false), ['address']);
      assert.deepEqual(told(LEARN, true).toSorted(), ['address', 'learn']);
      for (const learn of [false, true]) assert.deepEqual(told(DO_NOT_LEARN, learn), []);
    });

    it('nor once its sender is known, for which it had to wait', () => {
      const heardAtMs = (header: string) => {
        const { core, overlay } = setUp(build, 'vxlan', { policyGroup: GROUP, learn: true, sourceCheck: 'fdb' });
        assert.ok(core.fdb.putVtep(overlay, PEER.ip, core.nowMs));
        assert.deepEqual(core.decap([behind(header, frame(HERE, STRANGER))], { socket: 2, from: PEER.ip }), []);
        core.remote(overlay, STRANGER, PEER);
        assert.equal(core.turn().length, 1);
        return core.fdb.heardAtMs(overlay, STRANGER);
      };
      assert.notEqual(heardAtMs(LEARN), null);
      assert.equal(heardAtMs(DO_NOT_LEARN), null);
    });
  });
}
