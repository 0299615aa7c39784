import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { withRouterMtu } from '../../src/proxy/router-mtu.js';
import { withBytes } from '../support/bytes.js';
import { pcap } from '../support/pcap.js';
import { embedded, hex, RA, tagged } from './frames.js';

const OPTIONS = 14 + 40 + 16;
const PADDED = Uint8Array.of(...RA, 1, 2, 3);
const FRAMES = [RA, tagged(RA), PADDED, embedded(RA)];
/** Of the option: type and length, reserved, 1450. */
const MTU_1450 = '05010000000005aa';

/** What tshark says of each frame: its MTU option, whether the checksum is good, the length of the packet. */
function seen(t: { after(end: () => void): void }, frames: readonly Uint8Array[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'vxlane-ra-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'frames.pcap');
  writeFileSync(file, pcap(frames));
  const tshark = (...argv: string[]) =>
    execFileSync('tshark', ['-r', file, '-n', ...argv], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(tshark('-Y', '_ws.malformed || icmpv6.type != 134'), '');
  const fields = ['icmpv6.opt.mtu', 'icmpv6.checksum.status', 'ipv6.plen', 'icmpv6.opt.type'];
  return tshark('-T', 'fields', ...fields.flatMap((field) => ['-e', field]))
    .trimEnd()
    .split('\n');
}

describe('the MTU in router advertisements', () => {
  test('is added where the router says nothing of it, and tshark finds nothing wrong', (t) => {
    const told = FRAMES.map((frame) => withRouterMtu(frame, 1450, 'missing'));
    assert.deepEqual(seen(t, told), Array(4).fill('1450\t1\t64\t3,1,5'));
    assert.equal(hex(told[0]!.subarray(RA.length)), MTU_1450);
    assert.equal(told[2]!.length, RA.length + 8);
  });

  test('the word of the router stands, unless it is always ours', (t) => {
    const theirs = withRouterMtu(RA, 9000, 'missing');
    const before = hex(theirs);
    assert.equal(withRouterMtu(theirs, 1450, 'missing'), theirs);
    const ours = withRouterMtu(theirs, 1450, 'always');
    assert.equal(hex(theirs), before);
    const fresh = withRouterMtu(RA, 1450, 'always');
    assert.deepEqual(
      seen(t, [theirs, ours, fresh]),
      [9000, 1450, 1450].map((mtu) => `${mtu}\t1\t64\t3,1,5`),
    );
  });

  test('a router that says it twice is put right twice', (t) => {
    // the prefix option's 32 bytes as four MTU options of other sizes
    const four = Array(4).fill([5, 1, 0, 0, 0, 0, 0x23, 0x28]).flat();
    const told = withRouterMtu(withBytes(RA, OPTIONS, ...four), 1450, 'always');
    assert.deepEqual(seen(t, [told]), ['1450,1450,1450,1450\t1\t56\t5,5,5,5,1']);
  });

  test('nothing is touched with off, where hosts would not heed it, without room, and in what is signed', () => {
    const signed = withBytes(RA, OPTIONS, 12);
    for (const [frame, mtu, policy] of [
      [RA, 1450, 'off'],
      [RA, 1279, 'always'],
      [signed, 1450, 'always'],
    ] as const) {
      assert.equal(withRouterMtu(frame, mtu, policy), frame);
    }
    assert.notEqual(withRouterMtu(RA, 1280, 'missing'), RA);
    const long = new Uint8Array(14 + 1280);
    long.set(RA);
    const payload = 1280 - 40;
    long.set([payload >> 8, payload & 0xff], 14 + 4);
    for (let at = RA.length; at < long.length; at += 8) long[at + 1] = 1;
    assert.equal(withRouterMtu(long, 1287, 'missing'), long);
    assert.equal(withRouterMtu(long, 1288, 'missing').length, long.length + 8);
  });
});
