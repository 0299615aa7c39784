import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Running } from '../../src/demo/processes.js';
import { type MulticastListener, openMulticast, sendMulticastFrom } from '../../src/system/multicast.js';
import { withNetns } from '../../src/system/netns.js';
import { openUnderlay } from '../../src/system/udp.js';
import { run, TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_UDP } from '../support/udp.js';
import { isCloseOnExec, leavesNoDescriptor } from './descriptors.js';
import { receiveOne, sendOne } from './messages.js';

const WAIT_MS = 5000;
const PORT = 4789;
const OTHER_PORT = 4790;
const { EAGAIN } = constants.errno;

/** The third address is on the second interface of `here`. */
const FAMILIES = [
  { group: '239.1.1.1', other: '239.1.1.2', here: ['10.7.0.1', '10.7.0.3', '10.8.0.1'], there: '10.7.0.2', prefix: 24 },
  { group: 'ff05::77', other: 'ff05::78', here: ['fd07::1', 'fd07::3', 'fd08::1'], there: 'fd07::2', prefix: 64 },
  { group: 'ff02::77', other: 'ff02::78', here: ['fd07::1', 'fd07::3', 'fd08::1'], there: 'fd07::2', prefix: 64 },
] as const;

describe('a multicast group of the underlay', { skip: needsRoot() }, () => {
  const here = new TestNetns();
  const there = new TestNetns();
  after(() => {
    here.delete();
    there.delete();
  });
  for (const [device, at] of [
    ['eth0', 1],
    ['eth1', 2],
  ] as const) {
    run('ip', '-n', here.name, 'link', 'add', device, 'type', 'veth', 'peer', device, 'netns', there.name);
    for (const netns of [here, there]) netns.exec('ip', 'link', 'set', device, 'up');
    here.exec('ip', 'addr', 'add', `10.${6 + at}.0.1/24`, 'dev', device);
    here.exec('ip', 'addr', 'add', `fd0${6 + at}::1/64`, 'dev', device, 'nodad');
    there.exec('ip', 'addr', 'add', `10.${6 + at}.0.2/24`, 'dev', device);
    there.exec('ip', 'addr', 'add', `fd0${6 + at}::2/64`, 'dev', device, 'nodad');
  }
  here.exec('ip', 'addr', 'add', '10.7.0.3/24', 'dev', 'eth0');
  here.exec('ip', 'addr', 'add', 'fd07::3/64', 'dev', 'eth0', 'nodad');
  before(async () => {
    // until the kernel has noticed that a veth has a carrier, it sends nothing
    for (const [netns, device] of [here, there].flatMap((each) => [[each, 'eth0'] as const, [each, 'eth1'] as const])) {
      while (netns.link(device).operstate !== 'UP') await sleep(20);
    }
  });

  const listen = (netns: TestNetns, group: string, localIp: string, port = PORT): MulticastListener =>
    withNetns(netns.name, () => openMulticast({ multicast: { ip: group, port }, localIp, acceptZeroChecksum6: false }));
  /** Sends one datagram to the group from an address. */
  const send = (netns: TestNetns, from: string, group: string, text: string, hops = 1): void => {
    const { underlay, isReady } = withNetns(netns.name, () => {
      const opened = openUnderlay({ listen: { ip: from, port: 1000 }, ...PLAIN_UDP });
      return { underlay: opened, isReady: sendMulticastFrom(opened.listeners, from, hops) };
    });
    try {
      assert.equal(isReady, true);
      assert.equal(sendOne(underlay.listeners[0]!, group, PORT, Buffer.from(text)), 1);
    } finally {
      underlay.close();
    }
  };
  /** The next datagram; fails when there is none. */
  const heard = ({ fd }: MulticastListener): string => {
    const answer = receiveOne(fd, WAIT_MS);
    assert.ok(typeof answer !== 'number', `recvmmsg answered ${answer}`);
    return answer.payload.toString();
  };
  const nothingMore = ({ fd }: MulticastListener) => assert.equal(receiveOne(fd), -EAGAIN);

  for (const {
    group,
    other,
    here: [own, second, elsewhere],
    there: peer,
  } of FAMILIES) {
    it(`${group} is heard from others, and no other group or address is`, () => {
      const listener = listen(here, group, own);
      assert.equal(isCloseOnExec(readFileSync(`/proc/self/fdinfo/${listener.fd}`, 'utf8')), true);
      send(there, peer, other, 'other group');
      send(there, peer, own, 'unicast');
      send(there, peer, group, 'hello');
      assert.equal(heard(listener), 'hello');
      nothingMore(listener);
      listener.close();
      listener.close();
    });

    it(`${group} does not come back to who sent it, though another daemon beside it hears it`, () => {
      const [first, beside] = [listen(here, group, own), listen(here, group, second)];
      send(here, own, group, 'by the first');
      assert.equal(heard(beside), 'by the first');
      send(here, second, group, 'by the other');
      assert.equal(heard(first), 'by the other');
      send(there, peer, group, 'from outside');
      for (const listener of [first, beside]) {
        assert.equal(heard(listener), 'from outside');
        nothingMore(listener);
        listener.close();
      }
    });

    it(`${group} is joined on the interface of the address alone`, () => {
      const [one, two] = [listen(here, group, own), listen(here, group, elsewhere)];
      send(there, own.startsWith('10') ? '10.8.0.2' : 'fd08::2', group, 'on eth1');
      assert.equal(heard(two), 'on eth1');
      send(there, peer, group, 'on eth0');
      assert.equal(heard(one), 'on eth0');
      for (const listener of [one, two]) {
        nothingMore(listener);
        listener.close();
      }
    });
  }

  it('is left when its listener closes', () => {
    const memberships = () => here.exec('ip', 'maddr', 'show', 'dev', 'eth0');
    const listener = listen(here, '239.1.1.9', '10.7.0.1');
    assert.match(memberships(), /239\.1\.1\.9/);
    listener.close();
    assert.doesNotMatch(memberships(), /239\.1\.1\.9/);
  });

  it('follows its address to another interface', () => {
    const listener = listen(here, '239.1.1.3', '10.7.0.3');
    const inside = <T>(action: () => T): T => withNetns(here.name, action);
    assert.equal(inside(listener.rejoin), false);
    here.exec('ip', 'addr', 'del', '10.7.0.3/24', 'dev', 'eth0');
    assert.throws(() => inside(listener.rejoin), { code: 'group_needs_interface' });
    here.exec('ip', 'addr', 'add', '10.7.0.3/32', 'dev', 'eth1');
    assert.equal(inside(listener.rejoin), true);
    assert.equal(inside(listener.rejoin), false);
    send(there, '10.7.0.2', '239.1.1.3', 'on the old interface');
    send(there, '10.8.0.2', '239.1.1.3', 'on the new one');
    assert.equal(heard(listener), 'on the new one');
    nothingMore(listener);
    listener.close();
    here.exec('ip', 'addr', 'del', '10.7.0.3/32', 'dev', 'eth1');
    here.exec('ip', 'addr', 'add', '10.7.0.3/24', 'dev', 'eth0');
  });

  it('crosses as many routers as was said', async () => {
    for (const [from, group, filter] of [
      ['10.7.0.1', '239.1.1.1', 'ip[8] = 7'],
      ['fd07::1', 'ff05::77', 'ip6[7] = 7'],
    ] as const) {
      const tcpdump = ['tcpdump', '--immediate-mode', '-i', 'eth0', '-n', '-c', '1', `udp and ${filter}`];
      const seen = new Running(['ip', 'netns', 'exec', there.name, ...tcpdump], { timeoutMs: WAIT_MS });
      await seen.printed(/listening on/);
      send(here, from, group, 'hop', 7);
      assert.equal((await seen.done).code, 0, 'tcpdump saw none');
    }
  });

  it('needs an interface: a wildcard has none, nor has an address that is nowhere', () => {
    for (const [group, ip] of [
      ['239.1.1.1', '0.0.0.0'],
      ['239.1.1.1', '10.99.99.99'],
      ['ff05::77', '::'],
    ] as const) {
      leavesNoDescriptor(() =>
        assert.throws(() => listen(here, group, ip), {
          code: 'group_needs_interface',
          message: new RegExp(`^multicast group ${group}: no interface here has listen_ip=${ip}; expected`),
        }),
      );
    }
    withNetns(here.name, () => assert.equal(sendMulticastFrom([], '0.0.0.0', 1), false));
  });

  it('cannot be had where a stranger has its port on every address', () => {
    const wildcard = withNetns(here.name, () =>
      openUnderlay({ listen: { ip: '0.0.0.0', port: OTHER_PORT }, ...PLAIN_UDP }),
    );
    leavesNoDescriptor(() =>
      assert.throws(() => listen(here, '239.1.1.1', '10.7.0.1', OTHER_PORT), {
        code: 'port_in_use',
        message: new RegExp(`^listen on 239.1.1.1:4790/udp: the port is held by pid ${process.pid} `),
      }),
    );
    wildcard.close();
  });
});
