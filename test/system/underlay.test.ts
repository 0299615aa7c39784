import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { after, describe, it } from 'node:test';
import { AF_INET, bind, close, SOCK_DGRAM, setsockopt, socket } from '../../src/system/libc.js';
import { withNetns } from '../../src/system/netns.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import { openUnderlay, type Underlay, type UnderlayOptions } from '../../src/system/udp.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_UDP } from '../support/udp.js';
import { isCloseOnExec, leavesNoDescriptor } from './descriptors.js';
import { type Received, receiveOne, sendOne } from './messages.js';

const { EAGAIN, EINVAL, EADDRINUSE } = constants.errno;
const WAIT_MS = 5000;
const POOL_FIRST = 49152;
const PORT = 4789;
const FAMILIES = ['127.0.0.1', '::1'] as const;

const received = (answer: Received | number): Received => {
  assert.ok(typeof answer !== 'number', `recvmmsg answered ${answer}`);
  return answer;
};

describe('the sockets of an underlay', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());

  const inside = <T>(action: () => T): T => withNetns(netns.name, action);
  const open = (ip: string, changes: Partial<UnderlayOptions> = {}): Underlay =>
    inside(() => openUnderlay({ listen: { ip, port: PORT }, ...PLAIN_UDP, ...changes }));
  const sender = (ip: string, changes: Partial<UnderlayOptions> = {}): Underlay =>
    inside(() => openUnderlay({ listen: { ip, port: 1000 }, ...PLAIN_UDP, ...changes }));
  /** The source port that a listener of `to` sees of each socket. */
  const portsSeen = (fds: readonly number[], ip: string, to: Underlay): number[] =>
    fds.map((fd) => {
      assert.equal(sendOne(fd, ip, PORT, Buffer.from('x')), 1);
      return received(receiveOne(to.listeners[0]!, WAIT_MS)).port;
    });
  const kinds = (underlay: Underlay) =>
    underlay.sources.map((ports) => ports.map(({ withChecksum, withoutChecksum }) => [withChecksum, withoutChecksum]));

  it('are one listener a worker: every flow goes to one of them, and none is lost', () => {
    const underlay = open('127.0.0.1', { workers: 3 });
    const flows = sender('127.0.0.1', { sources: 64 });
    for (const { withChecksum } of flows.sources[0]!) {
      for (const text of ['1', '2']) assert.equal(sendOne(withChecksum, '127.0.0.1', PORT, Buffer.from(text)), 1);
    }
    const seen = underlay.listeners.map((fd) => {
      const ports: number[] = [];
      for (let next = receiveOne(fd); typeof next !== 'number'; next = receiveOne(fd)) ports.push(next.port);
      return ports;
    });
    assert.equal(seen.flat().length, 2 * 64);
    for (const ports of seen) {
      assert.ok(ports.length > 0, 'every listener has some');
      for (const port of ports)
        assert.equal(ports.filter((other) => other === port).length, 2, 'a flow is not divided');
    }
    underlay.close();
    flows.close();
  });

  it('share their port with nobody else, however many they are', () => {
    for (const ip of FAMILIES) {
      for (const workers of [1, 3]) {
        const underlay = open(ip, { workers, sources: 4, checksum: 'auto' });
        for (const again of [1, 3]) {
          leavesNoDescriptor(() => assert.throws(() => open(ip, { workers: again }), { code: 'port_in_use' }));
        }
        underlay.close();
        open(ip, { workers, sources: 4, checksum: 'auto' }).close();
      }
    }
  });

  it('do not join a process that would share', () => {
    const foreign = inside(() => {
      const fd = socket(AF_INET, SOCK_DGRAM, 0);
      const address = sockaddrOf({ ip: '127.0.0.1', port: PORT });
      assert.equal(setsockopt(fd, 1, 15, Buffer.from([1, 0, 0, 0]), 4), 0); // SO_REUSEPORT
      assert.equal(bind(fd, address, address.length), 0);
      return fd;
    });
    assert.throws(() => open('127.0.0.1', { workers: 2 }), { code: 'port_in_use' });
    close(foreign);
  });

  for (const ip of FAMILIES) {
    it(`send from the ports of a pool over ${ip}: the same for every worker, kind and start`, () => {
      const receiver = open(ip);
      const options = { workers: 2, sources: 5, checksum: 'auto' } as const;
      const first = sender(ip, options);
      const ports = first.sources.map((own) =>
        portsSeen(
          own.map(({ withChecksum }) => withChecksum),
          ip,
          receiver,
        ),
      );
      assert.equal(new Set(ports[0]).size, 5);
      assert.ok(ports[0]!.every((port) => port >= POOL_FIRST));
      assert.deepEqual(ports[1], ports[0]);
      const without = first.sources[1]!.map(({ withoutChecksum }) => withoutChecksum);
      if (ip === '127.0.0.1') assert.deepEqual(portsSeen(without, ip, receiver), ports[0]);
      else assert.deepEqual(without, Array(5).fill(-1));
      first.close();
      const again = sender(ip, options);
      assert.deepEqual(portsSeen([again.sources[0]![0]!.withChecksum], ip, receiver), [ports[0]![0]]);
      again.close();
      receiver.close();
    });
  }

  it('send from the wildcard when they listen there', () => {
    const receiver = open('127.0.0.1');
    const underlay = sender('0.0.0.0', { sources: 2 });
    for (const port of portsSeen([underlay.sources[0]![1]!.withChecksum], '127.0.0.1', receiver)) {
      assert.ok(port >= POOL_FIRST);
    }
    underlay.close();
    receiver.close();
  });

  it('send from the listening socket when there is one source', () => {
    for (const checksum of ['auto', 'always', 'zero'] as const) {
      const underlay = open('127.0.0.1', { workers: 2, checksum });
      const own = checksum === 'zero' ? (fd: number) => [[-1, fd]] : (fd: number) => [[fd, -1]];
      assert.deepEqual(kinds(underlay), underlay.listeners.map(own));
      underlay.close();
    }
  });

  it('are only of the kinds that the checksum policy needs', () => {
    for (const [ip, checksum, expected] of [
      ['127.0.0.1', 'auto', [true, true]],
      ['127.0.0.1', 'always', [true, false]],
      ['127.0.0.1', 'zero', [false, true]],
      ['::1', 'auto', [true, false]],
      ['::1', 'zero', [false, true]],
    ] as const) {
      const underlay = open(ip, { sources: 2, checksum });
      for (const source of kinds(underlay).flat()) {
        assert.deepEqual(
          source.map((fd) => fd >= 0),
          expected,
        );
      }
      assert.equal(underlay.gso, checksum !== 'zero');
      underlay.close();
    }
  });

  it('keep nothing of what strangers send to a source port', () => {
    const underlay = open('127.0.0.1', { sources: 2, checksum: 'auto' });
    const stranger = sender('127.0.0.1');
    const { withChecksum, withoutChecksum } = underlay.sources[0]![0]!;
    const [port] = portsSeen([withChecksum], '127.0.0.1', underlay);
    for (let count = 0; count < 50; count++) {
      assert.equal(sendOne(stranger.listeners[0]!, '127.0.0.1', port!, Buffer.alloc(1000)), 1);
    }
    for (const fd of [withChecksum, withoutChecksum]) assert.equal(receiveOne(fd), -EAGAIN);
    assert.match(netns.exec('ss', '-Huan', 'sport', '=', `:${port}`), /^UNCONN 0\s/);
    assert.equal(portsSeen([withChecksum], '127.0.0.1', underlay)[0], port, 'and still send');
    underlay.close();
    stranger.close();
  });

  it('go round a source port that somebody has', () => {
    const receiver = open('127.0.0.1');
    const options = { workers: 2, sources: 3, checksum: 'auto' } as const;
    const usual = sender('127.0.0.1', options);
    const fds = (underlay: Underlay) => underlay.sources[1]!.map(({ withChecksum }) => withChecksum);
    const ports = portsSeen(fds(usual), '127.0.0.1', receiver);
    usual.close();
    const thief = inside(() => openUnderlay({ listen: { ip: '127.0.0.1', port: ports[1]! }, ...PLAIN_UDP }));
    const other = sender('127.0.0.1', options);
    const now = portsSeen(fds(other), '127.0.0.1', receiver);
    assert.deepEqual(now.slice(0, 2), [ports[0], ports[2]]);
    assert.ok(now[2]! >= POOL_FIRST && !ports.includes(now[2]!));
    for (const underlay of [other, thief, receiver]) underlay.close();
  });

  it('are refused when the pool is taken', () => {
    const taken = inside(() =>
      Array.from({ length: 65536 - POOL_FIRST - 2 }, (_, index) => {
        const fd = socket(AF_INET, SOCK_DGRAM, 0);
        const address = sockaddrOf({ ip: '127.0.0.1', port: POOL_FIRST + index });
        assert.equal(bind(fd, address, address.length), 0);
        return fd;
      }),
    );
    leavesNoDescriptor(() =>
      assert.throws(() => open('127.0.0.1', { sources: 3 }), {
        errno: EADDRINUSE,
        message: /^source ports of 127.0.0.1: 2 of 3 found, all others from 49152 to 65535 are taken; ask for fewer \(/,
      }),
    );
    open('127.0.0.1', { sources: 2 }).close();
    for (const fd of taken) close(fd);
  });

  it('are all closed once, non-blocking, closed by exec, and may send 8 MiB', () => {
    leavesNoDescriptor(() => {
      const underlay = open('127.0.0.1', { workers: 2, sources: 3, checksum: 'auto' });
      const sources = kinds(underlay).flat(2);
      assert.equal(new Set([...underlay.listeners, ...sources]).size, 2 + 2 * 3 * 2);
      for (const fd of [...underlay.listeners, ...sources]) {
        const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
        assert.ok(isCloseOnExec(info), info);
        assert.ok(Number.parseInt(/^flags:\s+([0-7]+)$/m.exec(info)?.[1] ?? '0', 8) & 0o4000, info);
      }
      const buffers = netns.exec('ss', '-Huanm').match(/tb\d+/g);
      assert.deepEqual(buffers, Array(14).fill(`tb${2 * (8 << 20)}`));
      underlay.close();
      underlay.close();
    });
  });
});

describe('super-datagrams', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());

  const open = (ip: string, port: number, changes: Partial<UnderlayOptions> = {}): Underlay =>
    withNetns(netns.name, () => openUnderlay({ listen: { ip, port }, ...PLAIN_UDP, sources: 2, ...changes }));

  for (const ip of FAMILIES) {
    it(`are cut and put together again over ${ip}, with checksums`, () => {
      const receiver = open(ip, PORT);
      const sending = open(ip, 1000, { checksum: 'auto' });
      assert.deepEqual([receiver.setGro(true), sending.gso], [true, true]);
      const payload = Buffer.alloc(1050, 'abcdefg');
      const { withChecksum, withoutChecksum } = sending.sources[0]![1]!;
      assert.equal(sendOne(withChecksum, ip, PORT, payload, 100), 1);
      const datagram = received(receiveOne(receiver.listeners[0]!, WAIT_MS));
      assert.deepEqual(datagram.payload, payload);
      assert.equal(datagram.groSize, 100);
      if (withoutChecksum >= 0) assert.equal(sendOne(withoutChecksum, ip, PORT, payload, 100), -EINVAL);
      receiver.close();
      sending.close();
    });
  }

  it('come datagram by datagram when they are not wanted any more', () => {
    const receiver = open('127.0.0.1', PORT);
    assert.deepEqual([receiver.setGro(true), receiver.setGro(false)], [true, true]);
    const sending = open('127.0.0.1', 1000);
    assert.equal(sendOne(sending.sources[0]![0]!.withChecksum, '127.0.0.1', PORT, Buffer.alloc(200), 100), 1);
    for (let count = 0; count < 2; count++) {
      const { payload, groSize } = received(receiveOne(receiver.listeners[0]!, WAIT_MS));
      assert.deepEqual([payload.length, groSize], [100, null]);
    }
    receiver.close();
    sending.close();
  });
});
