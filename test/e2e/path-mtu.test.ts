/**
 * A link of the underlay that takes less than the interfaces of both hosts, as in the kernel's pmtu.sh: two routers,
 * a link of 1400 bytes between them, VXLAN over IPv4 and over IPv6, machines at the VNIC itself and behind a bridge.
 */
import assert from 'node:assert/strict';
import { buildRouted as build, type Family, NETS, PATH } from './routed-lab.js';
import {
  drops,
  eventually,
  type Host,
  type LabTest,
  labTest,
  mac,
  pingAll,
  readStats,
  untilUsable,
} from './support.js';
import { streamBothWays } from './traffic.js';
import '../support/each-engine.js';

interface Route {
  readonly metrics?: readonly { mtu?: number }[];
}

/** Bytes of IP that the kernel of a host sends to an address now, if it has learned of a limit. */
async function learned(host: Host, address: string): Promise<number | undefined> {
  const [route] = await host.json<Route[]>('ip', '-j', 'route', 'get', address);
  return route?.metrics?.[0]?.mtu;
}

async function pathMtu(host: Host, endpoint: string): Promise<number | null | undefined> {
  const { endpoints } = await readStats(host);
  return endpoints.find((each) => each.endpoint === endpoint)?.pathMtu;
}

/** An overlay on both, with the inner addresses 10.9.0.N and fd09::N at v0. */
async function overlay([one, two]: readonly [Host, Host], family: Family, underlay: string): Promise<void> {
  const { one: a, two: b } = NETS[family];
  for (const [n, host, own, peer] of [
    [1, one, a, b],
    [2, two, b, a],
  ] as const) {
    await host.startDaemon('--underlay', underlay);
    const listen = ['-p', `vxlan/listen_ip=${own}`, '-p', `flood/endpoints=${peer}`];
    await host.vxlane('create-overlay', '-v', '7', '-e', 'vxlan', '-s', 'flood', ...listen, 'ov0');
    await host.vxlane('create-vnic', '-m', mac(n), '-l', 'ov0', ...(n === 1 ? ['--allow-any-mac'] : []), 'v0');
    await host.exec('ip', 'addr', 'add', `10.9.0.${n}/24`, 'dev', 'v0');
    await host.exec('ip', 'addr', 'add', `fd09::${n}/64`, 'dev', 'v0', 'nodad');
  }
  await pingAll(one, '10.9.0.2');
  await pingAll(one, 'fd09::2');
}

const overhead = (family: Family) => (family === 4 ? 50 : 70);
const endpointOf = (family: Family) => (family === 4 ? '10.99.99.2:4789' : '[fd99::2]:4789');

async function tcpGoesOn({ lab, step }: LabTest, family: Family, underlay: string): Promise<void> {
  const hosts = await build(lab, family);
  const [one, two] = hosts;
  await overlay(hosts, family, underlay);
  const inner = PATH - overhead(family);

  await step('TCP learns what the link takes, IPv4 and IPv6 inside', async () => {
    for (const address of ['10.9.0.2', 'fd09::2']) {
      assert.equal(await learned(one, address), undefined);
      await streamBothWays(one, two, address);
      assert.equal(await learned(one, address), inner, address);
    }
    assert.equal(await pathMtu(one, endpointOf(family)), PATH);
    assert.ok((await drops(one, 'exceeds_pmtu')) > 0);
    const [health] = await one.vxlaneJson<{ status: string }[]>('show-overlay', '-f', 'ov0');
    assert.equal(health?.status, 'ONLINE');
  });

  await step('a machine behind a bridge learns it as well', async () => {
    const guest = await lab.addMachine('guest');
    await lab.ip('-n', one.netns, 'link', 'add', 'gp', 'type', 'veth', 'peer', 'name', 'g0', 'netns', guest.netns);
    await one.exec('ip', 'link', 'add', 'br0', 'type', 'bridge');
    for (const port of ['v0', 'gp']) await one.exec('ip', 'link', 'set', port, 'master', 'br0', 'up');
    await one.exec('ip', 'link', 'set', 'br0', 'up');
    await guest.exec('ip', 'link', 'set', 'g0', 'up', 'mtu', String(1500 - overhead(family)));
    await guest.exec('ip', 'addr', 'add', '10.9.0.3/24', 'dev', 'g0');
    await guest.exec('ip', 'addr', 'add', 'fd09::3/64', 'dev', 'g0', 'nodad');
    await untilUsable(guest, 'g0');
    for (const address of ['10.9.0.2', 'fd09::2']) {
      await pingAll(guest, address);
      await streamBothWays(guest, two, address);
      assert.equal(await learned(guest, address), inner, address);
    }
  });

  await step('it is forgotten when the kernel forgets it', async () => {
    await one.exec('ip', `-${family}`, 'route', 'flush', 'cache');
    await eventually('the path takes all again', async () => (await pathMtu(one, endpointOf(family))) === null);
  });
}

labTest('a smaller link in the path, IPv4', (context) => tcpGoesOn(context, 4, 'auto'));
labTest('a smaller link in the path, IPv6 by sockets alone', (context) => tcpGoesOn(context, 6, 'socket'));
