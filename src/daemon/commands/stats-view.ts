/** `vxlane show-stats`: the datapath's counters under the names of the daemon's objects. */
import { formatEndpoint } from '../../address.js';
import type { StatsView } from '../../control/protocol.js';
import { DROP_TEXT, isExpectedDrop } from '../../datapath/drops.js';
import type { DropReason } from '../../datapath/types.js';
import { NOT_HEARD } from '../oam/silence.js';
import type { Attachment } from '../overlay/attachment.js';
import type { Overlay } from '../overlay/overlay.js';
import { overlayOf, type Registry, sorted } from './registry.js';

type Drops = Partial<Record<DropReason, number>>;

/** `names`: of the overlays whose drops are shown; none: all, and what is of no overlay. Totals are the daemon's. */
export function statsView(registry: Registry, names: readonly string[]): StatsView {
  const { datapath } = registry;
  const isAll = names.length === 0;
  const overlays = isAll ? sorted(registry.overlays) : names.map((name) => overlayOf(registry, name));
  const vnics = sorted(registry.vnics).filter((vnic) => overlays.some(({ name }) => name === vnic.identity.overlay));
  const counted = overlays.flatMap((overlay) => {
    if (overlay.attachment === null) return [];
    const { index, sources } = overlay.attachment;
    const { name, counts } = overlay.plugin;
    const strangers = strangersOf(sources);
    return [{ name: overlay.name, ...datapath.overlayCounters(index), strangers, plugin: { name, ...counts } }];
  });
  const senders = sendersTo(overlays);
  const hearings = registry.silence.hearings();
  return {
    totals: datapath.totals(),
    drops: dropViews(isAll ? datapath.drops() : sum(counted.map(({ drops }) => drops))),
    overlays: counted.map((overlay) => ({
      ...overlay,
      drops: nonZero(overlay.drops),
      expectedDrops: expected(overlay.drops),
    })),
    vnics: vnics.flatMap((vnic) => {
      if (vnic.index === null) return [];
      return [{ name: vnic.name, overlay: vnic.identity.overlay, ...datapath.vnicCounters(vnic.index) }];
    }),
    endpoints: datapath.endpointCounters().map(({ endpoint: at, ...counted }) => {
      const endpoint = formatEndpoint(at);
      const of = senders.get(at.ip) ?? [];
      return { endpoint, overlays: of, ...counted, ...(hearings.get(endpoint) ?? NOT_HEARD) };
    }),
    otherSenders: datapath.otherSenders(),
  };
}

/** By address: names of overlays. */
function sendersTo(overlays: readonly Overlay[]): Map<string, string[]> {
  const senders = new Map<string, string[]>();
  for (const { name, remotes } of overlays) {
    for (const ip of remotes.addresses) {
      const names = senders.get(ip);
      if (names === undefined) senders.set(ip, [name]);
      else names.push(name);
    }
  }
  return senders;
}

function strangersOf({ strangers }: Attachment['sources']): StatsView['overlays'][number]['strangers'] {
  return strangers.all.map(({ ip, mac, frames }) => ({ ip, mac, frames, allow: strangers.commandFor(ip) }));
}

function sum(all: readonly Drops[]): Drops {
  const total: Drops = {};
  for (const drops of all) {
    for (const [reason, frames] of entriesOf(drops)) total[reason] = (total[reason] ?? 0) + frames;
  }
  return total;
}

function dropViews(drops: Drops): StatsView['drops'] {
  return entriesOf(drops).map(([reason, frames]) => {
    return { reason, frames, isExpected: isExpectedDrop(reason), text: DROP_TEXT[reason] };
  });
}

function expected(drops: Drops): number {
  return entriesOf(drops).reduce((sum, [reason, frames]) => sum + (isExpectedDrop(reason) ? frames : 0), 0);
}

function nonZero(drops: Drops): Record<string, number> {
  return Object.fromEntries(entriesOf(drops));
}

/** In the order of the list of reasons. */
function entriesOf(drops: Drops): [DropReason, number][] {
  return (Object.keys(DROP_TEXT) as DropReason[]).flatMap((reason) => {
    const frames = drops[reason] ?? 0;
    return frames === 0 ? [] : [[reason, frames]];
  });
}
