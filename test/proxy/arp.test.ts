import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { macFromNumber } from '../../src/address.js';
import { arpAnnouncement, arpQuestion, arpReply } from '../../src/proxy/arp.js';
import { ARP_ANNOUNCEMENT, ARP_PROBE, ARP_REPLY, ARP_REQUEST } from '../wire/frames.js';
import { bytes, embedded, hex, tagged } from './frames.js';

const ASKER = '02:00:00:00:00:0a';
const OWNER = '02:00:00:00:00:0b';

describe('proxy ARP', () => {
  test('reads who asks for what', () => {
    const question = { targetIp: '10.0.0.2', senderIp: '10.0.0.1', senderMac: ASKER };
    assert.deepEqual(arpQuestion(ARP_REQUEST), question);
    assert.deepEqual(arpQuestion(tagged(ARP_REQUEST)), question);
    assert.deepEqual(arpQuestion(embedded(ARP_REQUEST)), question);
  });

  test('a probe asks in nobody’s name', () => {
    assert.deepEqual(arpQuestion(ARP_PROBE), { targetIp: '10.0.0.9', senderIp: '0.0.0.0', senderMac: ASKER });
  });

  test('replies, byte for byte, as the kernel of the owner did', () => {
    assert.equal(hex(arpReply(ARP_REQUEST, OWNER)), hex(ARP_REPLY));
  });

  test('keeps the tag, priority included', () => {
    assert.equal(hex(arpReply(tagged(ARP_REQUEST), OWNER)), hex(tagged(ARP_REPLY)));
  });

  test('keeps both tags of a frame with two', () => {
    const outer = (frame: Uint8Array) =>
      Uint8Array.of(...frame.subarray(0, 12), 0x88, 0xa8, 0x00, 0x09, ...frame.subarray(12));
    assert.equal(hex(arpReply(outer(tagged(ARP_REQUEST)), OWNER)), hex(outer(tagged(ARP_REPLY))));
  });

  test('drops the padding of a minimum-size request, and leaves the request alone', () => {
    const padded = embedded(Uint8Array.of(...ARP_REQUEST, ...new Uint8Array(18).fill(0xee)));
    const before = hex(new Uint8Array(padded.buffer));
    assert.equal(hex(arpReply(padded, OWNER)), hex(ARP_REPLY));
    assert.equal(hex(new Uint8Array(padded.buffer)), before);
  });

  test('answers a probe with target 0.0.0.0', () => {
    const reply = `02000000000a02000000000b 0806 0001 0800 06 04 0002 02000000000b 0a000009 02000000000a 00000000`;
    assert.equal(hex(arpReply(ARP_PROBE, OWNER)), hex(bytes(reply)));
  });

  test('announces as arping does, but with an empty target MAC (RFC 5227 section 2.3)', () => {
    const expected = Uint8Array.from(ARP_ANNOUNCEMENT).fill(0, 32, 38);
    assert.equal(hex(arpAnnouncement('10.0.0.1', ASKER)), hex(expected));
  });

  test('an announcement says what it was given', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 2 ** 48 - 1 }).map(macFromNumber), (ip, mac) => {
        assert.deepEqual(arpQuestion(arpAnnouncement(ip, mac)), { targetIp: ip, senderIp: ip, senderMac: mac });
      }),
    );
  });

  test('a frame cut anywhere is a RangeError, never a read beside it', () => {
    for (const frame of [ARP_REQUEST, tagged(ARP_REQUEST)]) {
      for (let length = 0; length < frame.length; length++) {
        const cut = embedded(frame.subarray(0, length));
        assert.throws(() => arpQuestion(cut), RangeError, `${length}`);
        assert.throws(() => arpReply(cut, OWNER), RangeError, `${length}`);
      }
    }
  });
});
