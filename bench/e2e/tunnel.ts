/** What all contenders have in common. */
import type { Host } from '../../src/demo/host.js';
import type { Lab } from '../../src/demo/lab.js';

/** A way from the left host to the right one. */
export interface Tunnel {
  /** Inner address of the right host. */
  readonly right: string;
  /** Processes that carry the frames, of both hosts; none for the kernel's own tunnel. */
  readonly daemons: readonly number[];
}

export interface Contender extends Tunnel {
  readonly name: string;
  readonly kind: 'kernel' | 'vxlane' | 'ovs' | 'native';
  /** The same with `--busy-poll`, where there is such a thing and a row asks for it. */
  readonly busy: Tunnel | null;
}

/** Two hosts that see each other, and the hosts' side: 0 is left, 1 is right. */
export interface Testbed {
  readonly lab: Lab;
  readonly left: Host;
  readonly right: Host;
}

export type Side = 0 | 1;

export const sides = ({ left, right }: Testbed): [Host, Side][] => [
  [left, 0],
  [right, 1],
];

/** Inside all tunnels, bytes: what is left of an underlay of 1500. */
export const MTU = '1450';
export const UNDERLAY_MTU = '1500';
export const VNI = 42;
export const UNDERLAY_DEVICE = 'eth0';
export const UNDERLAY = ['10.9.0.1', '10.9.0.2'] as const;

/** Fails when nothing comes through. The first frame may find a tunnel that is still learning. */
export async function proveTunnel({ left }: Testbed, { right }: Tunnel): Promise<void> {
  await left.exec('ping', '-n', '-q', '-c', '3', '-i', '0.2', right);
}
