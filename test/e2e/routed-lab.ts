/** Two hosts with interfaces of 1500 bytes, two routers, and a link of 1400 bytes between those. */
import type { Host, Lab } from './support.js';

export const NETS = {
  4: {
    one: '10.88.88.1',
    r1: '10.88.88.254',
    mid: ['10.77.77.1', '10.77.77.2'],
    r2: '10.99.99.254',
    two: '10.99.99.2',
  },
  6: { one: 'fd88::1', r1: 'fd88::254', mid: ['fd77::1', 'fd77::2'], r2: 'fd99::254', two: 'fd99::2' },
} as const;
export type Family = keyof typeof NETS;
/** Bytes of an IP packet that the link between the routers takes. */
export const PATH = 1400;

/** `one` and `two`, with routers between. */
export async function buildRouted(lab: Lab, family: Family): Promise<readonly [Host, Host]> {
  const { one: a, r1: viaA, mid, r2: viaB, two: b } = NETS[family];
  const bits = family === 4 ? 24 : 64;
  const [one, r1] = [
    await lab.addHost('one', { addresses: [`${a}/${bits}`] }),
    await lab.addHost('r1', { addresses: [`${viaA}/${bits}`] }),
  ];
  const [r2, two] = [await lab.addMachine('r2'), await lab.addMachine('two')];
  await lab.ip('-n', r1.netns, 'link', 'add', 'mid', 'type', 'veth', 'peer', 'name', 'mid', 'netns', r2.netns);
  await lab.ip('-n', r2.netns, 'link', 'add', 'far', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', two.netns);
  const join = async (host: Host, device: string, address: string, mtu = 1500) => {
    await host.exec('ip', 'link', 'set', device, 'up', 'mtu', String(mtu));
    const nodad = family === 6 ? ['nodad'] : [];
    await host.exec('ip', 'addr', 'add', `${address}/${bits}`, 'dev', device, ...nodad);
  };
  await join(r1, 'mid', mid[0], PATH);
  await join(r2, 'mid', mid[1], PATH);
  await join(r2, 'far', viaB);
  await join(two, 'eth0', b);
  const forwarding = family === 4 ? 'net.ipv4.ip_forward=1' : 'net.ipv6.conf.all.forwarding=1';
  for (const router of [r1, r2]) await router.exec('sysctl', '-qw', forwarding);
  for (const [host, via] of [
    [one, viaA],
    [two, viaB],
    [r1, mid[1]],
    [r2, mid[0]],
  ] as const) {
    await host.exec('ip', `-${family}`, 'route', 'add', 'default', 'via', via);
  }
  return [one, two];
}
