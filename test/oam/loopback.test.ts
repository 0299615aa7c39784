/** Loopback frames byte by byte, what tshark reads in them, and what is no such frame. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { loopbackMessage, loopbackReply, readLoopback, vtepMac } from '../../src/oam/loopback.js';
import { pcap } from '../support/pcap.js';

const FROM = { ip: '10.88.88.69', port: 4789 };
const FILL = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const MESSAGE = loopbackMessage('10.88.88.70', FROM, 0x01020304, 64, FILL);
const MESSAGE6 = loopbackMessage('fd00::2', { ip: 'fd00::1', port: 4790 }, 0xfffffffe, 1450, FILL);

/** Addresses, EtherType; level and OpCode, transaction; Sender ID with a UDP address; Data; End. */
const GOLDEN = [
  ...['02760a585846', '02760a585845', '8902', '00030004', '01020304'],
  ...['010013', '00', '0a', '06082b06010201640101', '06', '0a58584512b5'],
  ...['03001e', '0102030405060708', '00'.repeat(22), '00'],
].join('');

test('a message is what the standard says, and its reply is the same but for addresses and OpCode', () => {
  assert.equal(Buffer.from(MESSAGE).toString('hex'), GOLDEN);
  const swapped = `02760a58584502760a58584689020002${GOLDEN.slice(32)}`;
  assert.equal(Buffer.from(loopbackReply(MESSAGE)).toString('hex'), swapped);
});

test('what was written is read', () => {
  const read = { isReply: false, source: '02:76:0a:58:58:45', transaction: 0x01020304, sender: FROM };
  assert.deepEqual(readLoopback(MESSAGE), { ...read, destination: '02:76:0a:58:58:46' });
  assert.deepEqual(readLoopback(MESSAGE6)?.sender, { ip: 'fd00::1', port: 4790 });
  assert.equal(readLoopback(loopbackReply(MESSAGE6))?.isReply, true);
  assert.equal(MESSAGE6.length, 14 + 1450);
  assert.notEqual(vtepMac('fd00:1::1'), vtepMac('fd00:2::1'));
});

test('tshark reads every field', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'vxlane-oam-'));
  t.after(() => rm(dir, { recursive: true }));
  const file = join(dir, 'frames.pcap');
  await writeFile(file, pcap([MESSAGE, loopbackReply(MESSAGE), MESSAGE6]));
  const tshark = async (...options: string[]) =>
    (await promisify(execFile)('tshark', ['-r', file, '-n', ...options], { timeout: 60_000 })).stdout.trimEnd();
  const fields = ['md.level', 'opcode', 'lb.transaction.id', 'tlv.type', 'tlv.ma.domain', 'tlv.management.addr'];
  const lines = await tshark('-T', 'fields', ...fields.flatMap((field) => ['-e', `cfm.${field}`]));
  const udp4 = '06082b06010201640101\t0a58584512b5';
  assert.deepEqual(lines.split('\n'), [
    `0\t3\t16909060\t1,3,0\t${udp4}`,
    `0\t2\t16909060\t1,3,0\t${udp4}`,
    `0\t3\t4294967294\t1,3,0\t06082b06010201640102\tfd00000000000000000000000000000112b6`,
  ]);
  assert.equal(await tshark('-Y', '_ws.malformed || _ws.expert.severity >= "Warning"'), '');
});

const changed = (at: number, ...bytes: number[]) => {
  const frame = MESSAGE.slice();
  frame.set(bytes, at);
  return frame;
};

test('other OAM, other sources and what is cut off are no loopback between VTEPs', () => {
  const wrong: [what: string, frame: Uint8Array][] = [
    ['level 5', changed(14, 5 << 5)],
    ['a continuity check', changed(15, 1)],
    ['another EtherType', changed(12, 0x08, 0x00)],
    ['TLVs that begin in the transaction identifier', changed(17, 3)],
    ['a TLV longer than the frame', changed(23, 0xff)],
    ['a source that is no VTEP', changed(6, 0xde)],
    ['a group as source', changed(6, 0x03)],
    ['nothing behind the header', MESSAGE.slice(0, 22)],
  ];
  for (const [what, frame] of wrong) assert.equal(readLoopback(frame), null, what);
  assert.equal(readLoopback(changed(26, 0))?.sender, null, 'a Sender ID without a management address');
  assert.equal(readLoopback(changed(42, 0, 0))?.sender, null, 'port 0');
});

test('any bytes are read or refused, and never throw', () => {
  const bytes = fc.uint8Array({ maxLength: 80 });
  fc.assert(
    fc.property(bytes, fc.nat(MESSAGE.length), (noise, at) => {
      readLoopback(noise);
      const frame = Uint8Array.from([...MESSAGE.slice(0, at), ...noise]);
      readLoopback(frame);
      assert.equal(loopbackReply(MESSAGE).length, MESSAGE.length);
    }),
  );
});
