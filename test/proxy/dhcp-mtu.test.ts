import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { withMtuOption } from '../../src/proxy/dhcp-mtu.js';
import { withBytes } from '../support/bytes.js';
import { pcap } from '../support/pcap.js';
import { DHCP_DISCOVER, DHCP_OFFER, DHCP_OFFER_UNICAST } from '../wire/frames.js';
import { tagged } from './frames.js';

const OFFERS = [DHCP_OFFER, DHCP_OFFER_UNICAST, tagged(DHCP_OFFER)];
/** Of the frames here, which are untagged: behind Ethernet, IPv4, UDP, the fixed part and the cookie. */
const OPTIONS = 14 + 20 + 8 + 240;
const UDP_SUM = 14 + 20 + 6;

/** What tshark says of each frame: its MTU option, message type, and what is wrong with it. */
function seen(t: { after(end: () => void): void }, frames: readonly Uint8Array[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'vxlane-dhcp-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'frames.pcap'), pcap(frames));
  const fields = ['dhcp.option.interface_mtu', 'ip.checksum.status', 'udp.checksum.status', 'dhcp.option.dhcp'];
  const checks = ['ip', 'udp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
  const columns = fields.flatMap((field) => ['-e', field]);
  const argv = ['-r', join(dir, 'frames.pcap'), '-n', ...checks, '-T', 'fields', ...columns];
  return execFileSync('tshark', argv, { encoding: 'utf8', timeout: 60_000 }).trimEnd().split('\n');
}

describe('the MTU in DHCP offers', () => {
  test('is added where the server says nothing of it, and tshark finds nothing wrong', (t) => {
    const told = OFFERS.map((frame) => withMtuOption(frame, 1450, 'missing'));
    assert.deepEqual(seen(t, told), Array(3).fill('1450\t1\t1\t2'));
    for (const [index, frame] of told.entries()) assert.equal(frame.length, OFFERS[index]!.length + 4);
  });

  test('a checksum that is not there stays away', (t) => {
    const told = withMtuOption(withBytes(DHCP_OFFER, UDP_SUM, 0, 0), 1450, 'missing');
    assert.match(seen(t, [told])[0]!, /^1450\t1\t[^01]\t2$/);
  });

  test('the word of the server stands, unless it is always ours', (t) => {
    const theirs = withMtuOption(DHCP_OFFER, 9000, 'missing');
    assert.equal(withMtuOption(theirs, 1450, 'missing'), theirs);
    assert.deepEqual(seen(t, [theirs, withMtuOption(theirs, 1450, 'always')]), ['9000\t1\t1\t2', '1450\t1\t1\t2']);
    assert.deepEqual(seen(t, [withMtuOption(DHCP_OFFER, 1450, 'always')]), ['1450\t1\t1\t2']);
  });

  test('nothing else is touched: with off, of clients, of refusals, and where there is no room', () => {
    for (const frame of OFFERS) assert.equal(withMtuOption(frame, 1450, 'off'), frame);
    assert.equal(withMtuOption(DHCP_DISCOVER, 1450, 'always'), DHCP_DISCOVER);
    const type = DHCP_OFFER.findIndex((byte, at) => at >= OPTIONS && byte === 53 && DHCP_OFFER[at + 1] === 1);
    const refusal = withBytes(DHCP_OFFER, type + 2, 6);
    assert.equal(withMtuOption(refusal, 1450, 'always'), refusal);
    const overloaded = withBytes(DHCP_OFFER, type, 53, 1, 2, 52, 1, 3);
    assert.equal(withMtuOption(overloaded, 1450, 'always'), overloaded);
    const end = DHCP_OFFER.lastIndexOf(255);
    const endless = withBytes(DHCP_OFFER, end, 1);
    assert.equal(withMtuOption(endless, 1450, 'always'), endless);
  });

  test('options that lie are no reason to read beside the frame', () => {
    for (let at = OPTIONS; at < DHCP_OFFER.length; at++) {
      const told = withMtuOption(withBytes(DHCP_OFFER, at, 255 - DHCP_OFFER[at]!), 1450, 'always');
      assert.ok(told.length <= DHCP_OFFER.length + 4);
    }
  });
});
