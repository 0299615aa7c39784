import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { withNetns } from '../../src/system/netns.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import { ppoll, readv, recvmmsg, sendmmsg } from '../../src/system/syscalls.js';
import { openTap } from '../../src/system/tap.js';
import { openUnderlay } from '../../src/system/udp.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP, VNET_NONE } from '../support/tap.js';
import { PLAIN_UDP } from '../support/udp.js';
import { isCloseOnExec, leavesNoDescriptor } from './descriptors.js';
import { POLLIN, Shared } from './shared.js';

const ROOM = 2048;
const SOCKADDR_MAX = 28;
const LINK_MTU = 1300;
const WAIT_MS = 5000;

describe('the underlay socket', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  before(() => {
    netns.exec('ip', 'link', 'add', 'small0', 'mtu', String(LINK_MTU), 'type', 'veth', 'peer', 'name', 'small1');
    netns.exec('ip', 'link', 'set', 'small0', 'up');
    netns.exec('ip', 'link', 'set', 'small1', 'up');
    netns.exec('ip', 'address', 'add', '10.66.0.1/24', 'dev', 'small0');
    netns.exec('ip', 'address', 'add', 'fd66::1/64', 'dev', 'small0', 'nodad');
  });
  after(() => netns.delete());

  const open = (ip: string, port: number) => {
    const underlay = withNetns(netns.name, () => openUnderlay({ listen: { ip, port }, ...PLAIN_UDP }));
    return { fd: underlay.listeners[0]!, close: underlay.close };
  };

  /** sendmmsg of these payloads to one endpoint: its answer, and the lengths the kernel noted. */
  const send = (fd: number, ip: string, port: number, payloads: Buffer[]) => {
    const shared = new Shared();
    const address = sockaddrOf({ ip, port });
    const name = shared.put(address);
    const headers = shared.mmsghdrs(
      payloads.map((payload) => ({
        name,
        nameLen: address.length,
        iovec: shared.iovec(shared.put(payload), payload.length),
      })),
    );
    const answer = sendmmsg(fd, shared.at(headers), payloads.length, 0);
    return { answer, lengths: payloads.map((_, index) => shared.messageLength(headers, index)) };
  };

  /** One recvmmsg with room for `count` datagrams. */
  const receive = (fd: number, count: number) => {
    const shared = new Shared();
    const rooms = Array.from({ length: count }, () => ({ name: shared.take(SOCKADDR_MAX), slot: shared.take(ROOM) }));
    const headers = shared.mmsghdrs(
      rooms.map(({ name, slot }) => ({ name, nameLen: SOCKADDR_MAX, iovec: shared.iovec(slot, ROOM) })),
    );
    const answer = recvmmsg(fd, shared.at(headers), count, 0);
    const datagrams = rooms.slice(0, Math.max(answer, 0)).map(({ name, slot }, index) => ({
      from: shared.copy(name, SOCKADDR_MAX),
      payload: shared.copy(slot, shared.messageLength(headers, index)).toString(),
    }));
    return { answer, datagrams };
  };

  for (const { ip, port } of [
    { ip: '127.0.0.1', port: 4789 },
    { ip: '::1', port: 4789 },
  ]) {
    it(`moves batches by sendmmsg and recvmmsg over ${ip}`, () => {
      const receiver = open(ip, port);
      const sender = open(ip, port + 1);
      assert.equal(receive(receiver.fd, 4).answer, -constants.errno.EAGAIN);

      const payloads = ['one', 'three and four', ''].map((text) => Buffer.from(text));
      assert.deepEqual(send(sender.fd, ip, port, payloads), { answer: 3, lengths: [3, 14, 0] });
      const { datagrams } = receive(receiver.fd, 8);
      assert.deepEqual(
        datagrams.map(({ payload }) => payload),
        ['one', 'three and four', ''],
      );
      const from = sockaddrOf({ ip, port: port + 1 });
      for (const datagram of datagrams) assert.deepEqual([...datagram.from.subarray(0, from.length)], [...from]);
      sender.close();
      receiver.close();
    });
  }

  for (const { ip, peer, headers } of [
    { ip: '10.66.0.1', peer: '10.66.0.2', headers: 20 + 8 },
    { ip: 'fd66::1', peer: 'fd66::2', headers: 40 + 8 },
  ]) {
    it(`never fragments: ${ip} answers EMSGSIZE for what exceeds the MTU`, () => {
      const socket = open(ip, 4789);
      const fits = LINK_MTU - headers;
      assert.equal(send(socket.fd, peer, 4789, [Buffer.alloc(fits)]).answer, 1);
      assert.equal(send(socket.fd, peer, 4789, [Buffer.alloc(fits + 1)]).answer, -constants.errno.EMSGSIZE);
      const mixed = [Buffer.alloc(8), Buffer.alloc(fits + 1), Buffer.alloc(8)];
      assert.equal(send(socket.fd, peer, 4789, mixed).answer, 1, 'the batch stops at the datagram that failed');
      socket.close();
    });
  }

  it('sets DF and a UDP checksum in what it puts on the wire', () => {
    const wire = openTap({
      name: 'wire0',
      mac: 'de:ad:be:ef:00:01',
      mtu: 1500,
      netns: netns.name,
      persist: false,
      ...PLAIN_TAP,
    });
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.wire0.disable_ipv6=1');
    netns.exec('ip', 'address', 'add', '10.67.0.1/24', 'dev', 'wire0');
    netns.exec('ip', 'neighbour', 'add', '10.67.0.2', 'lladdr', 'de:ad:be:ef:00:02', 'dev', 'wire0');
    const shared = new Shared();
    const slot = shared.take(ROOM);
    const iovec = shared.iovec(slot, ROOM);
    while (readv(wire.fd, shared.at(iovec), 1) > 0); // what came with the interface
    const socket = open('10.67.0.1', 4789);
    assert.equal(send(socket.fd, '10.67.0.2', 4789, [Buffer.from('payload')]).answer, 1);
    assert.equal(ppoll(shared.at(shared.pollfd(wire.fd, POLLIN)), 1, shared.at(shared.timespec(WAIT_MS))), 1);
    const length = readv(wire.fd, shared.at(iovec), 1);
    const frame = shared.copy(slot, length).subarray(VNET_NONE.length);
    assert.equal(frame.subarray(42).toString(), 'payload');
    assert.equal(frame.readUInt16BE(20), 0x4000, 'flags and fragment offset: DF alone');
    assert.notEqual(frame.readUInt16BE(40), 0, 'UDP checksum');
    socket.close();
    wire.close();
  });

  it('is non-blocking, closed by exec, and has 8 MiB of buffer each way', () => {
    const socket = open('127.0.0.1', 4789);
    const info = readFileSync(`/proc/self/fdinfo/${socket.fd}`, 'utf8');
    assert.ok(isCloseOnExec(info), info);
    assert.ok(Number.parseInt(/^flags:\s+([0-7]+)$/m.exec(info)?.[1] ?? '0', 8) & 0o4000, info);
    const doubled = 2 * (8 << 20); // the kernel counts its own bookkeeping in
    assert.match(netns.exec('ss', '-Huanm'), new RegExp(`rb${doubled},t0,tb${doubled},`));
    socket.close();
  });

  it('for IPv6 leaves IPv4 alone, wildcards included', () => {
    const both = [open('0.0.0.0', 4789), open('::', 4789)];
    for (const socket of both) socket.close();
  });

  it('is closed once, however often that is asked', () => {
    leavesNoDescriptor(() => {
      const first = open('127.0.0.1', 4789);
      first.close();
      const second = open('127.0.0.1', 4789); // gets the same number
      assert.equal(second.fd, first.fd);
      first.close();
      assert.equal(receive(second.fd, 1).answer, -constants.errno.EAGAIN, 'still open');
      second.close();
    });
  });
});
