// NVGRE: the header of what leaves, with its FlowID, and which datagrams are taken. The headers are made here by hand
// from RFC 7637 section 3.2; over IPv4 a raw socket gives the IP header along.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OverlayConfig } from '../../src/datapath/types.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { frame } from '../support/frames.js';
import { buildFrame, type Flow, TCP, vnetOf } from '../support/super-frames.js';
import { FLOW4, macs } from './too-big-frames.js';

const HERE = 'de:ad:be:ef:00:00';
const FAR = 'de:ad:be:ef:00:02';
const PEER = { ip: '10.88.88.71', port: 0 };
const VNI = 0x80_0015;
const HEARD = frame(HERE, FAR);
const HEADER = '2000655880001500';

const behind = (header: string, inner: Uint8Array): Buffer => Buffer.concat([Buffer.from(header, 'hex'), inner]);

/** As an IPv4 raw socket has it: `words` of four bytes before the datagram. */
function behindIp(datagram: Uint8Array, words = 5): Buffer {
  const header = Buffer.alloc(words * 4, 1);
  header.writeUInt16BE(((0x40 | words) << 8) | 0xff);
  header.writeUInt16BE(header.length + datagram.length, 2);
  header[9] = 47;
  return Buffer.concat([header, datagram]);
}

function setUp(build: Build, config: Partial<OverlayConfig> = {}) {
  const core = new Core(build);
  const sources = [[{ withChecksum: 3, withoutChecksum: 3 }]];
  const socket = core.tables.addSocket({ encap: 'nvgre', listeners: [4], sources });
  const overlay = core.overlay({ vni: VNI, socket, ...config });
  const vnic = core.vnic(overlay, HERE);
  core.remote(overlay, FAR, PEER);
  /** How many of them the VNIC gets, and why the others are dropped. */
  const hear = (datagrams: readonly Uint8Array[], from = PEER.ip) => {
    const outputs = core.decap(datagrams, { socket, from });
    for (const output of outputs) assert.deepEqual(output, { vnic, frame: HEARD });
    core.checkBooks();
    return { taken: outputs.length, drops: core.counters.drops() };
  };
  return { core, overlay, vnic, hear, socket };
}

/** UDP over IPv4 from another port each. */
function flows(count: number): Buffer[] {
  return Array.from({ length: count }, (_, port) => {
    const packet = Buffer.alloc(46);
    packet.set([0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17]);
    packet.writeUInt16BE(1000 + port, 20);
    return frame(FAR, HERE, { etherType: 0x0800, payload: packet });
  });
}

for (const build of BUILDS) {
  describe(`nvgre, ${build} build`, () => {
    it('says that there is a key and nothing else, Ethernet, the VSID, and the flow in the last byte', () => {
      const { core, vnic } = setUp(build);
      const frames = flows(200);
      const sent = core.encap(vnic, frames);
      const ids = sent.map((output, index) => {
        assert.ok('datagram' in output);
        assert.equal(output.to, PEER.ip);
        const id = output.datagram[7]!;
        assert.deepEqual(Buffer.from(output.datagram).fill(0, 7, 8), behind(HEADER, frames[index]!));
        return id;
      });
      assert.ok(new Set(ids).size > 50, `${new Set(ids).size} flows of 200 can be told apart`);
      const again = core.encap(vnic, frames).map((output) => ('datagram' in output ? output.datagram[7]! : -1));
      assert.deepEqual(again, ids);
    });

    it('all segments of a super-frame are of one flow, and leave one by one', () => {
      const { core, vnic } = setUp(build);
      const flow: Flow = { ...FLOW4, protocol: TCP, macs: macs(FAR, HERE) };
      const sent = core.encap(vnic, [buildFrame(flow, new Uint8Array(3000), true)], [vnetOf(flow, 1000)]);
      const headers = sent.map((output) => ('datagram' in output ? output.datagram.toString('hex', 0, 8) : ''));
      assert.equal(headers.length, 3);
      assert.deepEqual(new Set(headers).size, 1);
      assert.match(headers[0]!, /^20006558800015(?!00)..$/);
    });

    it('takes what is behind an IP header of any length, of any flow, and over IPv6 what has none', () => {
      const { hear, core } = setUp(build);
      const taken = Array.from({ length: 11 }, (_, n) => behindIp(behind(HEADER, HEARD), 5 + n));
      const others = ['20006558800015ff', '23f8655880001501', HEADER].map((header) => behindIp(behind(header, HEARD)));
      assert.deepEqual(hear([...taken, ...others]), { taken: 14, drops: {} });
      assert.equal(core.counters.totals().decapInBytes, 14 * (8 + HEARD.length));
      const plain = [behind(HEADER, HEARD), behind('20006558800015ff', HEARD)];
      assert.deepEqual(hear(plain, 'fd00::9'), { taken: 2, drops: {} });
      assert.deepEqual(hear([behindIp(behind(HEADER, HEARD))], 'fd00::9').drops, { bad_nvgre_header: 1 });
    });

    it('refuses a checksum, a sequence number, routing, another version, no key, no Ethernet and another VSID', () => {
      const { hear } = setUp(build);
      const wrong = ['a000', '3000', '6000', '0000', '2800', '2400', '2001', '2002', '2004', 'ffff'].map((flags) =>
        behindIp(behind(`${flags}655880001500`, HEARD)),
      );
      assert.deepEqual(hear(wrong), { taken: 0, drops: { bad_nvgre_header: wrong.length } });
      const protocols = ['0800', '86dd', '880b', '0000', '6559'].map((protocol) =>
        behindIp(behind(`2000${protocol}80001500`, HEARD)),
      );
      const { drops } = hear([...protocols, behindIp(behind('2000655880001600', HEARD))]);
      assert.deepEqual(drops, { bad_nvgre_header: wrong.length, not_ethernet: 5, unknown_vni: 1 });
    });

    it('with strict-header refuses reserved bits, and no others', () => {
      const { hear } = setUp(build, { strictHeader: true });
      const headers = [HEADER, '20006558800015aa', '2200655880001500', '2008655880001500', HEADER];
      const { taken, drops } = hear(headers.map((header) => behindIp(behind(header, HEARD))));
      assert.deepEqual([taken, drops], [3, { reserved_bits: 2 }]);
    });

    it('drops what is cut off anywhere, and an IP header that lies', () => {
      const { core, hear, socket } = setUp(build);
      const whole = behindIp(behind(HEADER, HEARD), 7);
      const least = 28 + 8 + 14;
      for (let length = 0; length < least; length++)
        assert.equal(hear([whole.subarray(0, length)]).taken, 0, `${length}`);
      const lies = [0x40, 0x44, 0x4f, 0x50].map((first) => Buffer.from(whole.with(0, first)));
      for (const lie of lies) hear([lie.subarray(0, least)]);
      assert.equal(core.decap([whole.subarray(0, least)], { socket, from: PEER.ip }).length, 1);
      const { truncated, bad_nvgre_header: bad, ...others } = core.counters.drops();
      assert.deepEqual([truncated! + bad!, others], [least + lies.length, {}]);
    });
  });
}
