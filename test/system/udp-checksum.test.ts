import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { withNetns } from '../../src/system/netns.js';
import { ppoll, readv } from '../../src/system/syscalls.js';
import { openTap, type Tap } from '../../src/system/tap.js';
import { openUnderlay, type UnderlayOptions } from '../../src/system/udp.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP, VNET_NONE } from '../support/tap.js';
import { PLAIN_UDP } from '../support/udp.js';
import { receiveOne, sendOne } from './messages.js';
import { POLLIN, Shared } from './shared.js';

const ROOM = 2048;
const WAIT_MS = 5000;
const ETHERNET = 14;
const UDP_CHECKSUM = 6;
const UDP_PROTOCOL = 17;
const PORT = 4789;

describe('the outer UDP checksum', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  let wire: Tap;

  before(() => {
    wire = openTap({
      name: 'wire0',
      mac: 'de:ad:be:ef:00:01',
      mtu: 1500,
      netns: netns.name,
      persist: false,
      ...PLAIN_TAP,
    });
    netns.exec('ip', 'address', 'add', '10.67.0.1/24', 'dev', 'wire0');
    netns.exec('ip', 'address', 'add', 'fd67::1/64', 'dev', 'wire0', 'nodad');
    for (const peer of ['10.67.0.2', 'fd67::2']) {
      netns.exec('ip', 'neighbour', 'add', peer, 'lladdr', 'de:ad:be:ef:00:02', 'dev', 'wire0');
    }
  });
  after(() => {
    wire.close();
    netns.delete();
  });

  const open = (ip: string, changes: Partial<UnderlayOptions>, port = PORT) =>
    withNetns(netns.name, () => openUnderlay({ listen: { ip, port }, ...PLAIN_UDP, ...changes }));

  const shared = new Shared();
  const slot = shared.take(ROOM);
  const iovec = shared.at(shared.iovec(slot, ROOM));
  const pollfd = shared.take(8);
  const timeout = shared.at(shared.timespec(WAIT_MS));

  /** The UDP checksum of the next datagram on the wire; other frames of the kernel are passed over. */
  const nextChecksum = (ip: string): number => {
    const headers = ip.includes(':') ? { length: 40, protocol: 6 } : { length: 20, protocol: 9 };
    for (;;) {
      shared.view.setInt32(pollfd, wire.fd, true);
      shared.view.setInt16(pollfd + 4, POLLIN, true);
      assert.equal(ppoll(shared.at(pollfd), 1, timeout), 1, 'nothing came');
      const frame = shared.copy(slot, readv(wire.fd, iovec, 1)).subarray(VNET_NONE.length);
      if (frame[ETHERNET + headers.protocol] !== UDP_PROTOCOL) continue;
      return frame.readUInt16BE(ETHERNET + headers.length + UDP_CHECKSUM);
    }
  };

  for (const [ip, peer] of [
    ['10.67.0.1', '10.67.0.2'],
    ['fd67::1', 'fd67::2'],
  ] as const) {
    for (const sources of [1, 2]) {
      it(`is there or is zero, as the sending socket says: ${ip}, ${sources} source ports`, () => {
        for (const checksum of ['auto', 'always', 'zero'] as const) {
          const underlay = open(ip, { sources, checksum });
          for (const { withChecksum, withoutChecksum } of underlay.sources[0]!) {
            for (const fd of [withChecksum, withoutChecksum].filter((one) => one >= 0)) {
              assert.equal(sendOne(fd, peer, PORT, Buffer.from('payload')), 1);
              assert.equal(nextChecksum(ip) === 0, fd === withoutChecksum, `${checksum} ${fd}`);
            }
          }
          underlay.close();
        }
      });
    }
  }

  it('may be zero in what comes over IPv6 only where that was allowed', () => {
    for (const acceptZeroChecksum6 of [true, false]) {
      const receiver = open('::1', { workers: 2, acceptZeroChecksum6 });
      const sender = open('::1', { sources: 8, checksum: 'zero' }, 1000);
      for (const { withoutChecksum } of sender.sources[0]!) {
        assert.equal(sendOne(withoutChecksum, '::1', PORT, Buffer.from('x')), 1);
      }
      const counts = receiver.listeners.map((fd) => {
        let count = 0;
        let last = receiveOne(fd);
        for (; typeof last !== 'number'; last = receiveOne(fd)) count++;
        assert.equal(last, -constants.errno.EAGAIN);
        return count;
      });
      assert.equal(counts[0]! + counts[1]!, acceptZeroChecksum6 ? 8 : 0);
      receiver.close();
      sender.close();
    }
  });

  it('may be zero in what comes over IPv4', () => {
    const receiver = open('127.0.0.1', {});
    const sender = open('127.0.0.1', { checksum: 'zero' }, 1000);
    assert.equal(sendOne(sender.listeners[0]!, '127.0.0.1', PORT, Buffer.from('x')), 1);
    assert.notEqual(typeof receiveOne(receiver.listeners[0]!, WAIT_MS), 'number');
    receiver.close();
    sender.close();
  });
});
