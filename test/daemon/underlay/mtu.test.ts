/** What bounds the MTU of an overlay, over the routes and interfaces of a namespace. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { OverlayMtu } from '../../../src/daemon/underlay/mtu.js';
import { Network } from '../../../src/daemon/underlay/network.js';
import { withNetns } from '../../../src/system/netns.js';
import { TestNetns } from '../../support/netns.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';

/** On the loopback interface. */
const VTEP = '203.0.113.1';

describe('the MTU of an overlay', { skip: needsRoot() }, () => {
  let netns: TestNetns;
  let network: Network;
  const inside = <T>(action: () => T): T => withNetns(netns.name, action);
  const ip = (...args: string[]) => netns.exec('ip', ...args);

  beforeEach(() => {
    netns = new TestNetns();
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1'); // else an address of IPv6 comes at any time
    for (const [name, mtu, address] of [
      ['way0', '1500', '192.0.2.1/24'],
      ['way1', '1400', '198.51.100.1/24'],
    ] as const) {
      ip('link', 'add', name, 'mtu', mtu, 'type', 'veth', 'peer', 'name', `${name}p`, 'mtu', mtu);
      ip('link', 'set', `${name}p`, 'up');
      ip('link', 'set', name, 'up');
      ip('addr', 'add', address, 'dev', name);
    }
    ip('addr', 'add', `${VTEP}/32`, 'dev', 'lo');
    network = inside(() => new Network());
  });
  afterEach(() => {
    network.close();
    netns.delete();
  });

  const overlay = (listenIp: string, ...remotes: string[]): OverlayMtu => overlayAt({ ip: listenIp }, ...remotes);
  const overlayAt = (listen: { ip: string; device?: string }, ...remotes: string[]): OverlayMtu => {
    const mtu = new OverlayMtu(network, { port: 4789, ...listen });
    for (const remote of remotes) mtu.uses(remote);
    return mtu;
  };
  const look = (mtu: OverlayMtu, sharers = 1) =>
    inside(() => {
      network.follow();
      return mtu.look(sharers);
    });
  const seen = (mtu: OverlayMtu, sharers = 1) => {
    look(mtu, sharers);
    return mtu.underlay;
  };
  const way0 = { mtu: 1500, interface: 'way0' };
  const way1 = { mtu: 1400, interface: 'way1' };

  it('is bounded by the interface of the listen address, unless that is a loopback', () => {
    assert.deepEqual(seen(overlay('192.0.2.1')), { ...way0, ip: '192.0.2.1', isListenAddress: true });
    assert.equal(seen(overlay(VTEP)), null);
    assert.equal(overlay(VTEP).of(null), 1400);
  });

  it('is bounded by the interfaces that endpoints are reached by: the smallest counts', () => {
    const mtu = overlay(VTEP, '192.0.2.9');
    assert.deepEqual(seen(mtu), { ...way0, ip: '192.0.2.9', isListenAddress: false });
    mtu.uses('198.51.100.9');
    assert.deepEqual(seen(mtu), { ...way1, ip: '198.51.100.9', isListenAddress: false });
    assert.equal(mtu.of(null), 1350);
    assert.throws(() => mtu.check(1351), /mtu 1351 does not fit: interface way1, by which 198.51.100.9 is reached/);
    assert.equal(seen(overlay('198.51.100.1', '192.0.2.9'))?.mtu, 1400);
  });

  it('is bounded by the interface that the overlay is bound to, and by no other', () => {
    ip('addr', 'add', '192.0.2.1/24', 'dev', 'way1');
    for (const listenIp of ['192.0.2.1', '0.0.0.0', VTEP]) {
      for (const way of [way0, way1]) {
        const mtu = overlayAt({ ip: listenIp, device: way.interface }, '192.0.2.9');
        assert.deepEqual(seen(mtu), { ...way, ip: listenIp, isListenAddress: true });
      }
    }
  });

  it('follows the interface of a name: another that gets it, and none', () => {
    const mtu = overlayAt({ ip: '192.0.2.1', device: 'way0' }, '192.0.2.9');
    assert.equal(seen(mtu)?.mtu, 1500);
    ip('link', 'delete', 'way0');
    assert.equal(seen(mtu)?.mtu, 1500, 'what was seen last holds');
    ip('link', 'set', 'way1', 'down');
    ip('link', 'set', 'way1', 'name', 'way0');
    assert.equal(seen(mtu)?.mtu, 1400);
  });

  it('is bounded by the MTU that a route has', () => {
    ip('route', 'add', '203.0.113.128/25', 'via', '192.0.2.254', 'mtu', '1300');
    assert.equal(seen(overlay(VTEP, '192.0.2.9', '203.0.113.200'))?.mtu, 1300);
  });

  it('counts an endpoint while somebody names it, and keeps what was seen when nobody names any', () => {
    const mtu = overlay(VTEP, '192.0.2.9', '198.51.100.9', '198.51.100.9');
    mtu.leaves('198.51.100.9');
    assert.equal(seen(mtu)?.mtu, 1400);
    mtu.leaves('198.51.100.9');
    assert.equal(seen(mtu)?.mtu, 1500);
    mtu.leaves('192.0.2.9');
    assert.equal(seen(mtu)?.mtu, 1500);
  });

  it('takes the plugin at its last word', () => {
    const mtu = overlay(VTEP);
    mtu.setOwn(['192.0.2.9', '198.51.100.9']);
    assert.equal(seen(mtu)?.mtu, 1400);
    mtu.setOwn(['192.0.2.9', '192.0.2.10']);
    assert.equal(seen(mtu)?.mtu, 1500);
  });

  it('says nothing of endpoints that are on this host, or have no route', () => {
    assert.equal(seen(overlay(VTEP, '198.51.100.1', '203.0.114.1')), null);
  });

  it('follows an interface without asking for a route', () => {
    const mtu = overlay(VTEP, '192.0.2.9');
    look(mtu);
    ip('link', 'set', 'way0', 'mtu', '1280');
    assert.equal(look(mtu), true);
    assert.equal(mtu.underlay?.mtu, 1280);
    assert.equal(network.knowsRoute('192.0.2.9', { from: VTEP, by: null }), true, 'it was not forgotten');
    assert.equal(look(mtu), false);
  });

  it('follows routes, rules and addresses', () => {
    const mtu = overlay(VTEP, '203.0.114.1');
    ip('route', 'add', '203.0.114.0/24', 'via', '192.0.2.254');
    assert.equal(seen(mtu)?.mtu, 1500);
    ip('route', 'replace', '203.0.114.0/24', 'via', '198.51.100.254');
    assert.equal(seen(mtu)?.mtu, 1400);
    ip('route', 'add', 'default', 'via', '192.0.2.254', 'table', '7');
    ip('rule', 'add', 'from', VTEP, 'lookup', '7');
    assert.equal(seen(mtu)?.mtu, 1500);
    const listening = overlay('198.51.100.7', '192.0.2.9');
    assert.equal(seen(listening), null, 'nothing leaves from an address that is not here');
    ip('addr', 'add', '198.51.100.7/24', 'dev', 'way1');
    assert.equal(seen(listening)?.mtu, 1400);
  });

  it('follows an interface that goes down, of which the kernel withdraws the routes in silence', async () => {
    ip('route', 'add', '203.0.114.0/24', 'via', '192.0.2.254', 'metric', '20');
    ip('route', 'add', '203.0.114.0/24', 'via', '198.51.100.254', 'metric', '10');
    const mtu = overlay(VTEP, '203.0.114.1');
    assert.equal(seen(mtu)?.mtu, 1400);
    ip('link', 'set', 'way1', 'down');
    await until(() => seen(mtu)?.mtu === 1500);
  });

  it('asks for some of many routes at a time, and sees them all in the end', () => {
    const mtu = overlay(VTEP, ...Array.from({ length: 1000 }, (_, n) => `192.0.2.${2 + (n % 250)}`));
    for (let n = 0; n < 900; n++) mtu.uses(`10.0.${n >> 8}.${n & 255}`);
    ip('route', 'add', '10.0.0.0/16', 'via', '192.0.2.254');
    ip('route', 'add', '10.0.3.131/32', 'via', '198.51.100.254');
    assert.equal(seen(mtu)?.mtu, 1500);
    let looks = 1;
    while (seen(mtu)?.mtu !== 1400 && looks < 100) looks++;
    assert.equal(looks, Math.ceil(1150 / 256) - 1, 'looks until the last endpoint of them was asked for');
    ip('route', 'del', '10.0.3.131/32');
    assert.equal(seen(mtu)?.mtu, 1400, 'what was seen holds until it is asked for again');
    looks = 1;
    while (seen(mtu, 16)?.mtu !== 1500 && looks < 1000) looks++;
    assert.equal(looks, Math.ceil((1150 - 256) / 16), 'with a sixteenth of the share');
  });

  it('shares what is known of a route among overlays', () => {
    look(overlay(VTEP, '192.0.2.9'));
    assert.equal(network.knowsRoute('192.0.2.9', { from: VTEP, by: null }), true);
    ip('route', 'add', '10.0.0.0/16', 'via', '192.0.2.254');
    inside(() => network.follow());
    assert.equal(network.knowsRoute('192.0.2.9', { from: VTEP, by: null }), false);
  });
});
