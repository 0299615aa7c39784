/** Underlay sockets that are bound to a network interface, of two that have the same addresses. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { withNetns } from '../../src/system/netns.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import { recvmmsg, sendmmsg } from '../../src/system/syscalls.js';
import { openUnderlay, type Underlay } from '../../src/system/udp.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_UDP } from '../support/udp.js';
import { leavesNoDescriptor } from './descriptors.js';
import { Shared } from './shared.js';

const PORT = 4789;
const ROOM = 256;

describe('an underlay socket bound to an interface', { skip: needsRoot() }, () => {
  const ours = new TestNetns();
  const peers = [new TestNetns(), new TestNetns()];
  before(() => {
    ours.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0');
    for (const [n, peer] of peers.entries()) {
      ours.exec('ip', 'link', 'add', `dev${n}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', peer.name);
      for (const [netns, name, host] of [
        [ours, `dev${n}`, 1],
        [peer, 'eth0', 2],
      ] as const) {
        netns.exec('ip', 'link', 'set', name, 'addrgenmode', 'none', 'up');
        netns.exec('ip', 'addr', 'add', `10.69.0.${host}/24`, 'dev', name);
        netns.exec('ip', 'addr', 'add', `fe80::${host}/64`, 'dev', name, 'nodad');
      }
    }
  });
  after(() => {
    for (const netns of [ours, ...peers]) netns.delete();
  });

  const open = (netns: TestNetns, ip: string, device: string, workers = 1): Underlay =>
    withNetns(netns.name, () =>
      openUnderlay({ listen: { ip, port: PORT, device }, ...PLAIN_UDP, workers, sources: 2 }),
    );

  /** From the first source port, to scope 0: as the datapath does. */
  const send = ({ sources }: Underlay, ip: string, text: string): number => {
    const shared = new Shared();
    const address = sockaddrOf({ ip, port: PORT });
    const payload = Buffer.from(text);
    const iovec = shared.iovec(shared.put(payload), payload.length);
    const headers = shared.mmsghdrs([{ name: shared.put(address), nameLen: address.length, iovec }]);
    return sendmmsg(sources[0]![0]!.withChecksum, shared.at(headers), 1, 0);
  };
  /** What one of the listeners has; null: nothing. */
  const receive = ({ listeners }: Underlay): string | null => {
    for (const fd of listeners) {
      const shared = new Shared();
      const slot = shared.take(ROOM);
      const headers = shared.mmsghdrs([{ name: shared.take(28), nameLen: 28, iovec: shared.iovec(slot, ROOM) }]);
      const answer = recvmmsg(fd, shared.at(headers), 1, 0);
      if (answer === 1) return shared.copy(slot, shared.messageLength(headers, 0)).toString();
      assert.equal(answer, -constants.errno.EAGAIN);
    }
    return null;
  };

  for (const [listen, own, far] of [
    ['10.69.0.1', '10.69.0.1', '10.69.0.2'],
    ['0.0.0.0', '10.69.0.1', '10.69.0.2'],
    ['fe80::1', 'fe80::1', 'fe80::2'],
    ['::', 'fe80::1', 'fe80::2'],
  ] as const) {
    it(`sends and receives by that one alone, at ${listen}`, () => {
      leavesNoDescriptor(() => {
        const here = [0, 1].map((n) => open(ours, listen, `dev${n}`, 2));
        const there = peers.map((peer) => open(peer, far, 'eth0'));
        assert.deepEqual(here[0]!.ports, here[1]!.ports);
        for (const n of [0, 1]) {
          assert.equal(send(here[n]!, far, `to ${n}`), 1);
          assert.equal(send(there[n]!, own, `from ${n}`), 1);
        }
        for (const n of [0, 1]) {
          assert.deepEqual([receive(there[n]!), receive(there[n]!)], [`to ${n}`, null]);
          assert.deepEqual([receive(here[n]!), receive(here[n]!)], [`from ${n}`, null]);
        }
        for (const underlay of [...here, ...there]) underlay.close();
      });
    });
  }

  it('is refused without that interface, without its link-local address, and where another has the port', () => {
    leavesNoDescriptor(() => {
      const refuses = (ip: string, device: string, code: string, message: RegExp) =>
        assert.throws(() => open(ours, ip, device), { name: 'VxlaneError', code, message });
      const taken = open(ours, '0.0.0.0', 'dev0');
      refuses('10.69.0.1', 'dev9', 'no_underlay_device', /^underlay_dev is dev9: no interface here has that name/);
      refuses('fe80::9', 'dev0', 'address_not_local', /no interface here has address fe80::9%dev0 /);
      refuses('10.69.0.1', 'dev0', 'port_in_use', /^listen on 10\.69\.0\.1%dev0:4789\/udp: the port is held by pid /);
      taken.close();
    });
  });
});
