import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dirt, onlyWroteInside, place, placeAtEnd, read, slowChecksum, withBytes } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { TCP_DATA, TCP_SYN } from './frames.js';

const IPV4 = 14;
const TCP = IPV4 + 20;
const SYN = TCP_SYN.slice(TCP);
const DATA = TCP_DATA.slice(TCP);
const DATA_OFFSET = 12;

const u32 = (bytes: Uint8Array, offset: number): number => new DataView(bytes.buffer).getUint32(offset);
const u16 = (bytes: Uint8Array, offset: number): number => new DataView(bytes.buffer).getUint16(offset);

await forEachBuild((build, m) => {
  const protocol = m.IPPROTO_TCP.value;

  describe(`tcp, ${build} build`, () => {
    test('reads a captured segment with options and data', () => {
      const packet = placeAtEnd(m, TCP_DATA.slice(IPV4));
      const segment = packet + 20;
      assert.equal(m.tcpCheck(segment, DATA.length), true);
      assert.equal(m.tcpSrcPort(segment), u16(DATA, 0));
      assert.equal(m.tcpDstPort(segment), 8080);
      assert.equal(m.tcpSeq(segment), u32(DATA, 4));
      assert.equal(m.tcpSeq(segment), (u32(SYN, 4) + 1) >>> 0, 'the SYN took one number');
      assert.equal(m.tcpAck(segment), u32(DATA, 8));
      assert.equal(m.tcpHeaderLength(segment), 32);
      assert.equal(DATA.length - m.tcpHeaderLength(segment), 6);
      assert.equal(m.tcpFlags(segment), m.TCP_PSH.value | m.TCP_ACK.value);
      assert.equal(m.tcpWindow(segment), u16(DATA, 14));
      assert.equal(m.tcpChecksum(segment), u16(DATA, 16));
      assert.equal(m.tcpVerify(segment, DATA.length, m.ipv4PseudoSum(packet, protocol, DATA.length)), true);
    });

    test('reads the flags and length of a captured SYN', () => {
      const segment = place(m, SYN);
      assert.equal(m.tcpFlags(segment), m.TCP_SYN.value);
      assert.equal(m.tcpHeaderLength(segment), 40);
    });

    test('writes the same header before its options, every byte and no other', () => {
      const segment = dirt(m, 20);
      m.tcpStamp(segment, u16(DATA, 0), 8080, u32(DATA, 4), u32(DATA, 8), m.TCP_PSH.value | m.TCP_ACK.value);
      m.tcpSetWindow(segment, u16(DATA, 14));
      const expected = withBytes(DATA.slice(0, 20), DATA_OFFSET, 0x50); // no options
      expected.fill(0, 16, 18); // no checksum yet
      assert.deepEqual(read(m, segment, 20), expected);
      assert.ok(onlyWroteInside(m, segment, 20));
    });

    test('a segment that is changed like a split one has a right checksum after it is filled', () => {
      const packet = place(m, TCP_DATA.slice(IPV4));
      const segment = packet + 20;
      const pseudo = m.ipv4PseudoSum(packet, protocol, DATA.length);
      m.tcpSetSeq(segment, 0xffff_fffe);
      m.tcpSetFlags(segment, m.TCP_ACK.value | m.TCP_FIN.value);
      assert.equal(m.tcpVerify(segment, DATA.length, pseudo), false);
      m.tcpFillChecksum(segment, DATA.length, pseudo);
      assert.equal(m.tcpVerify(segment, DATA.length, pseudo), true);
      assert.equal(m.tcpSeq(segment), 0xffff_fffe);
      assert.equal(m.tcpFlags(segment), m.TCP_ACK.value | m.TCP_FIN.value);
      assert.equal(m.tcpHeaderLength(segment), 32, 'the data offset beside the flags is untouched');
      const bytes = read(m, segment, DATA.length);
      assert.equal(slowChecksum(bytes, pseudo), 0);
    });

    test('every truncated length: refused until the header and its options are there', () => {
      for (let len = 0; len <= SYN.length; len++) {
        assert.equal(m.tcpCheck(placeAtEnd(m, SYN.slice(0, len)), len), len === 40, `${len}`);
      }
    });

    test('a data offset below 5 words or beyond the bytes is refused', () => {
      for (let words = 0; words < 16; words++) {
        const segment = place(m, withBytes(SYN, DATA_OFFSET, words << 4));
        assert.equal(m.tcpCheck(segment, SYN.length), words >= 5 && words <= 10, `${words}`);
      }
    });
  });
});
