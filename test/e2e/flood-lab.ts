/** vxlane with the `flood` plugin on one host, the kernel's vxlan devices on others: nobody is told where a MAC is. */
import assert from 'node:assert/strict';
import type { Capture } from './capture.js';
import { eventually, type Host, type Lab, mac } from './support.js';

export const VNI = 42;
export const PORT = '4789';

const UNDERLAY = {
  4: { addresses: ['10.88.88.1', '10.88.88.2', '10.88.88.3'], prefix: 24 },
  6: { addresses: ['fd88::1', 'fd88::2', 'fd88::3'], prefix: 64 },
} as const;

/** Inner addresses of our VNIC, and of the kernels' devices. */
export const INNER = ['10.9.0.1', '10.9.0.2', '10.9.0.3'] as const;

export interface FloodLab {
  readonly ours: Host;
  /** Their devices are vx0, with MACs 2 and 3. */
  readonly kernels: readonly [Host, Host];
  /** Underlay addresses of the three, ours first. */
  readonly addresses: readonly [string, string, string];
}

export interface FloodLabOptions {
  readonly family?: 4 | 6;
  /** All of them flood to this group; without it each has a list of the others, and we of all three. */
  readonly group?: string;
  /** Of the plugin. */
  readonly properties?: readonly string[];
}

/** Our VNIC v0 has MAC 1. */
export async function buildFloodLab(lab: Lab, options: FloodLabOptions = {}): Promise<FloodLab> {
  const { addresses, prefix } = UNDERLAY[options.family ?? 4];
  const cable = (address: string) => ({ addresses: [`${address}/${prefix}`] });
  const ours = await lab.addHost('ours', cable(addresses[0]));
  const first = await lab.addHost('first', cable(addresses[1]));
  const second = await lab.addHost('second', cable(addresses[2]));
  const kernels = [first, second] as const;
  await addKernelDevice(first, 1, addresses, options.group);
  await addKernelDevice(second, 2, addresses, options.group);
  await ours.startDaemon();
  const flood = options.group === undefined ? `flood/endpoints=${addresses.join(',')}` : `flood/group=${options.group}`;
  const properties = [`vxlan/listen_ip=${addresses[0]}`, flood, ...(options.properties ?? [])];
  const given = properties.flatMap((property) => ['-p', property]);
  await ours.vxlane('create-overlay', '-v', String(VNI), '-e', 'vxlan', '-s', 'flood', ...given, 'ov0');
  await ours.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
  await quiet(ours, 'v0');
  await ours.exec('ip', 'addr', 'add', `${INNER[0]}/24`, 'dev', 'v0');
  return { ours, kernels, addresses };
}

/** `index`: of its addresses, and, plus one, of its MAC. */
export async function addKernelDevice(
  host: Host,
  index: 1 | 2,
  addresses: readonly string[],
  group?: string,
  address: string = mac(index + 1),
): Promise<void> {
  const own = addresses[index] as string;
  const where = group === undefined ? [] : ['group', group, 'dev', 'eth0'];
  const tunnel = ['id', String(VNI), 'local', own, 'dstport', PORT, ...where];
  await host.exec('ip', 'link', 'add', 'vx0', 'address', address, 'type', 'vxlan', ...tunnel);
  await quiet(host, 'vx0');
  await host.exec('ip', 'link', 'set', 'vx0', 'mtu', '1400', 'up');
  const others = group === undefined ? addresses.filter((other) => other !== own) : [];
  for (const other of others) {
    await host.exec('bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'vx0', 'dst', other);
  }
  await host.exec('ip', 'addr', 'add', `${INNER[index]}/24`, 'dev', 'vx0');
}

/** Nothing leaves the interface by itself: no router solicitations, no duplicate address detection. */
async function quiet(host: Host, device: string): Promise<void> {
  await host.exec('sysctl', '-q', '-w', `net.ipv6.conf.${device}.disable_ipv6=1`);
}

export interface TargetRow {
  readonly mac: string;
  readonly destination: string;
  readonly source: string;
  /** Since it was said or learned. */
  readonly ageSeconds: number;
}

/** What `show-overlay -t` says of a MAC, or null. */
export async function targetOf(ours: Host, address: string): Promise<TargetRow | null> {
  const shown = await ours.vxlaneJson<(TargetRow | { targets: TargetRow[] })[]>('show-overlay', '-t', 'ov0');
  const rows = shown.flatMap((each) => ('targets' in each ? each.targets : [each]));
  return rows.find((row) => row.mac === address) ?? null;
}

/** Waits until a MAC is known to be behind a VTEP, by learning. */
export function learnedAt(ours: Host, address: string, vtep: string): Promise<TargetRow> {
  const destination = vtep.includes(':') ? `[${vtep}]:${PORT}` : `${vtep}:${PORT}`;
  return eventually(`${address} is learned at ${vtep}`, async () => {
    const row = await targetOf(ours, address);
    return row?.destination === destination && row.source === 'learned' ? row : null;
  });
}

/** `N` echo requests for `address` in a capture that has ended. */
export async function echoesIn(capture: Capture, address: string): Promise<number> {
  return (await capture.stop(['frame.number'], `icmp.type == 8 && ip.dst == ${address}`)).length;
}

/** Sends one echo request a time and asks nothing of the answer. */
export async function call(from: Host, address: string, ...extra: string[]): Promise<void> {
  const outcome = await from.try(['ping', '-n', '-c', '1', '-W', '1', ...extra, address]);
  assert.ok(outcome.code === 0 || outcome.code === 1, outcome.stderr);
}
