/**
 * Two hosts and their tunnels, which stand side by side for the whole run, so that the contenders alternate without
 * anything being set up in between:
 *
 *      host left                                   host right
 *   vx0   10.50.0.1  kernel's vxlan device        vx0   10.50.0.2
 *   tap1  10.51.1.1  vxlane, the first variant    tap1  10.51.1.2
 *   tap2  10.51.2.1  vxlane, the second, …        tap2  10.51.2.2
 *   nat0  10.53.0.1  a native program             nat0  10.53.0.2
 *   eth0  10.9.0.1 ───────────── veth ─────────── eth0  10.9.0.2
 *
 *   over  10.52.0.1  OVS, internal port (TAP)     over  10.52.0.2
 *   under 10.9.1.1   OVS, internal port (TAP)     under 10.9.1.2
 *   eth1   (in OVS) ──────────── veth ─────────── eth1   (in OVS)
 *
 * Inside, the MTU is 1450 everywhere; the cables have 1500. Open vSwitch has a cable of its own, because its userspace
 * datapath routes a tunnel's datagrams only over interfaces that are ports of its bridges.
 */
import { Lab } from '../../src/demo/lab.js';
import { addKernel } from './kernel.js';
import { addNative } from './native.js';
import { addOvs } from './ovs.js';
import { type Contender, proveTunnel, sides, type Testbed, UNDERLAY, UNDERLAY_MTU } from './tunnel.js';
import type { Variant } from './variants.js';
import { addVxlane } from './vxlane.js';

/** What is to be compared, in the order of their turns. */
export type Entrant = 'kernel' | 'native' | 'ovs' | Variant;

/** Both hosts and their cable. */
export async function buildTestbed(): Promise<Testbed> {
  const lab = await Lab.create();
  try {
    const testbed = { lab, left: await lab.addMachine('left'), right: await lab.addMachine('right') };
    await layCable(testbed, 'eth0');
    for (const [host, side] of sides(testbed))
      await host.exec('ip', 'addr', 'add', `${UNDERLAY[side]}/24`, 'dev', 'eth0');
    return testbed;
  } catch (error) {
    await lab.close();
    throw error;
  }
}

/** Builds them all; `wantsBusy`: vxlane's variants twice, the second time with busy-poll. */
export async function addContenders(
  testbed: Testbed,
  entrants: readonly Entrant[],
  wantsBusy: boolean,
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  let number = 0;
  for (const entrant of entrants) {
    if (entrant === 'kernel') contenders.push(await addKernel(testbed));
    else if (entrant === 'native') contenders.push(await addNative(testbed));
    else if (entrant === 'ovs') {
      await layCable(testbed, 'eth1');
      contenders.push(await addOvs(testbed));
    } else {
      number += 1;
      contenders.push(await addVxlane(testbed, entrant, number, wantsBusy));
    }
  }
  for (const contender of contenders) {
    await proveTunnel(testbed, contender);
    if (contender.busy !== null) await proveTunnel(testbed, contender.busy);
  }
  return contenders;
}

async function layCable({ lab, left, right }: Testbed, name: string): Promise<void> {
  const peer = ['type', 'veth', 'peer', 'name', name, 'mtu', UNDERLAY_MTU, 'netns', right.netns];
  await lab.ip('link', 'add', name, 'mtu', UNDERLAY_MTU, 'netns', left.netns, ...peer);
  for (const host of [left, right]) await host.exec('ip', 'link', 'set', name, 'up');
}
