/** Addresses of an interface, against the kernel of this machine. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { interfaceIndex, withControlSocket } from '../../src/system/interface.js';
import {
  addInterfaceAddress,
  interfaceAddresses,
  removeInterfaceAddress,
} from '../../src/system/interface-addresses.js';
import { withNetns } from '../../src/system/netns.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';

describe('addresses of an interface', { skip: needsRoot() }, () => {
  let netns: TestNetns;
  before(() => {
    netns = new TestNetns();
    netns.exec('ip', 'link', 'add', 'one0', 'type', 'veth', 'peer', 'name', 'two0');
    for (const name of ['one0', 'two0']) {
      // Without an address of the kernel's own making.
      netns.exec('ip', 'link', 'set', name, 'addrgenmode', 'none', 'up');
    }
    netns.exec('ip', 'addr', 'add', '10.9.9.9/24', 'dev', 'two0');
  });
  after(() => netns.delete());

  const on = <T>(name: string, action: (ifindex: number, name: string) => T): T =>
    withNetns(netns.name, () =>
      action(
        withControlSocket((control) => interfaceIndex(control, name)),
        name,
      ),
    );
  const texts = (name: string) => on(name, interfaceAddresses).map(({ address }) => address);
  const add = (address: string) => on('one0', (ifindex, name) => addInterfaceAddress(ifindex, name, address));
  const remove = (address: string) => on('one0', (ifindex, name) => removeInterfaceAddress(ifindex, name, address));

  it('are added, listed without those of other interfaces, and removed', () => {
    add('10.55.55.2/24');
    add('fd00::2/64');
    assert.deepEqual(texts('one0'), ['10.55.55.2/24', 'fd00::2/64']);
    const [shown] = netns.json('-4', 'addr', 'show', 'dev', 'one0');
    const { local, prefixlen, broadcast, scope } = shown.addr_info[0];
    assert.deepEqual([local, prefixlen, broadcast, scope], ['10.55.55.2', 24, '10.55.55.255', 'global']);
    assert.throws(() => add('10.55.55.2/24'), { errnoName: 'EEXIST' });
    remove('fd00::2/64');
    remove('10.55.55.2/24');
    assert.deepEqual([texts('one0'), texts('two0')], [[], ['10.9.9.9/24']]);
  });

  it('of one network stay when the first of them is removed', () => {
    netns.exec('sysctl', '-qw', 'net.ipv4.conf.all.promote_secondaries=0', 'net.ipv4.conf.one0.promote_secondaries=0');
    add('10.55.55.2/24');
    netns.exec(
      'ip',
      'addr',
      'add',
      '10.55.55.3/24',
      'dev',
      'one0',
      'label',
      'one0:web',
      'valid_lft',
      '900',
      'preferred_lft',
      '900',
    );
    add('10.55.55.4/24');
    remove('10.55.55.2/24');
    assert.deepEqual(texts('one0').sort(), ['10.55.55.3/24', '10.55.55.4/24']);
    const [shown] = netns.json('addr', 'show', 'dev', 'one0');
    const theirs = shown.addr_info.find(({ local }: { local: string }) => local === '10.55.55.3');
    assert.equal(theirs.label, 'one0:web');
    assert(theirs.valid_life_time > 800 && theirs.valid_life_time <= 900, `${theirs.valid_life_time}`);
  });

  it('of IPv6 where there is none are refused with what is in the way', () => {
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.one0.disable_ipv6=1');
    assert.throws(() => add('fd00::2/64'), { code: 'ipv6_off', message: /disable_ipv6 is 1 there$/ });
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.one0.disable_ipv6=0');
    netns.exec('ip', 'link', 'set', 'one0', 'mtu', '1279');
    assert.throws(() => add('fd00::2/64'), {
      code: 'ipv6_off',
      message: /^IPv6 is off on one0: its MTU is below 1280/,
    });
  });
});
