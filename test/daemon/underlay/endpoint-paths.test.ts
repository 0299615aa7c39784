/** What the datapath is told of paths, in a namespace with a router that the test is: routes with an MTU, real ICMP. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DaemonLog } from '../../../src/daemon/log.js';
import { EndpointPaths, type Path } from '../../../src/daemon/underlay/endpoint-paths.js';
import { Network } from '../../../src/daemon/underlay/network.js';
import { withNetns } from '../../../src/system/netns.js';
import { TestNetns } from '../../support/netns.js';
import { needsRoot } from '../../support/root.js';
import { RouteList } from './route-list.js';

describe('paths of endpoints', { skip: needsRoot() }, () => {
  const datapath = new RouteList();
  const seen = new Map<number, Path | null>();
  let netns: TestNetns;
  let network: Network;
  let paths: EndpointPaths;
  let nowMs = 0;
  before(() => {
    netns = new TestNetns();
    netns.exec('ip', 'link', 'add', 'way0', 'type', 'veth', 'peer', 'name', 'way1');
    for (const name of ['way0', 'way1']) netns.exec('ip', 'link', 'set', name, 'up');
    netns.exec('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'way0');
    const log = { info() {}, warn: (text: string) => assert.fail(text) } as unknown as DaemonLog;
    withNetns(netns.name, () => {
      network = new Network();
      paths = new EndpointPaths(datapath, network, log, (index, path) => seen.set(index, path));
    });
    network.listen(() => paths.askAll()); // as the border does
    paths.listen(1, { ip: '192.0.2.1', port: 4789 });
  });
  after(() => {
    paths.close();
    network.close();
    netns.delete();
  });
  const tick = (ms = 100) => {
    nowMs += ms;
    withNetns(netns.name, () => {
      network.follow();
      paths.tick(nowMs);
    });
  };
  const meet = (index: number, ip: string, socket = 1) => {
    datapath.known.push([index, { ip, port: 4789 }, socket]);
    datapath.new.push([index, { ip, port: 4789 }, socket]);
    tick();
  };

  it('a path takes what its interface does, or its route; nothing is known of multicast and of this host', () => {
    netns.exec('ip', 'route', 'add', '192.0.2.8/32', 'dev', 'way0', 'mtu', '1300');
    for (const [index, ip, mtu] of [
      [1, '192.0.2.9', 1500],
      [2, '192.0.2.8', 1300],
      [3, '239.1.1.1', undefined],
      [4, '192.0.2.1', undefined],
      [5, '203.0.113.1', undefined],
    ] as const) {
      meet(index, ip);
      assert.deepEqual(datapath.paths.get(index), mtu && { mtu, isLowered: false }, ip);
      assert.equal(seen.get(index)?.mtu, mtu);
    }
  });

  it('a route that changes is asked for when the kernel tells, or when a datagram was too long', () => {
    netns.exec('ip', 'route', 'change', '192.0.2.8/32', 'dev', 'way0', 'mtu', '1200');
    paths.tooLong(2);
    withNetns(netns.name, () => paths.tick(nowMs)); // the network has not been looked at
    assert.equal(datapath.paths.get(2)?.mtu, 1200);
    netns.exec('ip', 'route', 'del', '192.0.2.8/32');
    tick();
    assert.equal(datapath.paths.get(2)?.mtu, 1500);
  });

  it('of a socket that is bound to an interface goes by that one', () => {
    netns.exec('ip', 'link', 'add', 'way2', 'mtu', '1400', 'type', 'veth', 'peer', 'name', 'way3');
    for (const name of ['way2', 'way3']) netns.exec('ip', 'link', 'set', name, 'up');
    netns.exec('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'way2');
    paths.listen(2, { ip: '0.0.0.0', port: 4789, device: 'way2' });
    meet(6, '192.0.2.9', 2);
    assert.equal(datapath.paths.get(6)?.mtu, 1400);
    netns.exec('ip', 'link', 'delete', 'way2');
    tick();
    assert.equal(datapath.paths.get(6), null);
    assert.equal(datapath.paths.get(1)?.mtu, 1500);
  });

  it('less than the kernel itself believes of routers is not believed', () => {
    netns.exec('ip', 'route', 'add', '192.0.2.8/32', 'dev', 'way0', 'mtu', '300');
    tick();
    assert.equal(datapath.paths.get(2)?.mtu, 552);
  });
});
