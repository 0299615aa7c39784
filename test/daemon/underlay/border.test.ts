/**
 * The border follows what becomes of the host's interfaces, addresses and routes: a real underlay TAP in a namespace
 * whose network interfaces the test holds. The datapath is a list of endpoints and of the routes they were given.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ipBytes } from '../../../src/address.js';
import type { DaemonLog } from '../../../src/daemon/log.js';
import { type Border, openBorder } from '../../../src/daemon/underlay/border.js';
import { Network } from '../../../src/daemon/underlay/network.js';
import type { EndpointIndex, Route, SocketIndex } from '../../../src/datapath/types.js';
import { attachTcxIngress, loadTcxProgram } from '../../../src/system/bpf/bpf.js';
import { assemble, exit, R0, set } from '../../../src/system/bpf/instructions.js';
import { withNetns } from '../../../src/system/netns.js';
import { closeFd } from '../../../src/system/syscalls.js';
import { openTap, type Tap } from '../../../src/system/tap.js';
import { probeUnderlayTap } from '../../../src/system/underlay-tap.js';
import { TestNetns } from '../../support/netns.js';
import { needsRoot } from '../../support/root.js';
import { buildFrame, concat } from '../../support/super-frames.js';
import { PLAIN_TAP } from '../../support/tap.js';
import { tcxPrograms } from '../../support/tcx.js';
import { until } from '../../support/until.js';
import { Frames, flow, macBytes, PAYLOAD, PORT, TUNNEL_VNET, VNET } from '../../system/underlay-host.js';
import { type Interned, RouteList } from './route-list.js';

const SOCKET: SocketIndex = 3;
const ENDPOINT: EndpointIndex = 7;
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;
/** Of nic0 and nic1, of the peer on their links, and of a peer behind it. */
const NETS = {
  4: { own: ['192.0.2.1', '198.51.100.1'], hops: ['192.0.2.9', '198.51.100.9'], far: '203.0.113.1', bits: 24 },
  6: { own: ['fd00::1', 'fd01::1'], hops: ['fd00::9', 'fd01::9'], far: 'fd99::1', bits: 64 },
} as const;

/** More than the border waits between two rounds. */
const A_ROUND_MS = 70_000;
/** In which a datagram that the program takes comes, on a machine that is not busy. */
const A_MOMENT_MS = 50;

const probe = probeUnderlayTap();
const skip = needsRoot() || (probe.ok ? false : probe.reason);

for (const family of [4, 6] as const) {
  describe(`the underlay border, IPv${family}`, { skip }, () => {
    const net = NETS[family];
    let netns: TestNetns;
    let nics: Tap[];
    let datapath: RouteList;
    let network: Network;
    let border: Border;
    let warnings: string[];
    let nowMs: number;

    const inside = <T>(action: () => T): T => withNetns(netns.name, action);
    const ip = (...words: string[]) => netns.exec('ip', `-${family}`, ...words);
    const ifindex = (name: string): number => netns.link(name).ifindex;
    const tick = (ms = 100) => {
      nowMs += ms;
      inside(() => network.follow());
      inside(() => border.tick(nowMs));
    };
    const addAddress = (nic: number, address: string = net.own[nic]!) =>
      ip('addr', 'add', `${address}/${net.bits}`, 'dev', `nic${nic}`);
    const route = (): Route | null | undefined => datapath.routes.get(ENDPOINT);
    const addNic = (n: number) => {
      const offload = { ...PLAIN_TAP, name: `nic${n}`, mac: MACS[n]!, mtu: 1500, netns: netns.name, persist: false };
      nics[n] = openTap(offload);
    };
    /** An endpoint that the datapath has just got to know. */
    const meet = (ipTo: string) => {
      const endpoint: Interned = [ENDPOINT, { ip: ipTo, port: PORT }, SOCKET];
      datapath.known.push(endpoint);
      datapath.new.push(endpoint);
      tick();
    };
    /** Sends a datagram by an interface; answers the TAP, to which it may come. */
    const sendTo = (nic: number, to: string): Frames => {
      const tap = new Frames(datapath.tap!.fds[0]!, TUNNEL_VNET);
      while (tap.read() !== null);
      const macs = concat(macBytes(MACS[nic]!), macBytes('02:00:00:00:00:99'));
      const addresses = concat(ipBytes(net.hops[nic]!), ipBytes(to));
      new Frames(nics[nic]!.fd, VNET).write(buildFrame(flow(family, { macs, addresses }), PAYLOAD));
      return tap;
    };
    const leavesBy = (index: number | undefined) =>
      until(() => {
        tick(); // an interface that has just come up has its addresses a little later
        return route()?.ifindex === index;
      });
    const comesByTap = async (nic: number, to: string) => {
      await until(() => {
        tick();
        return sendTo(nic, to).read() !== null;
      });
    };
    const goesOnToTheStack = async (nic: number, to: string) => {
      const tap = sendTo(nic, to);
      await sleep(A_MOMENT_MS);
      assert.equal(tap.read(), null);
    };

    beforeEach(() => {
      netns = new TestNetns();
      netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1', 'net.ipv6.conf.default.accept_dad=0');
      nics = [];
      addNic(0);
      addNic(1);
      datapath = new RouteList();
      warnings = [];
      nowMs = 0;
      const log = { info() {}, warn: (text: string) => warnings.push(text) } as unknown as DaemonLog;
      network = inside(() => new Network());
      border = inside(() => openBorder('tap', datapath, network, log));
    });
    afterEach(() => {
      border.close();
      network.close();
      for (const nic of nics) nic.close();
      netns.delete();
    });

    it('sends by another interface when a route fails over, and back', async () => {
      addAddress(0);
      addAddress(1);
      ip('route', 'add', net.far, 'via', net.hops[0], 'metric', '10');
      ip('route', 'add', net.far, 'via', net.hops[1], 'metric', '20');
      inside(() => border.listen(SOCKET, { ip: family === 4 ? '0.0.0.0' : '::', port: PORT }));
      meet(net.far);
      assert.deepEqual(route(), { ifindex: ifindex('nic0'), source: net.own[0], mtu: 1500 });
      ip('route', 'del', net.far, 'via', net.hops[0], 'metric', '10');
      tick();
      assert.deepEqual(route(), { ifindex: ifindex('nic1'), source: net.own[1], mtu: 1500 });
      netns.exec('ip', 'link', 'set', 'nic1', 'down');
      tick();
      assert.equal(route(), null, 'the sockets say what is wrong');
      netns.exec('ip', 'link', 'set', 'nic1', 'up');
      addAddress(0, family === 4 ? '192.0.2.5' : 'fd00::5');
      ip('route', 'replace', net.far, 'via', net.hops[0], 'metric', '10');
      tick();
      await leavesBy(ifindex('nic0'));
      assert.deepEqual(warnings, []);
    });

    it('takes for a wildcard every address that this host has now, also of an interface that comes up', async () => {
      addAddress(0);
      inside(() => border.listen(SOCKET, { ip: family === 4 ? '0.0.0.0' : '::', port: PORT }));
      await comesByTap(0, net.own[0]);
      netns.exec('ip', 'link', 'set', 'nic1', 'down');
      addAddress(1);
      tick();
      netns.exec('ip', 'link', 'set', 'nic1', 'up');
      if (family === 6) ip('addr', 'replace', `${net.own[1]}/${net.bits}`, 'dev', 'nic1', 'nodad');
      tick();
      await comesByTap(1, net.own[1]);
      ip('addr', 'del', `${net.own[0]}/${net.bits}`, 'dev', 'nic0');
      tick();
      await goesOnToTheStack(0, net.own[0]);
      inside(() => border.unlisten(SOCKET));
      await goesOnToTheStack(1, net.own[1]);
    });

    it('follows a listen address that moves to another interface, goes, and comes back', async () => {
      addAddress(0);
      addAddress(1, family === 4 ? '198.51.100.5' : 'fd01::5');
      const [own] = net.own;
      inside(() => border.listen(SOCKET, { ip: own, port: PORT }));
      meet(net.hops[0]);
      assert.deepEqual(route(), { ifindex: ifindex('nic0'), source: own, mtu: 1500 });
      ip('addr', 'del', `${own}/${net.bits}`, 'dev', 'nic0');
      tick();
      assert.equal(route(), null);
      // It may be the address of another host by now, and we its router.
      await goesOnToTheStack(0, own);
      addAddress(1, own);
      tick();
      await leavesBy(ifindex('nic1'));
      await comesByTap(1, own);
      ip('addr', 'del', `${own}/${net.bits}`, 'dev', 'nic1');
      tick();
      addAddress(0, own);
      tick();
      assert.deepEqual(route(), { ifindex: ifindex('nic0'), source: own, mtu: 1500 });
      await comesByTap(0, own);
    });

    it('goes on when an interface is renamed, and when it is deleted and made again', async () => {
      addAddress(0);
      inside(() => border.listen(SOCKET, { ip: net.own[0], port: PORT }));
      meet(net.hops[0]);
      const before = ifindex('nic0');
      for (const words of [['down'], ['name', 'lan0'], ['up']]) {
        netns.exec('ip', 'link', 'set', words.includes('up') ? 'lan0' : 'nic0', ...words);
      }
      if (family === 6) ip('addr', 'replace', `${net.own[0]}/64`, 'dev', 'lan0', 'nodad');
      tick();
      await leavesBy(before);
      await comesByTap(0, net.own[0]);
      netns.exec('ip', 'link', 'delete', 'lan0');
      nics[0]!.close();
      tick();
      assert.equal(route(), null);
      addNic(0);
      addAddress(0);
      tick();
      assert.notEqual(ifindex('nic0'), before);
      await leavesBy(ifindex('nic0'));
      await comesByTap(0, net.own[0]);
      assert.deepEqual([border.kind, warnings], ['tap', []]);
    });

    it('keeps to the smaller MTU of route and interface, whichever shrinks while it runs', () => {
      addAddress(0);
      inside(() => border.listen(SOCKET, { ip: net.own[0], port: PORT }));
      ip('route', 'add', net.far, 'via', net.hops[0], 'mtu', '1450');
      meet(net.far);
      assert.equal(route()?.mtu, 1450);
      netns.exec('ip', 'link', 'set', 'nic0', 'mtu', '1400');
      tick();
      assert.equal(route()?.mtu, 1400);
      netns.exec('ip', 'link', 'set', 'nic0', 'mtu', '1500');
      ip('route', 'replace', net.far, 'via', net.hops[0], 'mtu', '1300');
      tick();
      assert.equal(route()?.mtu, 1300);
    });

    it('leaves to the sockets what no Ethernet interface leads to, and multicast groups', async () => {
      addAddress(0);
      inside(() => border.listen(SOCKET, { ip: net.own[0], port: PORT }));
      meet(net.own[0]);
      await leavesBy(undefined); // the route to an IPv6 address of this host comes a little later than the address
      meet(family === 4 ? '239.1.1.1' : 'ff05::1');
      assert.equal(route(), null);
      netns.exec('ip', 'tuntap', 'add', 'tun0', 'mode', 'tun');
      netns.exec('ip', 'link', 'set', 'tun0', 'up');
      ip('route', 'add', net.far, 'dev', 'tun0');
      meet(net.far);
      assert.equal(route(), null);
    });

    it('says once that an interface takes no program, and tries again when the interface changes', async () => {
      const fds: number[] = [];
      const nic0 = ifindex('nic0');
      const fill = () => {
        for (;;) {
          const program = loadTcxProgram('next', assemble([set(R0, -1), exit()]));
          fds.push(program);
          fds.push(inside(() => attachTcxIngress(program, nic0)));
        }
      };
      assert.throws(fill, /attach/);
      addAddress(0);
      inside(() => border.listen(SOCKET, { ip: net.own[0], port: PORT }));
      meet(net.hops[0]);
      tick(A_ROUND_MS);
      tick(A_ROUND_MS);
      assert.equal(route(), null);
      assert.equal(warnings.length, 1, `${warnings}`);
      for (const fd of fds) closeFd(fd);
      netns.exec('ip', 'link', 'set', 'nic0', 'mtu', '1400');
      tick();
      await leavesBy(ifindex('nic0'));
      await comesByTap(0, net.own[0]);
    });

    it('looks at everything anew when more has happened than the kernel kept', async () => {
      addAddress(0);
      inside(() => border.listen(SOCKET, { ip: family === 4 ? '0.0.0.0' : '::', port: PORT }));
      tick();
      const many = Array.from({ length: 2000 }, (_, n) => (family === 4 ? `10.1.${n >> 8}.${n & 255}` : `fd77::${n}`));
      const routes = many.map((address) => `route add blackhole ${address}\n`).join('');
      netns.exec('sh', '-c', `echo '${routes}' | ip -batch -`);
      addAddress(1);
      tick();
      await comesByTap(1, net.own[1]);
    });

    it('gives the TAP up when it is gone, and leaves no program anywhere', async () => {
      addAddress(0);
      inside(() => border.listen(SOCKET, { ip: net.own[0], port: PORT }));
      meet(net.hops[0]);
      assert.equal(
        inside(() => tcxPrograms(ifindex('nic0'))),
        1,
      );
      datapath.onUnderlayTapGone();
      assert.equal(border.kind, 'socket');
      assert.equal(border.reason, 'its interface was deleted');
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(
        inside(() => tcxPrograms(ifindex('nic0'))),
        0,
      );
      assert.equal(datapath.tap, null);
      tick(A_ROUND_MS);
    });
  });
}
