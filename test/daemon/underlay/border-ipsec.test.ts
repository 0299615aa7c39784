/** What the host's IPsec is to encrypt, or to refuse in the clear, does not go around it by the underlay TAP. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
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

const MAC = '02:00:00:00:00:01';
/** The host, a peer that the policies name, and one that they do not. */
const NETS = {
  4: { own: '192.0.2.1', secured: '192.0.2.9', plain: '192.0.2.130', bits: 24, half: '192.0.2.0/25' },
  6: { own: 'fd00::1', secured: 'fd00::9', plain: 'fd00::8009', bits: 64, half: 'fd00::/113' },
} as const;
/** In which a datagram that the program takes comes, on a machine that is not busy. */
const A_MOMENT_MS = 50;

const probe = probeUnderlayTap();

for (const family of [4, 6] as const) {
  describe(`the underlay border and IPsec, IPv${family}`, {
    skip: needsRoot() || (probe.ok ? false : probe.reason),
  }, () => {
    const net = NETS[family];
    let datapath: RouteList;
    let netns: TestNetns;
    let nic: Tap;
    let network: Network;
    let border: Border;
    let said: string[];

    const policy = (...words: string[]) => netns.exec('ip', 'xfrm', 'policy', ...words);
    const template = ['tmpl', 'src', net.own, 'dst', net.secured, 'proto', 'esp', 'mode', 'transport'];
    const tick = () =>
      withNetns(netns.name, () => {
        network.follow();
        border.tick(0);
      });
    const open = () =>
      withNetns(netns.name, () => {
        network = new Network();
        border = openBorder('tap', datapath, network, log);
        border.listen(1, { ip: net.own, port: PORT });
      });
    const log = {
      info: (text: string) => said.push(text),
      warn: (text: string) => assert.fail(text),
    } as unknown as DaemonLog;
    /** Whether the TAP is the way to each of the two peers. */
    const ways = () => [1, 2].map((index) => (datapath.routes.get(index) ?? null) !== null);
    const sendIn = () => {
      const macs = concat(macBytes(MAC), macBytes('02:00:00:00:00:99'));
      const addresses = concat(ipBytes(net.secured), ipBytes(net.own));
      new Frames(nic.fd, VNET).write(buildFrame(flow(family, { macs, addresses }), PAYLOAD));
    };
    const comesByTap = async () => {
      const tap = new Frames(datapath.tap!.fds[0]!, TUNNEL_VNET);
      while (tap.read() !== null);
      sendIn();
      await sleep(A_MOMENT_MS);
      return tap.read() !== null;
    };

    beforeEach(() => {
      netns = new TestNetns();
      netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1', 'net.ipv6.conf.default.accept_dad=0');
      nic = openTap({ ...PLAIN_TAP, name: 'nic0', mac: MAC, mtu: 1500, netns: netns.name, persist: false });
      netns.exec('ip', 'addr', 'add', `${net.own}/${net.bits}`, 'dev', 'nic0');
      datapath = new RouteList();
      said = [];
      for (const [index, ip] of [net.secured, net.plain].entries()) {
        datapath.known.push([index + 1, { ip, port: PORT }, 1]);
      }
    });
    afterEach(() => {
      border.close();
      network.close();
      nic.close();
      netns.delete();
    });

    it('a policy that comes later turns what it covers to the sockets, and back when it goes', async () => {
      open();
      tick();
      assert.deepEqual(ways(), [true, true]);
      const selector = ['src', net.own, 'dst', net.half, 'dir', 'out'];
      policy('add', ...selector, ...template);
      tick();
      assert.deepEqual(ways(), [false, true]);
      assert.equal(said.filter((text) => /IPsec/.test(text)).length, 1);
      await until(comesByTap);
      policy('delete', ...selector);
      tick();
      assert.deepEqual(ways(), [true, true]);
    });

    it('what a policy wants encrypted or refused on arrival is left to the stack', async () => {
      policy('add', 'src', net.half, 'dst', net.own, 'dir', 'in', 'action', 'block');
      open();
      tick();
      assert.deepEqual(ways(), [true, true]);
      assert.equal(await comesByTap(), false);
      policy('flush');
      tick();
      await until(comesByTap);
    });

    it('policies of other protocols, and those that let datagrams pass, change nothing', async () => {
      policy('add', 'src', net.own, 'dst', net.half, 'proto', 'tcp', 'dir', 'out', ...template);
      policy('add', 'src', net.own, 'dst', net.half, 'proto', 'udp', 'dir', 'out', 'action', 'allow');
      policy('add', 'src', net.half, 'dst', net.own, 'dir', 'fwd', 'action', 'block');
      open();
      tick();
      assert.deepEqual(ways(), [true, true]);
      await until(comesByTap);
    });
  });
}
