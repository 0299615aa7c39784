import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { localAddresses, underlayInterface } from '../../src/system/link.js';
import { withNetns } from '../../src/system/netns.js';
import { linkAt } from '../../src/system/routes.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { leavesNoDescriptor } from './descriptors.js';

describe('the MTU of the underlay', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  before(() => {
    netns.exec('ip', 'link', 'add', 'under0', 'mtu', '9000', 'type', 'veth', 'peer', 'name', 'under1');
    netns.exec('ip', 'link', 'set', 'under0', 'up');
    netns.exec('ip', 'link', 'set', 'under1', 'up');
    netns.exec('ip', 'address', 'add', '10.68.0.1/24', 'dev', 'under0');
    netns.exec('ip', 'address', 'add', '10.68.0.2/24', 'dev', 'under0', 'label', 'under0:1');
    netns.exec('ip', 'address', 'add', 'fd68::1/64', 'dev', 'under0', 'nodad');
  });
  after(() => netns.delete());

  const mtu = (ip: string) =>
    withNetns(netns.name, () => {
      const ifindex = underlayInterface(ip);
      return ifindex === null ? null : (linkAt(ifindex)?.mtu ?? null);
    });

  it('is that of the interface with the address, IPv4, IPv6 or under a label', () => {
    leavesNoDescriptor(() => {
      assert.equal(mtu('10.68.0.1'), 9000);
      assert.equal(mtu('10.68.0.2'), 9000);
      assert.equal(mtu('fd68::1'), 9000);
      assert.equal(mtu('127.0.0.1'), 65536);
    });
  });

  it('is that of the device, where one is named, whichever has the address', () => {
    const index = (ip: string, device: string) => withNetns(netns.name, () => underlayInterface(ip, device));
    assert.equal(index('10.68.0.1', 'under1'), netns.link('under1').ifindex);
    assert.equal(index('10.68.0.1', 'under9'), null);
  });

  it("has addresses by which a socket that is bound to it is reached: its own, and the loopback's", () => {
    netns.exec('ip', 'address', 'add', '10.68.9.1/24', 'dev', 'under1');
    netns.exec('ip', 'address', 'add', '10.255.0.1/32', 'dev', 'lo');
    const reached = withNetns(netns.name, () => localAddresses('under0'));
    for (const ip of ['10.68.0.1', '10.68.0.2', 'fd68::1', '127.0.0.1', '10.255.0.1']) assert.ok(reached.has(ip), ip);
    assert.ok(!reached.has('10.68.9.1'));
    assert.ok(withNetns(netns.name, () => localAddresses()).has('10.68.9.1'));
  });

  it('is unknown for a wildcard, for an address of nobody here, and while the interface is down', () => {
    assert.equal(mtu('0.0.0.0'), null);
    assert.equal(mtu('::'), null);
    assert.equal(underlayInterface('10.68.0.1'), null, 'that is in another namespace');
    netns.exec('ip', 'link', 'set', 'under0', 'down');
    assert.equal(mtu('10.68.0.1'), null);
  });
});
