/** Questions of the suite. */
import { macFromNumber, macToNumber } from '../../address.js';
import { ENCAPSULATIONS, type Encap } from '../../encapsulations.js';
import type { Query } from '../api.js';
import type { AboutOverlay } from '../host/messages.js';

/** VXLAN network identifier of the suite's overlay. */
export const VNI = 23;

/** What an instance is told of it. */
export function overlayOf(encap: Encap, family: 4 | 6 = 4): AboutOverlay {
  const { port } = ENCAPSULATIONS[encap];
  return { vni: VNI, listen: { ip: family === 4 ? '192.0.2.1' : '2001:db8::1', port }, tunnelPort: port };
}

export function plainQuery(mac: string): Query {
  return { vni: VNI, mac, sourceMac: '02:00:00:00:00:99', etherType: 0x0800, vlan: 0 };
}

/** `count` MACs from this one on. */
export function macsFrom(first: string, count: number): string[] {
  const start = macToNumber(first);
  return Array.from({ length: count }, (_, index) => macFromNumber(start + index));
}
