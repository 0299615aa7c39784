import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { ppoll, readv, writev } from '../../src/system/syscalls.js';
import { openTap, type Tap } from '../../src/system/tap.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP, VNET_NONE } from '../support/tap.js';
import { POLLIN, Shared } from './shared.js';

const MAC = 'de:ad:be:ef:00:01';
const PEER_MAC = 'de:ad:be:ef:00:02';
const LOCAL_IP = '10.77.0.1';
const PEER_IP = '10.77.0.2';
const FRAME_MAX = 2048;
const ARP_FRAME_LEN = 42;
const ARP_REPLY = 2;
const WAIT_MS = 5000;

/** An ARP reply from the peer: `ip` is at `mac`. */
function arpReply(request: Buffer): Buffer {
  const reply = Buffer.from(request.subarray(0, ARP_FRAME_LEN));
  const peer = Buffer.from(PEER_MAC.replaceAll(':', ''), 'hex');
  request.copy(reply, 0, 6, 12); // to the asker
  peer.copy(reply, 6);
  reply.writeUInt16BE(ARP_REPLY, 20);
  request.copy(reply, 32, 22, 32); // its MAC and IP become the target's
  peer.copy(reply, 22);
  request.copy(reply, 28, 38, 42); // the IP it asked for becomes the sender's
  return reply;
}

describe('frames of a TAP over shared memory', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  let tap: Tap;
  let pinging: ChildProcess | undefined;

  before(() => {
    tap = openTap({
      name: 'vnic0',
      mac: MAC,
      mtu: 1400,
      netns: netns.name,
      persist: false,
      ...PLAIN_TAP,
    });
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.vnic0.disable_ipv6=1');
    netns.exec('ip', 'address', 'add', `${LOCAL_IP}/24`, 'dev', 'vnic0');
  });
  after(() => {
    pinging?.kill();
    tap.close();
    netns.delete();
  });

  const shared = new Shared();
  const slot = shared.take(FRAME_MAX);
  const iovec = shared.iovec(slot, FRAME_MAX);

  const waitReadable = () => {
    const pollfd = shared.pollfd(tap.fd, POLLIN);
    assert.equal(ppoll(shared.at(pollfd), 1, shared.at(shared.timespec(WAIT_MS))), 1, 'no frame came');
    assert.equal(shared.revents(pollfd), POLLIN);
  };

  const readFrame = () => {
    const length = readv(tap.fd, shared.at(iovec), 1);
    assert.ok(length > VNET_NONE.length, `readv answered ${length}`);
    assert.deepEqual(shared.copy(slot, VNET_NONE.length), VNET_NONE, 'nothing is left to do');
    return shared.copy(slot, length).subarray(VNET_NONE.length);
  };

  it('answers -EAGAIN while there is none', () => {
    while (readv(tap.fd, shared.at(iovec), 1) > 0); // what the kernel sent when the interface came up
    assert.equal(readv(tap.fd, shared.at(iovec), 1), -constants.errno.EAGAIN);
    const pollfd = shared.pollfd(tap.fd, POLLIN);
    assert.equal(ppoll(shared.at(pollfd), 1, shared.at(shared.timespec(0))), 0);
  });

  it('carries ARP and ping in both directions', async () => {
    pinging = spawn('ip', ['netns', 'exec', netns.name, 'ping', '-c', '1', '-W', '5', PEER_IP], { stdio: 'pipe' });
    const output: string[] = [];
    pinging.stdout?.on('data', (text) => output.push(String(text)));
    const ended = new Promise((resolve) => pinging?.once('exit', resolve));

    waitReadable();
    const request = readFrame();
    assert.equal(request.subarray(0, 6).toString('hex'), 'ffffffffffff');
    assert.equal(request.subarray(6, 12).toString('hex'), 'deadbeef0001');
    assert.equal(request.readUInt16BE(12), 0x0806);
    assert.equal(request.subarray(38, 42).join('.'), PEER_IP);

    const reply = Buffer.concat([VNET_NONE, arpReply(request)]);
    assert.equal(writev(tap.fd, shared.at(shared.iovec(shared.put(reply), reply.length)), 1), reply.length);

    waitReadable();
    const echo = readFrame();
    assert.equal(echo.readUInt16BE(12), 0x0800);
    assert.equal(echo.subarray(0, 6).toString('hex'), 'deadbeef0002');
    assert.equal(echo[34], 8, 'ICMP echo request');
    // Turned round: addresses swapped, type 0. Clearing the type (8) raises the ICMP checksum by 0x0800.
    const answer = Buffer.concat([echo.subarray(6, 12), echo.subarray(0, 6), echo.subarray(12)]);
    echo.copy(answer, 26, 30, 34);
    echo.copy(answer, 30, 26, 30);
    answer[34] = 0;
    const sum = echo.readUInt16BE(36) + 0x0800;
    answer.writeUInt16BE((sum & 0xffff) + (sum >> 16), 36);
    // In two pieces: the kernel puts an iovec array together to one frame.
    const whole = Buffer.concat([VNET_NONE, answer]);
    const offset = shared.put(whole);
    const first = shared.iovec(offset, VNET_NONE.length + 14);
    shared.iovec(offset + VNET_NONE.length + 14, answer.length - 14);
    assert.equal(writev(tap.fd, shared.at(first), 2), whole.length);

    assert.equal(await ended, 0, output.join(''));
  });

  it('cuts a frame at the room there is', () => {
    while (readv(tap.fd, shared.at(iovec), 1) > 0);
    netns.exec('arping', '-A', '-c', '1', '-w', '1', '-I', 'vnic0', LOCAL_IP);
    const room = VNET_NONE.length + 20;
    assert.equal(readv(tap.fd, shared.at(shared.iovec(slot, room)), 1), room);
    const cut = shared.copy(slot, room).subarray(VNET_NONE.length);
    assert.equal(cut.toString('hex'), 'ffffffffffffdeadbeef0001080600010800' + '0604');
    assert.equal(readv(tap.fd, shared.at(iovec), 1), -constants.errno.EAGAIN, 'the rest is gone');
  });

  it('refuses a frame with -EIO while the interface is down', () => {
    netns.exec('ip', 'link', 'set', 'vnic0', 'down');
    assert.equal(writev(tap.fd, shared.at(shared.iovec(slot, 60)), 1), -constants.errno.EIO);
    netns.exec('ip', 'link', 'set', 'vnic0', 'up');
    assert.equal(writev(tap.fd, shared.at(shared.iovec(slot, 60)), 1), 60);
  });
});
