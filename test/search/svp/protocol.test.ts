/** Bytes: golden messages, written down from the protocol's description, and the test server's encoder beside them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, type Frame, HEADER_LEN, ProtocolError } from '../../../src/search/plugins/svp/frame.js';
import { Unframer } from '../../../src/search/plugins/svp/framing.js';
import * as messages from '../../../src/search/plugins/svp/messages.js';
import { readRecords } from '../../../src/search/plugins/svp/records.js';
import { envelope, recordBytes, sealed, sixteen } from '../../support/svp-server.js';

const U1 = '00112233445566778899aabbccddeeff';
const U2 = '0102030405060708090a0b0c0d0e0f10';
const MAPPED = '00000000000000000000ffff';

function hex(...parts: string[]): Buffer {
  return Buffer.from(parts.join('').replaceAll(' ', ''), 'hex');
}

function asked(question: messages.Question<unknown>, id: number): string {
  return encodeFrame({ op: question.op, id, payload: question.payload }).toString('hex');
}

/** The frames in a stream that comes in these pieces. */
function unframed(...chunks: Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const unframer = new Unframer();
  for (const chunk of chunks) unframer.push(chunk, (frame) => frames.push(frame));
  return frames;
}

/** Decodes one whole message as the answer to a question. */
function answered<T>(question: messages.Question<T>, bytes: Buffer): T {
  const [frame] = unframed(bytes);
  assert.equal(frame?.op, question.answerOp);
  return question.decode(frame?.payload as Buffer);
}

describe('golden bytes: questions', () => {
  const golden: [name: string, question: messages.Question<unknown>, id: number, bytes: Buffer][] = [
    ['PING', messages.ping(), 0x01020304, hex('0001 0001 00000000 01020304 a0f78ce1')],
    [
      'VL2_REQ',
      messages.vl2('de:ad:be:ef:00:01', 23),
      7,
      hex('0001 0003 0000000c 00000007 13f8c103', 'deadbeef0001 0000 00000017'),
    ],
    [
      'VL3_REQ for IPv4',
      messages.vl3('10.55.55.3', 23),
      8,
      hex('0001 0005 00000018 00000008 b625eb8b', MAPPED, '0a373703 00000001 00000017'),
    ],
    [
      'VL3_REQ for IPv6',
      messages.vl3('fe80::4', 0xabcdef),
      8,
      hex('0001 0005 00000018 00000008 6da80460', 'fe800000000000000000000000000004 00000002 00abcdef'),
    ],
    [
      'LOG_REQ',
      messages.logRequest(1024, '10.88.88.69'),
      9,
      hex('0001 0009 00000014 00000009 fbd71e33 00000400', MAPPED, '0a585845'),
    ],
    ['LOG_RM', messages.logRemove([U1, U2]), 10, hex('0001 000b 00000024 0000000a f6783d22 00000002', U1, U2)],
  ];
  for (const [name, question, id, bytes] of golden) {
    test(name, () => assert.equal(asked(question, id), bytes.toString('hex')));
  }
});

describe('golden bytes: answers', () => {
  test('PONG', () => {
    assert.equal(answered(messages.ping(), hex('0001 0002 00000000 01020304 1d3de02f')), null);
  });

  test('VL2_ACK: the status has 16 bits', () => {
    const question = messages.vl2('de:ad:be:ef:00:01', 23);
    const found = hex('0001 0004 00000014 00000007 f3dc8e00 0000 12b5', MAPPED, '0a585846');
    assert.deepEqual(answered(question, found), { ip: '10.88.88.70', port: 4789 });
    const missing = hex('0001 0004 00000014 00000007 15a0f35c 0002 0000', '00'.repeat(16));
    assert.equal(answered(question, missing), null);
  });

  test('VL3_ACK', () => {
    const bytes = hex('0001 0006 0000001c 00000008 9d9f1801 00000000 deadbeef0001 12b6 fd88', '00'.repeat(13), '01');
    const target = { ip: 'fd88::1', port: 4790 };
    assert.deepEqual(answered(messages.vl3('10.55.55.3', 23), bytes), { mac: 'de:ad:be:ef:00:01', target });
  });

  test('LOG_ACK with a record of each type', () => {
    const vl2 = `00000001 ${U1} deadbeef0001 0000 00000017`;
    const vl3 = `00000002 ${U2} ${MAPPED} 0a373703 0000 0064 00000017`;
    const bytes = hex('0001 000a 00000050 00000009 d46a3124 00000000', vl2, vl3);
    assert.deepEqual(answered(messages.logRequest(1024, '10.88.88.69'), bytes), [
      { kind: 'vl2', uuid: U1, mac: 'de:ad:be:ef:00:01', vni: 23 },
      { kind: 'vl3', uuid: U2, ip: '10.55.55.3', vlan: 100, vni: 23 },
    ]);
  });

  test('LOG_RM_ACK', () => {
    assert.equal(answered(messages.logRemove([U1]), hex('0001 000c 00000004 0000000a 18b8938c 00000000')), null);
  });

  test('a status that is neither OK nor not found is a refusal in words', () => {
    const vl2 = messages.vl2('de:ad:be:ef:00:01', 23);
    const vl3 = messages.vl3('10.0.0.1', 23);
    const status = (op: number, bytes: string, size: number) => envelope(op, 1, hex(bytes.padEnd(2 * size, '0')));
    assert.throws(() => answered(vl2, status(4, '0001', 20)), { name: 'Refused', message: 'fatal error (status 1)' });
    assert.throws(() => answered(vl3, status(6, '00000003', 28)), { message: 'bad address type (status 3)' });
    assert.throws(() => answered(vl3, status(6, '00010000', 28)), { message: 'unknown status (status 65536)' });
    const log = messages.logRequest(1024, '10.0.0.1');
    assert.throws(() => answered(log, status(10, '00000001', 4)), { message: 'fatal error (status 1)' });
    assert.deepEqual(answered(log, status(10, '00000002', 4)), []);
    assert.equal(answered(messages.logRemove([]), status(12, '00000002', 4)), null);
  });
});

const ip = fc.oneof(
  fc.ipV4(),
  fc
    .uint8Array({ minLength: 6, maxLength: 6 })
    .map((b) => `fd00::${[...b].map((x) => (x + 1).toString(16)).join(':')}`),
);
const id = fc.integer({ min: 0, max: 0xffffffff });
const vni = fc.integer({ min: 0, max: 0xffffff });
const uuids = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const macs = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':'));

describe('any value', () => {
  test('an address and vnetid that are asked for are those that the other side reads', () => {
    fc.assert(
      fc.property(ip, vni, id, (address, vnetid, someId) => {
        const bytes = Buffer.from(asked(messages.vl3(address, vnetid), someId), 'hex');
        const payload = Buffer.concat([sixteen(address), bytes.subarray(32)]);
        assert.deepEqual(bytes, envelope(5, someId, payload));
        assert.equal(bytes.readUInt32BE(32), address.includes(':') ? 2 : 1);
        assert.equal(bytes.readUInt32BE(36), vnetid);
      }),
    );
  });

  test('records read as they were written', () => {
    const vl2 = fc.record({ uuid: uuids, vni, mac: macs });
    const vl3 = fc.record({ uuid: uuids, vni, ip: fc.ipV4(), vlan: fc.integer({ min: 0, max: 4094 }) });
    fc.assert(
      fc.property(fc.array(fc.oneof(vl2, vl3)), (entries) => {
        const read = readRecords(Buffer.concat(entries.map(recordBytes)));
        const expected = entries.map((entry) => ({ kind: 'mac' in entry ? 'vl2' : 'vl3', ...entry }));
        assert.deepEqual(read, expected);
      }),
    );
  });

  test('cut anywhere, the same frames come out', () => {
    const payload = fc.oneof(fc.constant([4, 20]), fc.constant([6, 28]), fc.constant([2, 0]), fc.constant([12, 4]));
    const log = fc.integer({ min: 4, max: 300 }).map((size) => [10, size]);
    const frame = fc.tuple(fc.oneof(payload, log), id, fc.nat(255));
    const cuts = fc.array(fc.nat(2000), { maxLength: 60 });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), cuts, (specs, at) => {
        const frames = specs.map(([[op, size], someId, fill]) => ({
          op: op as number,
          id: someId,
          payload: Buffer.alloc(size as number, fill),
        }));
        const stream = Buffer.concat(frames.map((each) => envelope(each.op, each.id, each.payload)));
        const sorted = [0, ...at.filter((cut) => cut <= stream.length).sort((a, b) => a - b), stream.length];
        const chunks = sorted.slice(1).map((end, index) => stream.subarray(sorted[index], end));
        assert.deepEqual(unframed(...chunks), frames);
      }),
    );
  });

  test('one bit changed anywhere is noticed, or the frame is still incomplete', () => {
    const whole = envelope(4, 7, Buffer.alloc(20, 0x5a));
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const spoilt = Buffer.from(whole);
      spoilt[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => unframed(spoilt), ProtocolError, `bit ${bit}`);
    }
  });
});

describe('refused as soon as the header is there', () => {
  const header = (version: number, op: number, size: number): Buffer => {
    const bytes = envelope(op, 1, Buffer.alloc(0));
    bytes.writeUInt16BE(version, 0);
    bytes.writeUInt32BE(size, 4);
    return sealed(bytes);
  };
  const refused: [what: string, bytes: Buffer, message: string][] = [
    ['another version', header(2, 4, 20), 'protocol version 2, expected 1'],
    ['a request', header(1, 3, 12), 'operation 3 is no answer to a client'],
    ['a bulk answer, which nobody asks for', header(1, 8, 8), 'operation 8 is no answer to a client'],
    ['an answer of another size', header(1, 4, 22), 'operation 4 with 22 bytes of payload, expected 20'],
    ['a PONG with a payload', header(1, 2, 1), 'operation 2 with 1 bytes of payload, expected 0'],
    [
      'a log of 4 GiB',
      header(1, 10, 0xffffffff),
      'operation 10 with 4294967295 bytes of payload, expected 4 to 131072',
    ],
  ];
  for (const [what, bytes, message] of refused) {
    test(what, () => {
      assert.equal(bytes.length, HEADER_LEN);
      assert.throws(() => unframed(bytes), { name: 'ProtocolError', message });
    });
  }

  test('records that are cut short or of no known type', () => {
    const vl2 = recordBytes({ uuid: U1, vni: 1, mac: 'de:ad:be:ef:00:01' });
    const vl3 = recordBytes({ uuid: U1, vni: 1, ip: '10.0.0.1' });
    for (let length = 1; length < vl2.length; length++) {
      assert.throws(() => readRecords(Buffer.concat([vl3, vl2.subarray(0, length)])), { message: /cut short/ });
    }
    vl2.writeUInt32BE(3, 0);
    assert.throws(() => readRecords(vl2), { name: 'ProtocolError', message: 'log record of type 3' });
  });
});
