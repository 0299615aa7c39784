import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, afterEach, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { attribute, attributesOf, messagesIn, u32 } from '../../src/system/netlink.js';
import { withNetns } from '../../src/system/netns.js';
import { changeIn, linkNamed, type NetworkChange, NetworkWatch, routeTo } from '../../src/system/routes.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { leavesNoDescriptor } from './descriptors.js';

/** A host with two ways out, quiet over IPv6. */
function newHost(): TestNetns {
  const netns = new TestNetns();
  netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1', 'net.ipv6.conf.default.accept_dad=0');
  for (const name of ['way0', 'way1']) {
    netns.exec('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`);
    netns.exec('ip', 'link', 'set', `${name}p`, 'up');
    netns.exec('ip', 'link', 'set', name, 'up');
  }
  netns.exec('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'way0');
  netns.exec('ip', 'addr', 'add', '198.51.100.1/24', 'dev', 'way1');
  netns.exec('ip', 'addr', 'add', 'fd00::1/64', 'dev', 'way0');
  return netns;
}

describe('the route to an address', { skip: needsRoot() }, () => {
  const netns = newHost();
  after(() => netns.delete());
  const ifindex = (name: string): number => netns.link(name).ifindex;
  const route = (ip: string, from: string | null = null) => withNetns(netns.name, () => routeTo(ip, from));

  it('is a link, or a next hop on one', () => {
    leavesNoDescriptor(() => {
      const plain = { isLocal: false, isMtuDiscovered: false };
      const direct = { ifindex: ifindex('way0'), gateway: null, source: '192.0.2.1', mtu: null, ...plain };
      assert.deepEqual(route('192.0.2.9'), direct);
      netns.exec('ip', 'route', 'add', '203.0.113.0/24', 'via', '198.51.100.254', 'mtu', '1400');
      const far = {
        ifindex: ifindex('way1'),
        gateway: '198.51.100.254',
        source: '198.51.100.1',
        mtu: 1400,
        ...plain,
      };
      assert.deepEqual(route('203.0.113.5'), far);
      netns.exec('ip', '-6', 'route', 'add', 'fd01::/64', 'via', 'fd00::fe');
      const far6 = route('fd01::5');
      assert.deepEqual([far6?.ifindex, far6?.gateway, far6?.source], [ifindex('way0'), 'fd00::fe', 'fd00::1']);
    });
  });

  it('of IPv4 may have a next hop of IPv6', () => {
    netns.exec('ip', 'route', 'add', '203.0.114.0/24', 'via', 'inet6', 'fd00::fe', 'dev', 'way0');
    assert.equal(route('203.0.114.5')?.gateway, 'fd00::fe');
  });

  it('is local for our own addresses', () => {
    assert.equal(route('192.0.2.1')?.isLocal, true);
    assert.equal(route('fd00::1')?.isLocal, true);
  });

  it('is null where there is none, and where a route says so', () => {
    assert.equal(route('8.8.8.8'), null);
    assert.equal(route('fd99::1'), null);
    for (const type of ['unreachable', 'prohibit', 'blackhole']) {
      netns.exec('ip', 'route', 'replace', type, '203.0.115.0/24');
      assert.equal(route('203.0.115.1'), null, type);
      netns.exec('ip', '-6', 'route', 'replace', type, 'fd02::/64');
      assert.equal(route('fd02::1'), null, type);
    }
  });

  it('may depend on the source address', () => {
    netns.exec('ip', 'route', 'add', '203.0.116.0/24', 'dev', 'way0', 'table', '7');
    netns.exec('ip', 'route', 'add', '203.0.116.0/24', 'dev', 'way1');
    netns.exec('ip', 'rule', 'add', 'from', '192.0.2.1', 'lookup', '7');
    assert.equal(route('203.0.116.1', '192.0.2.1')?.ifindex, ifindex('way0'));
    assert.equal(route('203.0.116.1', '198.51.100.1')?.ifindex, ifindex('way1'));
  });
});

describe('the route of a socket that is bound to an interface', { skip: needsRoot() }, () => {
  const netns = newHost();
  after(() => netns.delete());
  const ifindex = (name: string): number => netns.link(name).ifindex;
  const route = (ip: string, by: number, from: string | null = null) =>
    withNetns(netns.name, () => routeTo(ip, from, by));

  it('is by that interface, also where the other has the better one', () => {
    netns.exec('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'way1');
    for (const by of [ifindex('way0'), ifindex('way1')]) {
      assert.equal(route('192.0.2.9', by)?.ifindex, by);
      assert.equal(route('192.0.2.9', by, '192.0.2.1')?.ifindex, by);
    }
  });

  it('leads to link-local addresses on that link', () => {
    for (const name of ['way0', 'way1']) netns.exec('ip', 'addr', 'add', 'fe80::1/64', 'dev', name, 'nodad');
    for (const by of [ifindex('way0'), ifindex('way1')]) {
      assert.equal(route('fe80::2', by)?.ifindex, by);
      assert.equal(route('fe80::2', by, 'fe80::1')?.ifindex, by);
      assert.equal(route('fe80::1', by)?.isLocal, true);
    }
  });

  it('is none when the interface is gone', () => {
    for (const ip of ['192.0.2.9', 'fe80::2']) assert.equal(route(ip, 9999), null);
  });
});

describe('an interface by its name', { skip: needsRoot() }, () => {
  const netns = newHost();
  after(() => netns.delete());
  const named = (name: string) => withNetns(netns.name, () => linkNamed(name));

  it('is the one that has it as its first name', () => {
    leavesNoDescriptor(() => {
      assert.equal(named('way0')?.ifindex, netns.link('way0').ifindex);
      netns.exec('ip', 'link', 'property', 'add', 'dev', 'way0', 'altname', 'other0');
      for (const name of ['other0', 'way9', '', 'way0 ', 'a/b', 'longer-than-any-name'])
        assert.equal(named(name), null);
      netns.exec('ip', 'link', 'set', 'way0', 'down');
      netns.exec('ip', 'link', 'set', 'way0', 'name', 'way9');
      assert.deepEqual([named('way0'), named('way9')?.isRunning], [null, false]);
    });
  });
});

describe('a watch of the network', { skip: needsRoot() }, () => {
  let netns: TestNetns;
  let watch: NetworkWatch;
  before(() => {
    netns = newHost();
    watch = withNetns(netns.name, () => new NetworkWatch());
  });
  afterEach(() => watch.changes());
  after(() => {
    watch?.close();
    netns?.delete();
  });

  /** All that comes until one change is as wanted. */
  async function comes(isWanted: (change: NetworkChange) => boolean): Promise<NetworkChange[]> {
    const seen: NetworkChange[] = [];
    await until(() => {
      seen.push(...watch.changes());
      return seen.some(isWanted);
    });
    return seen;
  }

  it('says nothing of what was before, and nothing of other namespaces', () => {
    const other = newHost();
    // What is done a moment later belongs to neither: carriers, their routes, and addresses of IPv6.
    const heard = watch.changes().flatMap((change) => (change.kind === 'address' ? [change.ip] : []));
    assert.ok(!heard.includes('192.0.2.1'), `${heard}`);
    other.delete();
  });

  it('says when an interface goes down, comes up, gets another MTU, appears and goes', async () => {
    const ifindex: number = netns.link('way1').ifindex;
    netns.exec('ip', 'link', 'set', 'way1', 'down');
    await comes(
      (change) => change.kind === 'link' && change.ifindex === ifindex && !change.isRunning && !change.isGone,
    );
    netns.exec('ip', 'link', 'set', 'way1', 'up', 'mtu', '1300');
    await comes(
      (change) => change.kind === 'link' && change.ifindex === ifindex && change.isRunning && change.mtu === 1300,
    );
    netns.exec('ip', 'link', 'add', 'fresh0', 'type', 'bridge');
    await comes((change) => change.kind === 'link' && change.name === 'fresh0' && change.isEthernet);
    netns.exec('ip', 'link', 'delete', 'fresh0');
    await comes((change) => change.kind === 'link' && change.name === 'fresh0' && change.isGone);
    netns.exec('ip', 'tuntap', 'add', 'raw0', 'mode', 'tun');
    await comes((change) => change.kind === 'link' && change.name === 'raw0' && !change.isEthernet);
  });

  it('an interface that leaves a bridge is not gone', async () => {
    netns.exec('ip', 'link', 'add', 'br0', 'type', 'bridge');
    netns.exec('ip', 'link', 'set', 'way1p', 'master', 'br0');
    netns.exec('ip', 'link', 'set', 'way1p', 'nomaster');
    netns.exec('ip', 'link', 'delete', 'br0');
    const seen = await comes((change) => change.kind === 'link' && change.name === 'br0' && change.isGone);
    assert.ok(!seen.some((change) => change.kind === 'link' && change.name === 'way1p' && change.isGone));
  });

  for (const ip of ['198.51.100.77', 'fd00::77']) {
    it(`says when an address comes and goes: ${ip}`, async () => {
      const ifindex: number = netns.link('way0').ifindex;
      const wanted = (isGone: boolean) => (change: NetworkChange) =>
        change.kind === 'address' && change.ifindex === ifindex && change.ip === ip && change.isGone === isGone;
      netns.exec('ip', 'addr', 'add', ip, 'dev', 'way0');
      await comes(wanted(false));
      netns.exec('ip', 'addr', 'delete', ip, 'dev', 'way0');
      await comes(wanted(true));
    });
  }

  it('says when a route or a rule comes or goes, IPv4 and IPv6', async () => {
    const changes = [
      ['route', 'add', '203.0.117.0/24', 'dev', 'way0'],
      ['route', 'delete', '203.0.117.0/24', 'dev', 'way0'],
      ['-6', 'route', 'add', 'fd03::/64', 'dev', 'way0'],
      ['-6', 'route', 'delete', 'fd03::/64', 'dev', 'way0'],
      ['rule', 'add', 'from', '192.0.2.1', 'lookup', '8'],
      ['-6', 'rule', 'add', 'from', 'fd00::1', 'lookup', '8'],
    ];
    for (const argv of changes) {
      watch.changes();
      netns.exec('ip', ...argv);
      await comes((change) => change.kind === 'route');
    }
  });

  it('says that it has lost some when more came than the kernel keeps, and goes on', async () => {
    const lines = Array.from({ length: 4000 }, (_, n) => `route add 10.${n >> 8}.${n & 255}.0/24 dev way0\n`);
    execFileSync('ip', ['-n', netns.name, '-batch', '-'], { input: lines.join(''), timeout: 20_000 });
    await comes((change) => change.kind === 'lost');
    watch.changes();
    netns.exec('ip', 'addr', 'add', '198.51.100.78', 'dev', 'way0');
    await comes((change) => change.kind === 'address' && change.ip === '198.51.100.78');
  });
});

describe('netlink messages', () => {
  it('are taken apart as they were put together', () => {
    const nested = attributesOf([[3, Buffer.from('abc')]]);
    const attributes = attributesOf([
      [1, u32(7)],
      [2 | 0x8000, nested], // NLA_F_NESTED
    ]);
    assert.equal(attributes.toString('hex'), '08000100070000000c000280' + '0700030061626300');
    assert.equal(attribute(attributes, 1)?.readUInt32LE(), 7);
    assert.equal(attribute(attribute(attributes, 2)!, 3)?.toString(), 'abc');
    assert.equal(attribute(attributes, 3), null);
  });

  it('of any bytes at all are read inside them, and to an end', () => {
    const types = fc.constantFrom(16, 17, 20, 21, 24, 32);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), types, (bytes, type) => {
        for (const message of messagesIn(Buffer.from(bytes))) changeIn(message);
        changeIn({ type, body: Buffer.from(bytes) });
      }),
    );
  });
});
