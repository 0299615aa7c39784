/** What the daemon says of itself, by its control socket. */
import { parseEndpoint } from '../../address.js';
import type { Client } from '../../control/client.js';
import type { EventView, OverlayView } from '../../control/protocol.js';
import { ENCAPSULATIONS, isEncap } from '../../encapsulations.js';
import { noSuchOverlay, VxlaneError } from '../../errors.js';
import { nameIn } from '../../overlay-properties/tunnel.js';
import type { DaemonFacts, NoDaemon, OverlayFacts } from '../facts.js';

/** Endpoints of an overlay that are looked at: the first ones of its table. */
const ENDPOINTS_MAX = 64;

/** All but the second read of the counters. */
export type FirstLook = Omit<DaemonFacts, 'after' | 'seconds'>;

/** `overlay`: of this one and its VNICs alone. Throws when there is none of that name. */
export async function firstLook(client: Client, overlay: string | null): Promise<FirstLook | NoDaemon> {
  try {
    const status = await client.status();
    const [overlays, vnics, before, { events }] = await Promise.all([
      client.overlays(),
      client.vnics(),
      client.stats(),
      client.events(),
    ]);
    const chosen = overlays.filter(({ name }) => overlay === null || name === overlay);
    if (overlay !== null && chosen.length === 0) throw noSuchOverlay(overlay);
    const facts: OverlayFacts[] = [];
    for (const view of chosen) {
      const row = status.overlays.find(({ name }) => name === view.name);
      if (row !== undefined) facts.push(await overlayFacts(client, view, row, events));
    }
    const theirs = vnics.filter((vnic) => overlay === null || vnic.overlay === overlay);
    return { status, overlays: facts, vnics: theirs, before };
  } catch (thrown) {
    if (!(thrown instanceof VxlaneError) || thrown.code === 'no_such_overlay') throw thrown;
    return { code: thrown.code, message: thrown.message };
  }
}

async function overlayFacts(
  client: Client,
  view: OverlayView,
  status: OverlayFacts['status'],
  events: readonly EventView[],
): Promise<OverlayFacts> {
  const encap = isEncap(view.encap) ? view.encap : 'vxlan';
  const textOf = (property: string) => view.properties.find(({ name }) => name === property)?.value ?? null;
  const isLoaded = status.state !== 'unloaded';
  const { targets } = isLoaded ? await client.targets(view.name, { limit: 1000 }) : { targets: [] };
  const named = [...targets.map(({ destination }) => destination), ...(textOf('flood/endpoints') ?? '').split(',')];
  const endpoints = named.flatMap((destination) => endpointIn(destination) ?? []);
  return {
    view,
    status,
    encap,
    listen: {
      // A link-local one is shown with its zone.
      ip: textOf(nameIn(encap, 'vxlan/listen_ip'))?.split('%')[0] ?? '0.0.0.0',
      port: Number(textOf(nameIn(encap, 'vxlan/listen_port')) ?? ENCAPSULATIONS[encap].port),
      device: textOf(nameIn(encap, 'vxlan/underlay_dev')),
    },
    endpoints: [...new Set(endpoints)].slice(0, ENDPOINTS_MAX),
    stale: targets.filter(({ source }) => source === 'stale').length,
    moves: isLoaded ? await client.moves(view.name) : [],
    deaths: events
      .filter(({ kind, overlay }) => kind === 'plugin_died' && overlay === view.name)
      .map(({ time, reason }) => ({ time, reason })),
  };
}

/** The address of `IP:PORT`, `[IP6]:PORT` or `IP`; null: it is `drop`, a VNIC or several. */
function endpointIn(destination: string): string | null {
  return parseEndpoint(destination.trim())?.ip ?? null;
}
