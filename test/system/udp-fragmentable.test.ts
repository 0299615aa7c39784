// Sending sockets whose datagrams may be fragmented, beside those that share their ports.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { withNetns } from '../../src/system/netns.js';
import { openTap, type Tap } from '../../src/system/tap.js';
import { openUnderlay, type Source, type Underlay, type UnderlayOptions } from '../../src/system/udp.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP, VNET_NONE } from '../support/tap.js';
import { PLAIN_UDP } from '../support/udp.js';
import { leavesNoDescriptor } from './descriptors.js';
import { receiveOne, sendOne } from './messages.js';
import { Frames } from './underlay-host.js';

const PORT = 4789;
const MTU = 1500;
const ETHERNET = 14;
const DF = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const NEXT_HEADER_FRAGMENT = 44;
const WAIT_MS = 200;
const NETS = { 4: { ours: '10.67.0.1', peer: '10.67.0.2' }, 6: { ours: 'fd67::1', peer: 'fd67::2' } } as const;

const descriptors = (sources: readonly (readonly Source[])[]): number[] =>
  sources
    .flat()
    .flatMap(({ withChecksum, withoutChecksum }) => [withChecksum, withoutChecksum])
    .filter((fd) => fd >= 0);

describe('underlay sockets for what may be fragmented', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  let tap: Tap;
  let wire: Frames;

  before(() => {
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1'); // the kernel says nothing of its own accord
    const mac = 'de:ad:be:ef:00:01';
    tap = openTap({ name: 'wire0', mac, mtu: MTU, netns: netns.name, persist: false, ...PLAIN_TAP });
    wire = new Frames(tap.fd, VNET_NONE.length);
    netns.exec('ip', 'address', 'add', `${NETS[4].ours}/24`, 'dev', 'wire0');
    netns.exec('ip', 'address', 'add', `${NETS[6].ours}/64`, 'dev', 'wire0', 'nodad');
    for (const { peer } of Object.values(NETS)) {
      netns.exec('ip', 'neighbour', 'add', peer, 'lladdr', 'de:ad:be:ef:00:02', 'dev', 'wire0');
    }
  });
  after(() => {
    tap.close();
    netns.delete();
  });

  const open = (ip: string, changes: Partial<UnderlayOptions> = {}, port = PORT) =>
    withNetns(netns.name, () => openUnderlay({ listen: { ip, port }, ...PLAIN_UDP, ...changes }));

  const openFragmentable = (underlay: Underlay) => withNetns(netns.name, () => underlay.openFragmentable());

  const drain = () => {
    while (wire.read() !== null);
  };

  /** What IPv4 says of fragments, flags and offset. */
  const fragmentOf = (frame: Buffer) => frame.readUInt16BE(ETHERNET + 6);

  for (const [name, changes] of Object.entries<Partial<UnderlayOptions>>({
    'of the listening port': {},
    'of the listening port, without checksums': { checksum: 'zero' },
    'of two ports and two workers': { sources: 2, checksum: 'auto', workers: 2 },
  })) {
    it(`over IPv4 send without DF, and make fragments of what is too long: ${name}`, () => {
      const underlay = open(NETS[4].ours, changes);
      assert.deepEqual(underlay.fragmentable, []);
      openFragmentable(underlay);
      openFragmentable(underlay);
      const [own, more] = [descriptors(underlay.sources), descriptors(underlay.fragmentable)];
      assert.equal(
        more.length,
        (changes.sources ?? 1) * (changes.workers ?? 1),
        'no kind without checksums of its own',
      );
      assert.equal(new Set([...own, ...more]).size, own.length + more.length);
      for (const fd of more) {
        drain();
        assert.equal(sendOne(fd, NETS[4].peer, PORT, Buffer.alloc(100)), 1);
        const whole = wire.await();
        assert.equal(fragmentOf(whole), 0);
        assert.equal(whole.readUInt16BE(ETHERNET + 20 + 6) === 0, changes.checksum === 'zero');
        assert.equal(sendOne(fd, NETS[4].peer, PORT, Buffer.alloc(MTU)), 1);
        assert.deepEqual([fragmentOf(wire.await()), fragmentOf(wire.await())], [MORE_FRAGMENTS, (MTU - 20) / 8]);
      }
      for (const fd of own) {
        drain();
        assert.equal(sendOne(fd, NETS[4].peer, PORT, Buffer.alloc(100)), 1);
        assert.equal(fragmentOf(wire.await()), DF, 'the others are as before');
        assert.equal(sendOne(fd, NETS[4].peer, PORT, Buffer.alloc(MTU)), -constants.errno.EMSGSIZE);
      }
      underlay.close();
    });
  }

  it('over IPv6 make fragments of what is too long', () => {
    const underlay = open(NETS[6].ours);
    openFragmentable(underlay);
    const [fd] = descriptors(underlay.fragmentable);
    drain();
    assert.equal(sendOne(fd!, NETS[6].peer, PORT, Buffer.alloc(MTU)), 1);
    const offsets = [wire.await(), wire.await()].map((frame) => {
      assert.equal(frame[ETHERNET + 6], NEXT_HEADER_FRAGMENT);
      return frame.readUInt16BE(ETHERNET + 40 + 2);
    });
    const most = (MTU - 40 - 8) & ~7; // bytes that the first one carries
    assert.deepEqual(offsets, [1, most], 'the lowest bit: there are more');
    underlay.close();
  });

  it('make none of datagrams that are too long and share a send: EMSGSIZE', () => {
    for (const { ours, peer } of Object.values(NETS)) {
      const underlay = open(ours, { sources: 2 });
      openFragmentable(underlay);
      const { withChecksum } = underlay.fragmentable[0]![0]!;
      assert.equal(sendOne(withChecksum, peer, PORT, Buffer.alloc(2 * 1400), 1400), 1);
      assert.equal(sendOne(withChecksum, peer, PORT, Buffer.alloc(2 * MTU), MTU), -constants.errno.EMSGSIZE);
      underlay.close();
    }
  });

  for (const ip of ['127.0.0.1', '::1']) {
    for (const workers of [1, 3]) {
      it(`on the listening port receive nothing, ${workers} listeners do: ${ip}`, () => {
        const underlay = open(ip, { workers });
        openFragmentable(underlay);
        const sender = open(ip, { sources: 64 }, 1000);
        for (const fd of descriptors(sender.sources)) assert.equal(sendOne(fd, ip, PORT, Buffer.from('x')), 1);
        const counts = underlay.listeners.map((fd) => {
          let count = 0;
          while (typeof receiveOne(fd, count === 0 ? WAIT_MS : 0) !== 'number') count++;
          return count;
        });
        assert.equal(
          counts.reduce((sum, count) => sum + count),
          64,
        );
        assert.ok(Math.min(...counts) > 0, `${counts}`);
        assert.equal(sendOne(descriptors(underlay.fragmentable).at(-1)!, ip, 1000, Buffer.from('x')), 1);
        const received = receiveOne(sender.listeners[0]!, WAIT_MS);
        assert.ok(typeof received !== 'number');
        assert.equal(received.port, PORT);
        underlay.close();
        sender.close();
      });
    }
  }

  it('are all there or none: what fails leaves nothing open, and may be tried again', () => {
    const underlay = open(NETS[4].ours, { sources: 2, checksum: 'auto' });
    const address = `${NETS[4].ours}/24`;
    netns.exec('ip', 'address', 'del', address, 'dev', 'wire0');
    leavesNoDescriptor(() => assert.throws(() => openFragmentable(underlay), /EADDRNOTAVAIL/));
    assert.deepEqual(underlay.fragmentable, []);
    netns.exec('ip', 'address', 'add', address, 'dev', 'wire0');
    openFragmentable(underlay);
    assert.equal(descriptors(underlay.fragmentable).length, 2);
    underlay.close();
  });

  it('are closed with the others', () => {
    leavesNoDescriptor(() => {
      const underlay = open('127.0.0.1', { sources: 2, workers: 2 });
      openFragmentable(underlay);
      underlay.close();
      underlay.close();
    });
  });
});
