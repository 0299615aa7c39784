/** Overlays of VXLAN, each with properties of its own. */
import type { Core } from '../support/core.js';
import { POLICY_GROUP, POLICY_VNI } from './encapsulations.js';

const endpointsOf = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ ip: n % 3 === 0 ? `239.0.0.${n + 1}` : `10.0.1.${n + 1}`, port: 4789 }));
/** Of overlays that flood: with all, and with what only RFC 7348 knows. */
export const flooding = (count: number) => ({
  vni: 5,
  learn: true,
  flood: { endpoints: endpointsOf(count), unknown: false },
});
const FLAT = { vni: 6, lookup: false, proxyArp: false, proxyNdp: false, proxyDhcp: false, segment: true } as const;

export function overlaysOfVxlan(core: Core): number[] {
  return [
    core.overlay({ vni: 1, returns: true, segment: true, coalesceTcp: true, coalesceUdp: true }),
    core.overlay({
      vni: 2,
      sourceCheck: 'vtep',
      vlan: 'strip',
      strictHeader: true,
      coalesceTcp: true,
      acceptPartial: true,
    }),
    core.overlay({ vni: POLICY_VNI, vlan: 'discard', policyGroup: POLICY_GROUP, learn: true }),
    core.overlay({ vni: 4, point: { ip: '10.0.0.1', port: 4789 }, lookup: false, segment: true }),
    core.overlay(flooding(3)),
    core.overlay({
      ...FLAT,
      sourceCheck: 'fdb',
      learn: true,
      flood: { endpoints: endpointsOf(20), unknown: true },
    }),
  ];
}
