/** The kernel's vxlan device. */
import { type Contender, MTU, sides, type Testbed, UNDERLAY, VNI } from './tunnel.js';

/** Not 4789: vxlane's sockets listen there and above. */
const PORT = '8472';

export async function addKernel(testbed: Testbed): Promise<Contender> {
  for (const [host, side] of sides(testbed)) {
    const ends = ['local', UNDERLAY[side], 'remote', UNDERLAY[side === 0 ? 1 : 0], 'dev', 'eth0', 'dstport', PORT];
    await host.exec('ip', 'link', 'add', 'vx0', 'type', 'vxlan', 'id', String(VNI), ...ends);
    await host.exec('ip', 'link', 'set', 'vx0', 'mtu', MTU, 'up');
    await host.exec('ip', 'addr', 'add', `10.50.0.${side + 1}/24`, 'dev', 'vx0');
  }
  return { name: 'kernel', kind: 'kernel', right: '10.50.0.2', daemons: [], busy: null };
}
