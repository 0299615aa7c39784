/** Which way super-frames leave follows what the interface does for its senders, as ethtool(8) turns it on and off. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DaemonLog } from '../../../src/daemon/log.js';
import { type Border, openBorder } from '../../../src/daemon/underlay/border.js';
import { Network } from '../../../src/daemon/underlay/network.js';
import { withNetns } from '../../../src/system/netns.js';
import { probeUnderlayTap } from '../../../src/system/underlay-tap.js';
import { TestNetns } from '../../support/netns.js';
import { needsRoot } from '../../support/root.js';
import { RouteList } from './route-list.js';

const probe = probeUnderlayTap();
const log = { info() {}, warn: (text: string) => assert.fail(text) } as unknown as DaemonLog;

describe('an interface that cuts datagrams, or super-frames inside tunnels', {
  skip: needsRoot() || (probe.ok ? false : probe.reason),
}, () => {
  let netns: TestNetns;
  let network: Network;
  let border: Border;
  const datapath = new RouteList();
  before(() => {
    netns = new TestNetns();
    netns.exec('ip', 'link', 'add', 'way0', 'type', 'veth', 'peer', 'name', 'way1');
    netns.exec('ip', 'link', 'set', 'way0', 'up');
    netns.exec('ip', 'link', 'set', 'way1', 'up');
    netns.exec('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'way0');
    network = withNetns(netns.name, () => new Network());
    border = withNetns(netns.name, () => openBorder('tap', datapath, network, log));
  });
  after(() => {
    border.close();
    network.close();
    netns.delete();
  });

  it('is reached by the TAP, but by the sockets where it cuts for them alone', () => {
    withNetns(netns.name, () => border.listen(1, { ip: '192.0.2.1', port: 4789 }));
    datapath.known.push([7, { ip: '192.0.2.9', port: 4789 }, 1]);
    const leavesBy = (kind: 'tap' | 'socket', ...features: string[]) => {
      netns.exec('ethtool', '-K', 'way0', ...features);
      withNetns(netns.name, () => network.follow());
      withNetns(netns.name, () => border.tick(0));
      const ifindex = kind === 'tap' ? netns.link('way0').ifindex : undefined;
      assert.equal(datapath.routes.get(7)?.ifindex, ifindex, features.join(' '));
    };
    leavesBy('tap', 'tx-udp_tnl-segmentation', 'on', 'tx-udp-segmentation', 'on');
    leavesBy('socket', 'tx-udp_tnl-segmentation', 'off');
    leavesBy('tap', 'tx-udp-segmentation', 'off');
    leavesBy('socket', 'tx-udp-segmentation', 'on');
    leavesBy('tap', 'tx-udp_tnl-segmentation', 'on');
  });
});
