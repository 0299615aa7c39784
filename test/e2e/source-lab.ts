/** vxlane on one host; on two others a kernel's vxlan device that it is to know, and one that it is not. */
import { eventually, type Host, type Lab, mac } from './support.js';

export const VNI = 42;
const PORT = 4789;
/** Inner addresses of our VNIC, of the peer and of the stranger. */
export const INNER = ['10.9.0.1', '10.9.0.2', '10.9.0.9'] as const;
const PREFIX = { 4: 24, 6: 64 } as const;
export const UNDERLAY = {
  4: ['10.88.88.1', '10.88.88.2', '10.88.88.9'],
  6: ['fd88::1', 'fd88::2', 'fd88::9'],
} as const;

export interface SourceLab {
  readonly ours: Host;
  readonly peer: Host;
  readonly stranger: Host;
  /** Of the underlay, in that order. */
  readonly addresses: readonly [string, string, string];
}

/** Our VNIC v0 has MAC 1; the devices vx0 of the others have MACs 2 and 9, and need not be told where to send. */
export async function buildSourceLab(
  lab: Lab,
  family: 4 | 6,
  search: string,
  properties: readonly string[],
  daemon: readonly string[] = [],
): Promise<SourceLab> {
  const addresses = UNDERLAY[family];
  const add = (name: string, n: number) => lab.addHost(name, { addresses: [`${addresses[n]}/${PREFIX[family]}`] });
  const [ours, peer, stranger] = [await add('ours', 0), await add('peer', 1), await add('stranger', 2)];
  await addDevice(peer, addresses, 1, mac(2));
  await addDevice(stranger, addresses, 2, mac(9));
  await ours.startDaemon(...daemon);
  await createOverlay(ours, addresses[0], search, properties);
  await ours.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
  await quiet(ours, 'v0');
  await ours.exec('ip', 'addr', 'add', `${INNER[0]}/24`, 'dev', 'v0');
  await ours.exec('ip', 'neigh', 'replace', INNER[1], 'lladdr', mac(2), 'dev', 'v0', 'nud', 'permanent');
  await ours.exec('ip', 'neigh', 'replace', INNER[2], 'lladdr', mac(9), 'dev', 'v0', 'nud', 'permanent');
  return { ours, peer, stranger, addresses };
}

export async function createOverlay(ours: Host, listen: string, search: string, properties: readonly string[]) {
  const given = [`vxlan/listen_ip=${listen}`, ...properties].flatMap((property) => ['-p', property]);
  return ours.vxlane('create-overlay', '-v', String(VNI), '-e', 'vxlan', '-s', search, ...given, 'ov0');
}

async function addDevice(host: Host, addresses: readonly string[], n: 1 | 2, address: string): Promise<void> {
  const tunnel = ['id', String(VNI), 'local', addresses[n]!, 'remote', addresses[0]!, 'dstport', String(PORT)];
  await host.exec('ip', 'link', 'add', 'vx0', 'address', address, 'type', 'vxlan', ...tunnel);
  await quiet(host, 'vx0');
  await host.exec('ip', 'link', 'set', 'vx0', 'mtu', '1400', 'up');
  await host.exec('ip', 'addr', 'add', `${INNER[n]}/24`, 'dev', 'vx0');
  await host.exec('ip', 'neigh', 'replace', INNER[0], 'lladdr', mac(1), 'dev', 'vx0', 'nud', 'permanent');
}

/** Nothing leaves the interface by itself. */
async function quiet(host: Host, device: string): Promise<void> {
  await host.exec('sysctl', '-q', '-w', `net.ipv6.conf.${device}.disable_ipv6=1`);
}

/** Echo requests that our kernel has had. */
async function echoes(ours: Host): Promise<number> {
  const lines = (await ours.exec('cat', '/proc/net/snmp')).split('\n').filter((line) => line.startsWith('Icmp:'));
  const [names, values] = lines.map((line) => line.split(' ')) as [string[], string[]];
  return Number(values[names.indexOf('InEchos')]);
}

/** How many of three echo requests of `from` reach our VNIC, answered or not. */
export async function reaching({ ours }: SourceLab, from: Host): Promise<number> {
  const before = await echoes(ours);
  await from.try(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '0.3', INNER[0]]);
  return (await echoes(ours)) - before;
}

/** Waits until all that `from` sends comes through, or nothing does. */
export function untilReaching(lab: SourceLab, from: Host, count: 0 | 3): Promise<unknown> {
  return eventually(`${count} of 3 requests of ${from.name} come through`, async () => {
    return (await reaching(lab, from)) === count;
  });
}
