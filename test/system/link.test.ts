import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { underlayInterface } from '../../src/system/link.js';
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

  it('is unknown for a wildcard, for an address of nobody here, and while the interface is down', () => {
    assert.equal(mtu('0.0.0.0'), null);
    assert.equal(mtu('::'), null);
    assert.equal(underlayInterface('10.68.0.1'), null, 'that is in another namespace');
    netns.exec('ip', 'link', 'set', 'under0', 'down');
    assert.equal(mtu('10.68.0.1'), null);
  });
});
