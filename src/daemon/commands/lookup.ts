/** `vxlane lookup`: what the datapath does with a frame to a MAC, and who said so. */
import { type Endpoint, formatEndpoint, ipFamily, isMulticastMac } from '../../address.js';
import type { LookupView, OwnerView } from '../../control/protocol.js';
import { PluginFault } from '../../search/host/types.js';
import type { Overlay } from '../overlay/overlay.js';
import { plainQuery } from '../plugin/query.js';
import type { Outcome } from '../upcalls/types.js';
import { cachedLookupView, type Verdict } from './views.js';

/** Endpoints of a flood list that are named. */
const NAMED_MAX = 3;

/** With the other places that the search plugin has the MAC at, as far as it can say. */
export async function lookup(overlay: Overlay, mac: string): Promise<LookupView> {
  const decided = await decisionOn(overlay, mac);
  const candidates = await candidatesOf(overlay, mac);
  return { ...decided, alternatives: candidates?.filter((each) => each !== decided.destination) ?? null };
}

/** null: the plugin failed to say it, which the log explains. */
async function candidatesOf(overlay: Overlay, mac: string): Promise<string[] | null> {
  if (!overlay.plugin.facts.can('candidates')) return [];
  try {
    const endpoints = await overlay.attached().upcalls.consult((plugin) => plugin.candidates(mac));
    return endpoints.map(formatEndpoint);
  } catch (thrown) {
    if (!(thrown instanceof PluginFault)) throw thrown;
    overlay.log.warn('the search plugin failed to say where a MAC is said to be', { mac, reason: thrown.message });
    return null;
  }
}

/** The FDB first, then the plugin, as for a frame; the plugin's answer stays in the FDB, as for a frame. */
async function decisionOn(overlay: Overlay, mac: string): Promise<Verdict> {
  const { targets, upcalls, flooding } = overlay.attached();
  const known = targets.entry(mac);
  if (known !== null) return cachedLookupView(overlay, known);
  const { vni } = overlay.identity;
  const base = { overlay: overlay.name, mac, source: overlay.plugin.name, cached: false };
  if (overlay.plugin.isPoint) return { ...base, ...outcomeView(overlay.plugin.facts.point ?? 'drop') };
  const { flood } = flooding.configOf(overlay.plugin.facts.flood);
  if (isMulticastMac(mac) || flood?.unknown === true)
    return { ...base, ...floodView(flood?.endpoints ?? []), cached: true };
  const outcome = await upcalls.ask(plainQuery(vni, mac));
  const answered = targets.entry(mac);
  // what the FDB made of the answer is what frames will meet
  return answered === null
    ? { ...base, ...outcomeView(outcome) }
    : { ...cachedLookupView(overlay, answered), cached: false };
}

/** Who has an address inside, by the search plugin's word: asked as a proxy would, without a VLAN. */
export async function ownerOf(overlay: Overlay, ip: string): Promise<OwnerView> {
  const { upcalls } = overlay.attached();
  const kind = ipFamily(ip) === 4 ? 'arp' : 'ndp';
  const { name, facts } = overlay.plugin;
  const unknown = { overlay: overlay.name, ip, mac: null, source: name };
  const neighbour = upcalls.neighbourWith(ip);
  if (neighbour !== null) return { ...unknown, mac: neighbour, source: 'learned', reason: '' };
  if (!facts.can(kind)) return { ...unknown, reason: `search plugin ${name} knows no addresses` };
  try {
    const owner = await upcalls.consult((plugin) => plugin[kind](ip, 0));
    if (owner === null) return { ...unknown, reason: `search plugin ${name} knows nobody who has it` };
    return { ...unknown, mac: owner.mac, reason: '' };
  } catch (thrown) {
    if (!(thrown instanceof PluginFault)) throw thrown;
    return { ...unknown, reason: thrown.message };
  }
}

/** Nobody is asked where a frame goes that is flooded. */
function floodView(endpoints: readonly Endpoint[]): Pick<LookupView, 'verdict' | 'destination'> {
  if (endpoints.length === 0) return { verdict: 'drop', destination: 'no_flood_list' };
  const named = endpoints.slice(0, NAMED_MAX).map(formatEndpoint).join(', ');
  const more = endpoints.length - NAMED_MAX;
  return { verdict: 'flood', destination: more > 0 ? `${named} and ${more} more` : named };
}

function outcomeView(outcome: Outcome): Pick<LookupView, 'verdict' | 'destination'> {
  if (outcome === 'drop') return { verdict: 'drop', destination: 'drop_entry' };
  if (typeof outcome === 'string') return { verdict: 'drop', destination: outcome };
  return { verdict: 'forward', destination: formatEndpoint(outcome) };
}
