/** vxlane on one host, the kernel's vxlan device on the other. */
import assert from 'node:assert/strict';
import type { Host, Lab } from './support.js';
import { mac } from './support.js';

export interface KernelPair {
  readonly ours: Host;
  readonly kernels: Host;
}

export interface KernelPairOptions {
  /** Of the underlay. Default 4. */
  readonly family?: 4 | 6;
  /** Inner MTU at both ends. */
  readonly mtu: number;
  /** Further properties of the overlay. */
  readonly properties?: readonly string[];
  /** Further words for the kernel's device, see ip-link(8). */
  readonly device?: readonly string[];
  /** What arrives looks as if it had come over a wire. Default true; else as it is between namespaces. */
  readonly likeOnTheWire?: boolean;
  /**
   * Offloads of eth0 at both ends: as they are; without those that cut UDP and its tunnels, as many network cards; or
   * none, and then what leaves is as on a wire. Default `on`.
   */
  readonly nic?: keyof typeof NIC;
  /** Options of the daemon. */
  readonly daemon?: readonly string[];
}

const NIC = {
  on: [],
  // With `tx-udp-segmentation` alone the sockets would send (src/daemon/underlay/border.ts).
  'no tunnels': ['tx-udp_tnl-segmentation', 'tx-udp_tnl-csum-segmentation', 'tx-udp-segmentation'].flatMap((each) => [
    each,
    'off',
  ]),
  off: ['tx', 'off', 'tso', 'off', 'gso', 'off'],
} as const;
const UNDERLAY = {
  4: { ours: '10.88.88.1', kernels: '10.88.88.2', prefix: 24 },
  6: { ours: 'fd88::1', kernels: 'fd88::2', prefix: 64 },
} as const;
export const VNI = 42;

/** The inner addresses: VNIC v0 has the first ones, the kernel's vx0 the second. */
export const INNER = { ours: ['10.9.0.1', 'fd09::1'], kernels: ['10.9.0.2', 'fd09::2'] } as const;

export async function buildKernelPair(lab: Lab, options: KernelPairOptions): Promise<KernelPair> {
  const { ours: own, kernels: far, prefix } = UNDERLAY[options.family ?? 4];
  const { likeOnTheWire = true } = options;
  const ours = await lab.addHost('ours', { addresses: [`${own}/${prefix}`], likeOnTheWire });
  const kernels = await lab.addHost('kernels', { addresses: [`${far}/${prefix}`], likeOnTheWire });
  // Datagrams are joined before our socket has them (UDP_GRO), as behind a network card.
  if (likeOnTheWire) await ours.exec('ethtool', '-K', 'eth0', 'gro', 'on');
  for (const host of [ours, kernels]) {
    const words = NIC[options.nic ?? 'on'];
    if (words.length > 0) await host.exec('ethtool', '-K', 'eth0', ...words);
  }
  const tunnel = ['id', String(VNI), 'local', far, 'remote', own, 'dstport', '4789', ...(options.device ?? [])];
  await kernels.exec('ip', 'link', 'add', 'vx0', 'type', 'vxlan', ...tunnel);
  await ours.startDaemon(...(options.daemon ?? []));
  const given = ['vxlan/listen_ip', own, 'direct/dest_ip', far, 'mtu', String(options.mtu)];
  const pairs = [0, 2, 4].map((at) => `${given[at]}=${given[at + 1]}`);
  const properties = [...pairs, ...(options.properties ?? [])].flatMap((property) => ['-p', property]);
  await ours.vxlane('create-overlay', '-v', String(VNI), '-e', 'vxlan', '-s', 'direct', ...properties, 'ov0');
  await ours.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
  await kernels.exec('ip', 'link', 'set', 'vx0', 'mtu', String(options.mtu), 'up');
  await addInner(ours, 'v0', INNER.ours);
  await addInner(kernels, 'vx0', INNER.kernels);
  return { ours, kernels };
}

async function addInner(host: Host, device: string, [four, six]: readonly [string, string]): Promise<void> {
  await host.exec('ip', 'addr', 'add', `${four}/24`, 'dev', device);
  await host.exec('ip', 'addr', 'add', `${six}/64`, 'dev', device, 'nodad');
}

/** A VLAN device on both ends, with addresses of network 10.`id`.0.0. False: this kernel has no such devices. */
export async function addVlan({ ours, kernels }: KernelPair, id: number): Promise<boolean> {
  for (const [host, device, own] of [
    [ours, 'v0', 1],
    [kernels, 'vx0', 2],
  ] as const) {
    const words = ['link', 'add', 'tagged', 'link', device, 'type', 'vlan', 'id', String(id)];
    const { code, stderr } = await host.try(['ip', ...words]);
    if (code !== 0 && /Unknown device type/.test(stderr)) return false;
    assert.equal(code, 0, stderr);
    await host.exec('ip', 'link', 'set', 'tagged', 'up');
    await host.exec('ip', 'addr', 'add', `10.${id}.0.${own}/24`, 'dev', 'tagged');
  }
  return true;
}
