/** Questions to a search plugin: behind a frame, or behind none. */
import type { MissUpcall } from '../../datapath/types.js';
import type { Query } from '../../search/api.js';

export function queryOf({ mac, sourceMac, etherType, vlan }: MissUpcall, vni: number): Query {
  return { vni, mac, sourceMac, etherType, vlan };
}

/** A question that no frame stands behind. */
export function plainQuery(vni: number, mac: string): Query {
  return { vni, mac, sourceMac: '00:00:00:00:00:00', etherType: 0, vlan: 0 };
}
