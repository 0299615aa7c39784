import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { ioctl } from '../../src/system/libc.js';
import { ppoll, readv } from '../../src/system/syscalls.js';
import { openTap, type TapOptions } from '../../src/system/tap.js';
import { TestNetns, uniqueName } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { POLLIN, Shared } from './shared.js';

const TUNSETVNETHDRSZ = 0x400454d8;
const HEADER = 10;
const NEEDS_CSUM = 1;
const ETHERNET_IPV4_UDP = 14 + 20 + 8;
const ROOM = 4096;

describe('the offloads of a TAP', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());

  const options = (changes: Partial<TapOptions> = {}): TapOptions => ({
    name: uniqueName('v'),
    mac: 'de:ad:be:ef:00:01',
    mtu: 1400,
    netns: netns.name,
    persist: false,
    queues: 1,
    offload: 'auto',
    ...changes,
  });

  /** What the kernel says it leaves to us. */
  const features = (name: string) => {
    const text = netns.exec('ethtool', '-k', name);
    const isOn = (feature: string) => new RegExp(`^\\s*${feature}: on`, 'm').test(text);
    return {
      checksum: isOn('tx-checksumming'),
      tso: isOn('tx-tcp-segmentation') && isOn('tx-tcp6-segmentation') && isOn('tx-tcp-ecn-segmentation'),
      uso: isOn('tx-udp-segmentation'),
    };
  };
  const ALL = { checksum: true, tso: true, uso: true };
  const NONE = { checksum: false, tso: false, uso: false };

  it('are what the kernel takes, and can be changed while it runs', () => {
    const tap = openTap(options());
    assert.deepEqual(tap.offloads, features(tap.name));
    assert.deepEqual(tap.offloads, ALL, 'Linux 6.2 and later know them all');
    tap.setOffload('off');
    assert.deepEqual([tap.offloads, features(tap.name)], [NONE, NONE]);
    tap.setOffload('auto');
    assert.deepEqual([tap.offloads, features(tap.name)], [ALL, ALL]);
    tap.close();
  });

  it('are off when that is asked for', () => {
    const tap = openTap(options({ offload: 'off' }));
    assert.deepEqual([tap.offloads, features(tap.name)], [NONE, NONE]);
    tap.close();
  });

  it('of an earlier holder end with the next one', () => {
    const wanted = options({ persist: true });
    openTap(wanted).close();
    const tap = openTap({ ...wanted, offload: 'off' });
    assert.deepEqual(features(tap.name), NONE);
    tap.remove();
  });

  it('show in a header of 10 bytes, whatever length an earlier holder had', () => {
    const wanted = options({ persist: true });
    const earlier = openTap(wanted);
    const twelve = Buffer.from([12, 0, 0, 0]);
    assert.equal(ioctl(earlier.fd, TUNSETVNETHDRSZ, twelve), 0);
    earlier.close();
    const tap = openTap(wanted);
    netns.exec('sysctl', '-qw', `net.ipv6.conf.${tap.name}.disable_ipv6=1`);
    netns.exec('ip', 'address', 'add', '10.5.0.1/24', 'dev', tap.name);
    netns.exec('ip', 'neighbour', 'add', '10.5.0.2', 'lladdr', 'de:ad:be:ef:00:02', 'dev', tap.name);
    const shared = new Shared();
    const slot = shared.take(ROOM);
    const iovec = shared.at(shared.iovec(slot, ROOM));
    while (readv(tap.fd, iovec, 1) > 0); // what came with the interface
    const frame = () => {
      const sender = `require('node:dgram').createSocket('udp4').send('payload', 9, '10.5.0.2', () => process.exit())`;
      netns.exec(process.execPath, '-e', sender);
      assert.equal(ppoll(shared.at(shared.pollfd(tap.fd, POLLIN)), 1, shared.at(shared.timespec(5000))), 1);
      const length = readv(tap.fd, iovec, 1);
      assert.equal(length, HEADER + ETHERNET_IPV4_UDP + 'payload'.length);
      return shared.copy(slot, length);
    };
    const partial = frame();
    assert.equal(partial[0], NEEDS_CSUM);
    assert.equal(partial.readUInt16LE(6), 34, 'the checksum starts with the UDP header');
    assert.equal(partial.readUInt16LE(8), 6, 'its place in there');
    assert.equal(partial.subarray(HEADER, HEADER + 6).toString('hex'), 'deadbeef0002');

    tap.setOffload('off');
    const whole = frame();
    assert.equal(whole.subarray(0, HEADER).toString('hex'), '00'.repeat(HEADER));
    tap.remove();
  });
});

describe('gso_max_segs of a TAP', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  const other = new TestNetns();
  after(() => {
    netns.delete();
    other.delete();
  });

  const open = () =>
    openTap({
      name: uniqueName('v'),
      mac: 'de:ad:be:ef:00:01',
      mtu: 1400,
      netns: netns.name,
      persist: false,
      queues: 1,
      offload: 'auto',
    });

  it('is set where the interface is, by the name it has there', () => {
    const tap = open();
    const untouched = netns.json('-d', 'link', 'show', 'lo');
    tap.setGsoMaxSegs(44);
    const [link] = netns.json('-d', 'link', 'show', tap.name);
    assert.equal(link.gso_max_segs, 44);
    assert.ok(link.flags.includes('UP'), 'nothing else changed');
    const renamed = uniqueName('r');
    netns.exec('ip', 'link', 'set', tap.name, 'netns', other.name, 'name', renamed);
    tap.setGsoMaxSegs(33);
    assert.equal(other.json('-d', 'link', 'show', renamed)[0].gso_max_segs, 33);
    assert.deepEqual(netns.json('-d', 'link', 'show', 'lo'), untouched);
    tap.close();
  });

  it('is refused when the kernel does not take it', () => {
    const tap = open();
    const before = netns.json('-d', 'link', 'show', tap.name)[0].gso_max_segs;
    assert.throws(() => tap.setGsoMaxSegs(100_000), {
      message: `set gso_max_segs of ${tap.name} to 100000: Invalid argument (EINVAL)`,
    });
    assert.equal(netns.json('-d', 'link', 'show', tap.name)[0].gso_max_segs, before);
    netns.exec('ip', 'link', 'delete', tap.name);
    assert.throws(() => tap.setGsoMaxSegs(44), { errnoName: 'EBADFD' });
    tap.close();
  });
});
