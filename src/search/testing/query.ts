/** Questions of the suite. */
import { macFromNumber, macToNumber, VXLAN_PORT } from '../../address.js';
import type { Endpoint, Query } from '../api.js';

/** VXLAN network identifier of the suite's overlay. */
export const VNI = 23;

/** Where its overlay listens. */
export function listenOf(family: 4 | 6 = 4): Endpoint {
  return { ip: family === 4 ? '192.0.2.1' : '2001:db8::1', port: VXLAN_PORT };
}

export function plainQuery(mac: string): Query {
  return { vni: VNI, mac, sourceMac: '02:00:00:00:00:99', etherType: 0x0800, vlan: 0 };
}

/** `count` MACs from this one on. */
export function macsFrom(first: string, count: number): string[] {
  const start = macToNumber(first);
  return Array.from({ length: count }, (_, index) => macFromNumber(start + index));
}
