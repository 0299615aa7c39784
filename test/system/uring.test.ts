import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { CONTROL_SIZE } from '../../assembly/layout.js';
import { withNetns } from '../../src/system/netns.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import { closeFd, readv } from '../../src/system/syscalls.js';
import { openTap, type Tap } from '../../src/system/tap.js';
import { openUnderlay } from '../../src/system/udp.js';
import { enter } from '../../src/system/uring.js';
import * as abi from '../../src/system/uring-abi.js';
import { arp, BROADCAST, frame } from '../support/frames.js';
import { TestNetns, uniqueName } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_UDP } from '../support/udp.js';
import { type Received, receiveOne, sendOne } from './messages.js';
import { type Completion, Ring } from './ring.js';

const { EAGAIN, EBADF, ECANCELED, EFAULT, ENOBUFS, ENOENT, ETIME } = constants.errno;
const EBADFD = 77;
const HEADER = 10; // virtio_net_hdr
const ARP = 0x0806;
const PEER = 'de:ad:be:ef:00:02';
const [READ, WRITE, RECEIVE, SEND, CANCEL] = [101, 102, 103, 104, 105];
const WAIT_MS = 5000;

describe('a ring inside shared Wasm memory', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  let ring: Ring;
  beforeEach(() => {
    ring = new Ring();
  });
  afterEach(() => ring.close());
  after(() => netns.delete());

  it('answers numbers, and never throws', () => {
    assert.equal(enter(-1, 0, 0, 0, 0, 0), -EBADF);
    assert.equal(enter(ring.uring.fd, 0, 1, abi.IORING_ENTER_GETEVENTS | abi.IORING_ENTER_EXT_ARG, 8, 24), -EFAULT);
    assert.equal(ring.enter(1, 1), -ETIME, 'nothing is under way');
  });

  it('submits all entries, those after a refused one too', () => {
    ring.queue({ op: abi.IORING_OP_POLL_ADD, fd: -1, user: 1 });
    ring.queue({ op: 255, fd: -1, user: 2 });
    ring.queue({ op: abi.IORING_OP_ASYNC_CANCEL, fd: -1, user: 3, address: 77 });
    assert.equal(ring.enter(3, WAIT_MS), 3);
    const answers = ring.reap().map(({ user, res }) => [user, res]);
    assert.deepEqual(answers, [
      [1, -EBADF],
      [2, -constants.errno.EINVAL],
      [3, -ENOENT],
    ]);
  });

  it('counts what it submitted rather than say that the time is over', () => {
    const { listeners, close } = withNetns(netns.name, () =>
      openUnderlay({ listen: { ip: '127.0.0.1', port: 4790 }, ...PLAIN_UDP }),
    );
    ring.queue({ op: abi.IORING_OP_POLL_ADD, fd: listeners[0]!, user: 1, opFlags: 1 });
    assert.equal(ring.enter(1, 1), 1);
    assert.deepEqual(ring.reap(), []);
    close();
  });

  describe('and a TAP', () => {
    let tap: Tap;
    beforeEach(() => {
      tap = openTap({
        name: uniqueName('v'),
        mac: 'de:ad:be:ef:00:01',
        mtu: 1400,
        netns: netns.name,
        persist: false,
        queues: 1,
        offload: 'auto',
      });
      netns.exec('sysctl', '-qw', `net.ipv6.conf.${tap.name}.disable_ipv6=1`);
      netns.exec('ip', 'address', 'add', '10.6.0.1/24', 'dev', tap.name);
      while (readv(tap.fd, ring.at(ring.iovec(ring.take(2048), 2048)), 1) > 0); // what came with the interface
    });
    afterEach(() => tap.close());

    /** Asks the kernel for the MAC of `ip`: by writev of the header and the frame. */
    const ask = (ip: string) => {
      const request = frame(BROADCAST, PEER, { etherType: ARP, payload: arp(1, PEER, '10.6.0.2', ip) });
      const parts = [ring.put(Buffer.alloc(HEADER)), ring.put(request)] as const;
      const iovecs = ring.iovec(parts[0], HEADER);
      ring.iovec(parts[1], request.length);
      ring.queue({ op: abi.IORING_OP_WRITEV, fd: tap.fd, user: WRITE, address: ring.at(iovecs), length: 2 });
      return HEADER + request.length;
    };
    /** The kernel's answer to `ask`, among what else it sends. */
    const isReply = ({ res, buffer }: Completion) => {
      const bytes = ring.copy(ring.buffer(buffer), res).subarray(HEADER);
      return bytes.readUInt16BE(12) === ARP && bytes.readUInt16BE(20) === 2;
    };

    it('reads frames with their headers into provided buffers, by one request, and writes by WRITEV', () => {
      ring.addBuffers(4, 2048);
      ring.readMultishot(tap.fd, READ);
      const replies: Completion[] = [];
      for (let round = 0; round < 12; round++) {
        const length = ask('10.6.0.1');
        assert.deepEqual(
          ring.await(WRITE, 1).map(({ res }) => res),
          [length],
        );
        for (const one of ring.await(READ, 1)) {
          assert.ok(one.more && one.buffer >= 0 && one.res > HEADER, JSON.stringify(one));
          assert.equal(ring.copy(ring.buffer(one.buffer), HEADER).toString('hex'), '00'.repeat(HEADER));
          if (isReply(one)) replies.push(one);
          ring.giveBack(one.buffer);
        }
      }
      assert.ok(replies.length > 8, 'more replies than there are buffers');
    });

    it('stops when there is no buffer, and the frame waits', () => {
      ring.addBuffers(1, 2048);
      ring.readMultishot(tap.fd, READ);
      ask('10.6.0.1');
      const [first] = ring.await(READ, 1);
      assert.ok(first!.more);
      ask('10.6.0.1');
      const [last] = ring.await(READ, 1);
      assert.deepEqual([last!.res, last!.more, last!.buffer], [-ENOBUFS, false, -1]);
      ring.giveBack(first!.buffer);
      ring.readMultishot(tap.fd, READ);
      assert.ok(isReply(ring.await(READ, 1)[0]!), 'it was not lost');
    });

    it('is cancelled by descriptor', () => {
      ring.addBuffers(4, 2048);
      ring.readMultishot(tap.fd, READ);
      assert.equal(ring.enter(0, 0), 1);
      ring.cancelFd(tap.fd, CANCEL);
      assert.equal(ring.enter(1, WAIT_MS), 1);
      const all = ring.reap();
      assert.deepEqual(
        all.filter(({ user }) => user === CANCEL).map(({ res }) => res),
        [0],
      );
      const last = all.filter(({ user }) => user === READ).at(-1);
      assert.deepEqual([last?.res, last?.more], [-ECANCELED, false]);
    });

    it('keeps the interface after its descriptor was closed, until the read is cancelled', () => {
      ring.addBuffers(4, 2048);
      ring.readMultishot(tap.fd, READ);
      assert.equal(ring.enter(0, 0), 1);
      const { fd, name } = tap;
      tap.close();
      assert.ok(netns.link(name), 'the request holds the file');
      const again = {
        name,
        mac: 'de:ad:be:ef:00:01',
        mtu: 1400,
        netns: netns.name,
        persist: false,
        queues: 1,
        offload: 'auto',
      } as const;
      assert.throws(() => openTap(again), { code: 'interface_busy' });
      ring.cancelFd(fd, CANCEL);
      assert.equal(ring.await(CANCEL, 1)[0]!.res, -EBADF, 'a closed descriptor names nothing');
      assert.ok(netns.link(name));
      ring.cancelUser(READ, CANCEL);
      assert.equal(ring.enter(2, WAIT_MS), 1);
      const found = new Map(ring.reap().map(({ user, res }) => [user, res]));
      assert.deepEqual([found.get(CANCEL), found.get(READ)], [0, -ECANCELED]);
      assert.equal(netns.link(name), undefined, 'gone with the completion');
    });

    it('hears that the interface was deleted', () => {
      ring.addBuffers(4, 2048);
      ring.readMultishot(tap.fd, READ);
      assert.equal(ring.enter(0, 0), 1);
      netns.exec('ip', 'link', 'delete', tap.name);
      const last = ring.await(READ, 1).at(-1)!;
      assert.deepEqual([last.res, last.more], [-EBADFD, false]);
    });
  });

  describe('and UDP sockets', () => {
    const PORT = 4789;
    const open = (port: number, sources: number) =>
      withNetns(netns.name, () => openUnderlay({ listen: { ip: '127.0.0.1', port }, ...PLAIN_UDP, sources }));
    let receiver: ReturnType<typeof open>;
    let sender: ReturnType<typeof open>;
    before(() => {
      receiver = open(PORT, 1);
      assert.ok(receiver.setGro(true));
      sender = open(1000, 2);
    });
    after(() => {
      receiver.close();
      sender.close();
    });
    const payload = Buffer.alloc(950, 'abcdefg');

    it('receives super-datagrams with their sizes by one request', () => {
      const NAME = 16;
      const HLEN = 16; // struct io_uring_recvmsg_out: u32 namelen, controllen, payloadlen, flags
      ring.addBuffers(4, 4096);
      ring.receiveMultishot(receiver.listeners[0]!, RECEIVE, ring.msghdr({ nameLen: NAME, controlLen: CONTROL_SIZE }));
      assert.equal(ring.enter(0, 0), 1);
      for (let round = 0; round < 6; round++) {
        assert.equal(sendOne(sender.sources[0]![0]!.withChecksum, '127.0.0.1', PORT, payload, 100), 1);
        const [{ res, buffer, more } = assert.fail()] = ring.await(RECEIVE, 1);
        assert.ok(more);
        const at = ring.buffer(buffer);
        const [nameLen, controlLen, length, flags] = [0, 4, 8, 12].map((field) =>
          ring.view.getUint32(at + field, true),
        );
        assert.deepEqual([nameLen, length, flags], [NAME, payload.length, 0]);
        assert.equal(res, HLEN + NAME + CONTROL_SIZE + payload.length);
        assert.ok(ring.view.getUint16(at + HLEN + 2, false) >= 49152, 'the source port');
        assert.equal(ring.groSize(at + HLEN + NAME, controlLen!), 100);
        assert.deepEqual(ring.copy(at + HLEN + NAME + CONTROL_SIZE, payload.length), payload);
        ring.giveBack(buffer);
      }
    });

    it('ends the request with the last buffer, though nothing waits', () => {
      ring.addBuffers(2, 2048);
      ring.receiveMultishot(receiver.listeners[0]!, RECEIVE, ring.msghdr({ nameLen: 16 }));
      assert.equal(ring.enter(0, 0), 1);
      for (const text of ['1', '2']) {
        assert.equal(sendOne(sender.sources[0]![0]!.withChecksum, '127.0.0.1', PORT, Buffer.from(text)), 1);
      }
      const ends = ring.await(RECEIVE, 3).map(({ res, more }) => [res > 0 ? 'datagram' : res, more]);
      assert.deepEqual(ends, [
        ['datagram', true],
        ['datagram', true],
        [-ENOBUFS, false],
      ]);
    });

    it('sends segments by SENDMSG', () => {
      const address = sockaddrOf({ ip: '127.0.0.1', port: PORT });
      const { at, length } = ring.segments(100);
      const header = ring.msghdr({
        name: ring.put(address),
        nameLen: address.length,
        iovec: ring.iovec(ring.put(payload), payload.length),
        control: at,
        controlLen: length,
      });
      const fd = sender.sources[0]![1]!.withChecksum;
      ring.queue({ op: abi.IORING_OP_SENDMSG, fd, user: SEND, address: ring.at(header), length: 1 });
      assert.equal(ring.await(SEND, 1)[0]!.res, payload.length);
      const datagram = receiveOne(receiver.listeners[0]!, WAIT_MS) as Received;
      assert.deepEqual([datagram.payload, datagram.groSize], [payload, 100]);
      assert.equal(receiveOne(receiver.listeners[0]!), -EAGAIN);
    });
  });

  it('lets go of a TAP when it is closed itself', async () => {
    const name = uniqueName('v');
    const options = { name, mac: PEER, mtu: 1400, netns: netns.name, persist: false, queues: 1 } as const;
    const tap = openTap({ ...options, offload: 'auto' });
    const other = new Ring();
    other.addBuffers(4, 2048);
    other.readMultishot(tap.fd, READ);
    assert.equal(other.enter(0, 0), 1);
    tap.close();
    other.close();
    // The kernel tidies up in a thread of its own.
    const giveUp = Date.now() + WAIT_MS;
    while (netns.link(name) !== undefined) assert.ok(Date.now() < giveUp, 'it stays');
    assert.equal(closeFd(other.uring.fd), -EBADF);
  });
});
