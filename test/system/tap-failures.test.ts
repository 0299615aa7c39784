import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openTap, type TapOptions } from '../../src/system/tap.js';
import { TestNetns, uniqueName } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { leavesNoDescriptor } from './descriptors.js';

describe('a TAP that cannot be had', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());

  const options = (changes: Partial<TapOptions> = {}): TapOptions => ({
    name: uniqueName('v'),
    mac: 'de:ad:be:ef:00:01',
    mtu: 1400,
    netns: netns.name,
    persist: true,
    queues: 1,
    offload: 'auto',
    ...changes,
  });

  /** openTap must throw this, and leave every interface and descriptor as it was. */
  const refuses = (wanted: TapOptions, expected: { code?: string; message?: string | RegExp }) => {
    const before = netns.json('-d', 'link', 'show');
    leavesNoDescriptor(() => assert.throws(() => openTap(wanted), { name: 'VxlaneError', ...expected }));
    assert.deepEqual(netns.json('-d', 'link', 'show'), before);
  };

  it('because a veth has the name', () => {
    const name = uniqueName('v');
    netns.exec('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', uniqueName('p'));
    refuses(options({ name }), {
      code: 'interface_not_tap',
      message:
        `interface ${name} in network namespace ${netns.name}: the name is taken by veth, ` +
        'not a TAP that could be attached; remove it or choose another name (EEXIST)',
    });
  });

  it('because the loopback or a TUN has the name', () => {
    refuses(options({ name: 'lo' }), { code: 'interface_not_tap', message: /another kind of interface/ });
    const tun = uniqueName('v');
    netns.exec('ip', 'tuntap', 'add', tun, 'mode', 'tun');
    refuses(options({ name: tun }), { code: 'interface_not_tap', message: /taken by a TUN interface/ });
  });

  it('because somebody holds it, who is named', () => {
    const held = openTap(options());
    refuses(options({ name: held.name, mtu: 1300 }), {
      code: 'interface_busy',
      message: new RegExp(`: pid ${process.pid} \\([^)]+\\) holds this TAP`),
    });
    held.remove();
  });

  it('because somebody holds a queue of it, though it is down and the kernel would give us another', () => {
    const held = openTap(options({ queues: 2 }));
    netns.exec('ip', 'link', 'set', held.name, 'down');
    refuses(options({ name: held.name }), { code: 'interface_busy' });
    const single = uniqueName('v');
    netns.exec('ip', 'tuntap', 'add', single, 'mode', 'tap');
    const only = openTap(options({ name: single }));
    refuses(options({ name: single }), { code: 'interface_busy' });
    held.remove();
    only.remove();
  });

  it('because it has no room for so many queues: nothing is made, and one that was there can be had again', () => {
    refuses(options({ queues: 257 }), { code: 'system_call_failed', message: /^attach to TAP .*\(E2BIG\)$/ });
    const wanted = options();
    openTap(wanted).close();
    leavesNoDescriptor(() => assert.throws(() => openTap({ ...wanted, queues: 257 }), { errnoName: 'E2BIG' }));
    openTap(wanted).remove();
  });

  it('because its MAC or MTU is impossible: nothing is made', () => {
    refuses(options({ mtu: 100_000 }), { code: 'mtu_refused' });
    refuses(options({ mac: '01:00:5e:00:00:01' }), {
      code: 'system_call_failed',
      message: /^set MAC of .*EADDRNOTAVAIL/,
    });
  });

  it('because a change fails halfway: one that was there is as it was', () => {
    const wanted = options();
    openTap(wanted).close();
    netns.exec('ip', 'link', 'set', wanted.name, 'down');
    refuses({ ...wanted, mac: 'de:ad:be:ef:00:02', mtu: 100_000 }, { code: 'mtu_refused' });
    openTap(wanted).remove();
  });

  it('because the namespace is missing, misnamed, or no namespace', () => {
    refuses(options({ netns: 'vxt-nowhere' }), {
      code: 'netns_missing',
      message: 'network namespace vxt-nowhere: /run/netns/vxt-nowhere does not exist; try: ip netns add (ENOENT)',
    });
    refuses(options({ netns: '../etc' }), { code: 'netns_name_invalid' });
    refuses(options({ netns: '/etc/hostname' }), {
      code: 'netns_not_one',
      message: 'network namespace /etc/hostname: /etc/hostname is not a network namespace (EINVAL)',
    });
  });

  it('because of its name', () => {
    for (const name of ['', 'sixteen-bytes-xx', 'a b', 'a/b', 'v%d', '.', '..', 'ééééééééé', 'a:1', 'a\0b']) {
      refuses(options({ name }), { code: 'interface_name_invalid' });
    }
  });
});
