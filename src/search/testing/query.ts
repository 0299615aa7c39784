/** Questions of the suite. */
import { macFromNumber, macToNumber } from '../../address.js';
import type { Query } from '../api.js';

/** VXLAN network identifier of the suite's overlay. */
export const VNI = 23;

export function plainQuery(mac: string): Query {
  return { vni: VNI, mac, sourceMac: '02:00:00:00:00:99', etherType: 0x0800, vlan: 0 };
}

/** `count` MACs from this one on. */
export function macsFrom(first: string, count: number): string[] {
  const start = macToNumber(first);
  return Array.from({ length: count }, (_, index) => macFromNumber(start + index));
}
