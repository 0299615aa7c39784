/** `vxlane show-stats`: the datapath's counters under the names of the daemon's objects. */
import { formatEndpoint } from '../../address.js';
import type { StatsView } from '../../control/protocol.js';
import type { Datapath } from '../../datapath/datapath.js';
import { DROP_TEXT, isExpectedDrop } from '../../datapath/drops.js';
import type { DropReason } from '../../datapath/types.js';
import type { Overlay } from '../overlay/overlay.js';
import type { Vnic } from '../overlay/vnic.js';

type Drops = Partial<Record<DropReason, number>>;

/** `isAll`: of the whole daemon; else drops are those of the overlays. Totals and endpoints are always the daemon's. */
export function statsView(datapath: Datapath, overlays: readonly Overlay[], vnics: readonly Vnic[], isAll: boolean) {
  const counted = overlays.flatMap((overlay) => {
    const index = overlay.attachment?.index;
    if (index === undefined) return [];
    const { name, counts } = overlay.plugin;
    return [{ name: overlay.name, ...datapath.overlayCounters(index), plugin: { name, ...counts } }];
  });
  const view: StatsView = {
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
    endpoints: datapath.endpointCounters().map(({ endpoint, frames, bytes, pathMtu }) => ({
      endpoint: formatEndpoint(endpoint),
      encap: { frames, bytes },
      pathMtu,
    })),
  };
  return view;
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
