/** `vxlane lookup`: what the datapath does with a frame to a MAC, and who said so. */
import { formatEndpoint, isGroupMac } from '../address.js';
import type { LookupView } from '../control/protocol.js';
import type { Overlay } from './overlay.js';
import { plainQuery } from './query.js';
import type { Outcome } from './upcalls.js';
import { cachedLookupView } from './views.js';

/** The FDB first, then the plugin, as for a frame; the plugin's answer stays in the FDB, as for a frame. */
export async function lookup(overlay: Overlay, mac: string): Promise<LookupView> {
  const { targets, upcalls } = overlay.attached();
  const known = targets.entry(mac);
  if (known !== null) return cachedLookupView(overlay, known);
  const { vni } = overlay.identity;
  const base = { overlay: overlay.name, mac, source: overlay.search.name, cached: false };
  if (overlay.search.isPoint) return { ...base, ...outcomeView(overlay.search.point ?? 'drop') };
  if (isGroupMac(mac)) return { ...base, verdict: 'drop', destination: 'no_flood_list' };
  const outcome = await upcalls.ask(plainQuery(vni, mac));
  const answered = targets.entry(mac);
  // what the FDB made of the answer is what frames will meet
  return answered === null
    ? { ...base, ...outcomeView(outcome) }
    : { ...cachedLookupView(overlay, answered), cached: false };
}

function outcomeView(outcome: Outcome): Pick<LookupView, 'verdict' | 'destination'> {
  if (outcome === 'drop') return { verdict: 'drop', destination: 'drop_entry' };
  if (typeof outcome === 'string') return { verdict: 'drop', destination: outcome };
  return { verdict: 'forward', destination: formatEndpoint(outcome) };
}
