import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ipBytes, macFromNumber, parseIp } from '../../src/address.js';
import { ndpQuestion, neighbourAdvertisement, unsolicitedAdvertisement } from '../../src/proxy/ndp.js';
import { slowChecksum } from '../support/bytes.js';
import { NA, NS } from '../wire/frames.js';
import { bytes, embedded, hex, NS_DAD, tagged } from './frames.js';

const ASKER = '02:00:00:00:00:0a';
const OWNER = '02:00:00:00:00:0b';
const HOST = { router: false };
const ROUTER = { router: true };
/** Offsets in an untagged advertisement. */
const CHECKSUM = 14 + 40 + 2;
const FLAGS = 14 + 40 + 4;

/** Zero for a good ICMPv6 checksum: the message after its pseudo-header, summed with the checksum in place. */
function checksumRest(frame: Uint8Array): number {
  const message = frame.subarray(14 + 40);
  const pseudo = Uint8Array.of(...frame.subarray(14 + 8, 14 + 40), 0, 0, 0, message.length, 0, 0, 0, 58);
  return slowChecksum(Uint8Array.of(...pseudo, ...message));
}

describe('proxy neighbour discovery', () => {
  test('reads who asks for what', () => {
    const question = { target: 'fe80::ff:fe00:b', source: 'fe80::ff:fe00:a', isDad: false, sourceMac: ASKER };
    assert.deepEqual(ndpQuestion(NS), question);
    assert.deepEqual(ndpQuestion(tagged(NS)), question);
    assert.deepEqual(ndpQuestion(embedded(NS)), question);
  });

  test('sees duplicate address detection by its source', () => {
    assert.deepEqual(ndpQuestion(NS_DAD), { target: 'fe80::ff:fe00:a', source: '::', isDad: true, sourceMac: ASKER });
  });

  test('advertises, byte for byte, as the kernel of the owner did, but without Override', () => {
    const expected = Uint8Array.from(NA);
    expected[FLAGS] = 0x40;
    new DataView(expected.buffer).setUint16(CHECKSUM, new DataView(NA.buffer).getUint16(CHECKSUM) + 0x2000);
    assert.equal(checksumRest(expected), 0);
    assert.equal(hex(neighbourAdvertisement(NS, OWNER, HOST)), hex(expected));
  });

  test('keeps the tag', () => {
    const untagged = neighbourAdvertisement(NS, OWNER, HOST);
    assert.equal(hex(neighbourAdvertisement(tagged(NS), OWNER, HOST)), hex(tagged(untagged)));
  });

  test('says router when the owner is one', () => {
    assert.equal(neighbourAdvertisement(NS, OWNER, ROUTER)[FLAGS], 0xc0);
    assert.equal(neighbourAdvertisement(NS_DAD, OWNER, ROUTER)[FLAGS], 0xa0);
    assert.equal(unsolicitedAdvertisement('fe80::1', OWNER, ROUTER)[FLAGS], 0xa0);
  });

  const toAllNodes = (target: string, checksum: string) => `
    333300000001 02000000000b 86dd
    60000000 0020 3a ff ${target} ff020000000000000000000000000001
    88 00 ${checksum} 20000000 ${target} 02 01 02000000000b`;

  test('answers duplicate address detection to all nodes: Override, not Solicited', () => {
    const expected = bytes(toAllNodes('fe80 0000 0000 0000 0000 00ff fe00 000a', '597f'));
    assert.equal(checksumRest(expected), 0);
    assert.equal(hex(neighbourAdvertisement(NS_DAD, OWNER, HOST)), hex(expected));
  });

  test('advertises unasked to all nodes: Override, not Solicited', () => {
    const expected = bytes(toAllNodes('fd00 0000 0000 0000 0000 0000 0000 0007', '5a85'));
    assert.equal(checksumRest(expected), 0);
    assert.equal(hex(unsolicitedAdvertisement('fd00::7', OWNER, HOST)), hex(expected));
  });

  test('the checksum is right for any addresses', () => {
    const mac = fc.integer({ min: 0, max: 2 ** 48 - 1 }).map(macFromNumber);
    const ipv6 = fc
      .ipV6()
      .map((text) => parseIp(text) as string)
      .filter((text) => text.includes(':'));
    fc.assert(
      fc.property(ipv6, ipv6, mac, fc.boolean(), (source, target, owner, router) => {
        const ns = Uint8Array.from(NS);
        ns.set(ipBytes(source), 14 + 8);
        ns.set(ipBytes(target), 14 + 40 + 8);
        const frame = neighbourAdvertisement(ns, owner, { router });
        assert.equal(checksumRest(frame), 0);
        assert.equal(checksumRest(unsolicitedAdvertisement(target, owner, { router })), 0);
        assert.deepEqual(frame.subarray(14 + 40 + 8, 14 + 40 + 24), ipBytes(target));
        const isDad = source === '::';
        assert.deepEqual(frame.subarray(14 + 24, 14 + 40), ipBytes(isDad ? 'ff02::1' : source));
        assert.equal(frame[FLAGS], (isDad ? 0x20 : 0x40) | (router ? 0x80 : 0));
      }),
    );
  });

  test('a frame cut anywhere before the options is a RangeError, never a read beside it', () => {
    for (const [frame, length] of [
      [NS, 78],
      [tagged(NS), 82],
    ] as const) {
      for (let cut = 0; cut < length; cut++) {
        const short = embedded(frame.subarray(0, cut));
        assert.throws(() => ndpQuestion(short), RangeError, `${cut}`);
        assert.throws(() => neighbourAdvertisement(short, OWNER, HOST), RangeError, `${cut}`);
      }
    }
  });
});
