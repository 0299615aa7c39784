/** What the underlay TAP is to an overlay that is bound to an interface: a way out, and no way in. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ipBytes } from '../../../src/address.js';
import type { DaemonLog } from '../../../src/daemon/log.js';
import { type Border, openBorder } from '../../../src/daemon/underlay/border.js';
import { Network } from '../../../src/daemon/underlay/network.js';
import { withNetns } from '../../../src/system/netns.js';
import { openTap, type Tap } from '../../../src/system/tap.js';
import { probeUnderlayTap } from '../../../src/system/underlay-tap.js';
import { TestNetns } from '../../support/netns.js';
import { needsRoot } from '../../support/root.js';
import { buildFrame, concat } from '../../support/super-frames.js';
import { PLAIN_TAP } from '../../support/tap.js';
import { until } from '../../support/until.js';
import { Frames, flow, macBytes, PAYLOAD, PORT, TUNNEL_VNET, VNET } from '../../system/underlay-host.js';
import { RouteList } from './route-list.js';

const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;
const OWN = '192.0.2.1';
const FAR = '192.0.2.9';
/** In which a datagram that the program takes comes, on a machine that is not busy. */
const A_MOMENT_MS = 50;

const probe = probeUnderlayTap();

describe('the underlay border of overlays that are bound to an interface', {
  skip: needsRoot() || (probe.ok ? false : probe.reason),
}, () => {
  const datapath = new RouteList();
  let netns: TestNetns;
  let nics: Tap[];
  let network: Network;
  let border: Border;

  before(() => {
    netns = new TestNetns();
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1', 'net.ipv6.conf.default.accept_dad=0');
    nics = MACS.map((mac, n) => {
      const options = { name: `nic${n}`, mac, mtu: 1500, netns: netns.name, persist: false };
      const nic = openTap({ ...PLAIN_TAP, ...options });
      netns.exec('ip', 'addr', 'add', `${OWN}/24`, 'dev', `nic${n}`);
      netns.exec('ip', 'addr', 'add', 'fe80::1/64', 'dev', `nic${n}`);
      return nic;
    });
    const log = { info() {}, warn: (text: string) => assert.fail(text) } as unknown as DaemonLog;
    withNetns(netns.name, () => {
      network = new Network();
      border = openBorder('tap', datapath, network, log);
      border.listen(1, { ip: OWN, port: PORT, device: 'nic0' });
      border.listen(2, { ip: OWN, port: PORT, device: 'nic1' });
      border.listen(3, { ip: 'fe80::1', port: PORT, device: 'nic1' });
    });
  });
  after(() => {
    border.close();
    network.close();
    for (const nic of nics) nic.close();
    netns.delete();
  });
  const ifindex = (name: string): number => netns.link(name).ifindex;
  /** Whether a datagram that comes by nic0 is taken by the TAP, within a moment. */
  const comesByTap = async () => {
    const tap = new Frames(datapath.tap!.fds[0]!, TUNNEL_VNET);
    while (tap.read() !== null);
    const macs = concat(macBytes(MACS[0]), macBytes('02:00:00:00:00:99'));
    const addresses = concat(ipBytes(FAR), ipBytes(OWN));
    new Frames(nics[0]!.fd, VNET).write(buildFrame(flow(4, { macs, addresses }), PAYLOAD));
    await sleep(A_MOMENT_MS);
    return tap.read() !== null;
  };

  it('super-frames leave by that interface, of two that lead to the address', () => {
    for (const [index, ip] of [
      [1, FAR],
      [2, FAR],
      [3, 'fe80::9'],
    ] as const) {
      datapath.new.push([index, { ip, port: PORT }, index]);
    }
    withNetns(netns.name, () => {
      network.follow();
      border.tick(0);
    });
    assert.deepEqual(datapath.routes.get(1), { ifindex: ifindex('nic0'), source: OWN, mtu: 1500 });
    assert.deepEqual(datapath.routes.get(2), { ifindex: ifindex('nic1'), source: OWN, mtu: 1500 });
    assert.deepEqual(datapath.routes.get(3), { ifindex: ifindex('nic1'), source: 'fe80::1', mtu: 1500 });
  });

  it('what comes is left to their sockets, and taken for one that is bound to none', async () => {
    assert.equal(await comesByTap(), false);
    withNetns(netns.name, () => {
      border.unlisten(1);
      border.unlisten(2);
      border.listen(4, { ip: OWN, port: PORT });
    });
    await until(comesByTap);
  });
});
