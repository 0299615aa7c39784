/** The tests of DF: the kernel's vxlan device behind a router whose link to it takes less than ours. */
import assert from 'node:assert/strict';
import { ENGINE } from '../support/engine.js';
import { Capture } from './capture.js';
import { eventually, type Host, type Lab, mac, pingAll, readStats } from './support.js';

export const NETS = {
  4: { ours: '10.88.88.1', router: ['10.88.88.254', '10.99.99.254'], kernels: '10.99.99.2', net: '10.99.99.0/24' },
  6: { ours: 'fd88::1', router: ['fd88::254', 'fd99::254'], kernels: 'fd99::2', net: 'fd99::/64' },
} as const;
type Family = keyof typeof NETS;
const VNI = '42';
/** Bytes that the link between the router and the kernel's host takes. */
export const LINK = 1400;
export const INNER = ['10.9.0.2', 'fd09::2'] as const;
/** Of ping: a packet that fits the link inside a datagram, and one that does not. */
export const SMALL = ['-s', '100'];
export const LARGE = ['-s', '1372'];
const ANY_FRAGMENT = { 4: 'ip[6:2] & 0x3fff != 0', 6: 'ip6[6] == 44' } as const;

export interface Hosts {
  readonly ours: Host;
  readonly router: Host;
  readonly kernels: Host;
  readonly family: Family;
}

export async function build(lab: Lab, family: Family, underlay: string): Promise<Hosts> {
  const { ours: own, router: via, kernels: far } = NETS[family];
  const bits = family === 4 ? 24 : 64;
  const ours = await lab.addHost('ours', { addresses: [`${own}/${bits}`] });
  const router = await lab.addHost('router', { addresses: [`${via[0]}/${bits}`] });
  const kernels = await lab.addMachine('kernels');
  await lab.ip(
    '-n',
    router.netns,
    'link',
    'add',
    'far',
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    kernels.netns,
  );
  for (const [host, device, address] of [
    [router, 'far', via[1]],
    [kernels, 'eth0', far],
  ] as const) {
    await host.exec('ip', 'link', 'set', device, 'up', 'mtu', String(LINK));
    const nodad = family === 6 ? ['nodad'] : [];
    await host.exec('ip', 'addr', 'add', `${address}/${bits}`, 'dev', device, ...nodad);
  }
  await router.exec('sysctl', '-qw', family === 4 ? 'net.ipv4.ip_forward=1' : 'net.ipv6.conf.all.forwarding=1');
  await ours.exec('ip', `-${family}`, 'route', 'add', 'default', 'via', via[0]);
  await kernels.exec('ip', `-${family}`, 'route', 'add', 'default', 'via', via[1]);

  await kernels.exec(
    'ip',
    'link',
    'add',
    'vx0',
    'type',
    'vxlan',
    'id',
    VNI,
    'local',
    far,
    'remote',
    own,
    'dstport',
    '4789',
  );
  await kernels.exec('ip', 'link', 'set', 'vx0', 'up', 'mtu', String(family === 4 ? 1450 : 1430));
  await ours.startDaemon('--underlay', underlay);
  const properties = ['-p', `vxlan/listen_ip=${own}`, '-p', `direct/dest_ip=${far}`];
  await ours.vxlane('create-overlay', '-v', VNI, '-e', 'vxlan', '-s', 'direct', ...properties, 'ov0');
  await ours.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
  for (const [host, device, n] of [
    [ours, 'v0', 1],
    [kernels, 'vx0', 2],
  ] as const) {
    await host.exec('ip', 'addr', 'add', `10.9.0.${n}/24`, 'dev', device);
    await host.exec('ip', 'addr', 'add', `fd09::${n}/64`, 'dev', device, 'nodad');
  }
  for (const address of INNER) await pingAll(ours, address, ...SMALL);
  // So long a packet makes the kernel tell itself what its link takes inside: so its answers fit from the first on.
  await kernels.try(['ping', '-n', '-c', '1', '-W', '1', ...LARGE, 'fd09::1']);
  return { ours, router, kernels, family };
}

export const setDf = ({ ours }: Hosts, df: string) => ours.vxlane('modify-overlay', '-p', `vxlan/df=${df}`, 'ov0');

/** Nothing is known of paths any more, outside and inside; but the kernel's host goes on to know of IPv6 inside. */
export async function forget({ ours, kernels }: Hosts): Promise<void> {
  for (const each of ['-4', '-6']) await ours.exec('ip', each, 'route', 'flush', 'cache');
  await kernels.exec('ip', '-4', 'route', 'flush', 'cache');
  await eventually('the path takes all again', async () => (await pathMtu(ours)) === null);
}

export async function pathMtu(ours: Host): Promise<number | null | undefined> {
  return (await readStats(ours)).endpoints[0]?.pathMtu;
}

/** The MTU that the kernel of our host has learned of an inner address. */
export async function learned({ ours }: Hosts, address: string): Promise<number | undefined> {
  const [route] = await ours.json<{ metrics?: { mtu?: number }[] }[]>('ip', '-j', 'route', 'get', address);
  return route?.metrics?.[0]?.mtu;
}

/** So many fragments leave our host, and the router for the kernel's, while something is done. */
export async function cut(
  { ours, router, family }: Hosts,
  [here, there]: [number, number],
  action: () => Promise<void>,
) {
  const captures = [
    { expected: here, capture: await Capture.start(ours, 'eth0', ANY_FRAGMENT[family], 'out') },
    { expected: there, capture: await Capture.start(router, 'far', ANY_FRAGMENT[family], 'out') },
  ];
  await action();
  for (const { expected, capture } of captures) {
    await eventually('the fragments', async () => (await capture.dissect(['frame.len'])).length >= expected);
    assert.equal((await capture.stop(['frame.len'])).length, expected);
  }
}

/** What DF is outside, of the datagrams that leave with this inside. */
export async function dfOf({ ours }: Hosts, inside: string, action: () => Promise<void>): Promise<Set<boolean>> {
  const capture = await Capture.start(ours, 'eth0', 'udp dst port 4789', 'out');
  await action();
  const packets = await capture.stop(['ip.flags.df'], inside);
  assert.ok(packets.length > 0, inside);
  return new Set(packets.map((packet) => ['1', 'True'].includes(packet['ip.flags.df']![0]!)));
}

/** With mmsg the sockets alone: datagrams for both borders are made by the same code as with io_uring. */
export const UNDERLAYS: readonly string[] = ENGINE === 'uring' ? ['auto', 'socket'] : ['socket'];
