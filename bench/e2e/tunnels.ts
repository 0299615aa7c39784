/**
 * Two hosts on one veth cable, and two tunnels between them that stand side by side for the whole run, so that the
 * contenders alternate without anything being set up in between:
 *
 *      host left                            host right
 *   vx0 10.50.0.1  kernel's vxlan device   vx0 10.50.0.2      MTU 1450
 *   tap0 10.51.0.1 vxlane, plugin direct   tap0 10.51.0.2     MTU 1450
 *   eth0 10.9.0.1 ─────────── veth ─────── eth0 10.9.0.2      MTU 1500
 */
import type { Host } from '../../src/demo/host.js';
import { Lab } from '../../src/demo/lab.js';

export interface Tunnel {
  readonly name: 'kernel' | 'vxlane';
  /** The inner interface, named the same on both hosts. */
  readonly device: string;
  /** Inner address of the right host. */
  readonly right: string;
}

export interface Ground {
  readonly lab: Lab;
  readonly left: Host;
  readonly right: Host;
  readonly tunnels: readonly [kernel: Tunnel, vxlane: Tunnel];
}

const MTU = '1450';
const UNDERLAY_MTU = '1500';
const KERNEL_PORT = '8472';
const VNI = '42';
const UNDERLAY = ['10.9.0.1', '10.9.0.2'] as const;

/** Builds it all; `daemonArgs` go to both `vxlane daemon` command lines. */
export async function buildTunnels(daemonArgs: readonly string[]): Promise<Ground> {
  const lab = await Lab.create();
  try {
    const left = await lab.addMachine('left');
    const right = await lab.addMachine('right');
    await layCable(lab, left, right);
    await Promise.all([addKernelTunnel(left, 0), addKernelTunnel(right, 1)]);
    await Promise.all([addVxlane(left, 0, daemonArgs), addVxlane(right, 1, daemonArgs)]);
    const kernel: Tunnel = { name: 'kernel', device: 'vx0', right: '10.50.0.2' };
    const vxlane: Tunnel = { name: 'vxlane', device: 'tap0', right: '10.51.0.2' };
    for (const tunnel of [kernel, vxlane]) await left.exec('ping', '-n', '-q', '-c', '3', '-i', '0.2', tunnel.right);
    return { lab, left, right, tunnels: [kernel, vxlane] };
  } catch (error) {
    process.stderr.write(lab.logs());
    await lab.close();
    throw error;
  }
}

async function layCable(lab: Lab, left: Host, right: Host): Promise<void> {
  const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'mtu', UNDERLAY_MTU, 'netns', right.netns];
  await lab.ip('link', 'add', 'eth0', 'mtu', UNDERLAY_MTU, 'netns', left.netns, ...peer);
  for (const [index, host] of [left, right].entries()) {
    await host.exec('ip', 'addr', 'add', `${UNDERLAY[index]}/24`, 'dev', 'eth0');
    await host.exec('ip', 'link', 'set', 'eth0', 'up');
  }
}

async function addKernelTunnel(host: Host, side: 0 | 1): Promise<void> {
  const ends = ['local', UNDERLAY[side], 'remote', UNDERLAY[1 - side]!, 'dev', 'eth0'];
  await host.exec('ip', 'link', 'add', 'vx0', 'type', 'vxlan', 'id', VNI, ...ends, 'dstport', KERNEL_PORT);
  await host.exec('ip', 'link', 'set', 'vx0', 'mtu', MTU, 'up');
  await host.exec('ip', 'addr', 'add', `10.50.0.${side + 1}/24`, 'dev', 'vx0');
}

async function addVxlane(host: Host, side: 0 | 1, daemonArgs: readonly string[]): Promise<void> {
  await host.startDaemon(...daemonArgs);
  const properties = { 'vxlan/listen_ip': UNDERLAY[side], 'direct/dest_ip': UNDERLAY[1 - side], mtu: MTU };
  const flags = Object.entries(properties).flatMap(([name, value]) => ['-p', `${name}=${value}`]);
  await host.vxlane('create-overlay', '-v', VNI, '-e', 'vxlan', '-s', 'direct', ...flags, 'bench0');
  await host.vxlane('create-vnic', '-m', `02:be:0c:00:00:0${side + 1}`, '-l', 'bench0', '-n', host.netns, 'tap0');
  await host.exec('ip', 'addr', 'add', `10.51.0.${side + 1}/24`, 'dev', 'tap0');
}
