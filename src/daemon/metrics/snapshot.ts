/** Everything that metrics are made of, looked at piece by piece. */
import { formatEndpoint } from '../../address.js';
import type { ConfigurationView, DaemonView } from '../../control/protocol.js';
import type { WorkerView } from '../../datapath/datapath.js';
import type { DropReason, EndpointTraffic, OverlayCounters, TrafficCount, VnicCounters } from '../../datapath/types.js';
import { type Registry, sorted } from '../commands/registry.js';
import type { EventLog } from '../events/event-log.js';
import { type Hearing, NOT_HEARD } from '../oam/silence.js';
import type { ListenerQueue } from '../underlay/sockets.js';
import type { UpcallDurations } from '../upcalls/durations.js';
import { labelsOf } from './exposition.js';

/** Of more endpoints each would cost Prometheus more than it tells; those that are left out are counted. */
export const ENDPOINTS_SHOWN = 4096;

const NO_TRAFFIC = { frames: 0, bytes: 0 };

export interface OverlayRow extends OverlayCounters {
  readonly labels: string;
  /** With the name of its search plugin. */
  readonly pluginLabels: string;
  readonly info: string;
  readonly isOnline: boolean;
  readonly isServing: boolean;
  readonly peers: number;
  readonly mtu: number;
  readonly plugin: { readonly questions: number; readonly faults: number; timeouts: number; deaths: number };
}

export interface VnicRow extends VnicCounters {
  readonly labels: string;
  readonly isUp: boolean;
}

export interface EndpointRow extends EndpointTraffic, Hearing {
  readonly labels: string;
  readonly pathMtu: number | null;
}

export interface Snapshot {
  readonly daemon: DaemonView;
  readonly configuration: ConfigurationView | null;
  readonly overlays: readonly OverlayRow[];
  readonly vnics: readonly VnicRow[];
  readonly endpoints: readonly EndpointRow[];
  readonly endpointCount: number;
  readonly otherSenders: TrafficCount;
  readonly workers: readonly WorkerView[];
  readonly queues: readonly ListenerQueue[];
  readonly durations: UpcallDurations;
  readonly events: EventLog['counts'];
  /** Of the whole daemon. */
  readonly drops: Readonly<Partial<Record<DropReason, number>>>;
  readonly unloaded: { readonly overlay: number; readonly vnic: number };
}

/** Yields after each small piece of the work. */
export function* look(registry: Registry, daemon: DaemonView): Generator<undefined, Snapshot> {
  const { datapath, sockets, durations, state, silence } = registry;
  const overlays: OverlayRow[] = [];
  for (const overlay of sorted(registry.overlays)) {
    overlays.push(overlayRow(registry, overlay.name));
    yield;
  }
  const vnics: VnicRow[] = [];
  for (const vnic of sorted(registry.vnics)) {
    const counters = vnic.index === null ? NO_VNIC : datapath.vnicCounters(vnic.index);
    const labels = labelsOf({ overlay: vnic.identity.overlay, vnic: vnic.name });
    vnics.push({ ...counters, labels, isUp: !vnic.isDown });
    yield;
  }
  const counted = datapath.endpointCounters(ENDPOINTS_SHOWN);
  yield;
  const hearings = silence.hearings();
  const endpoints = counted.map(({ endpoint: at, ...each }) => {
    const endpoint = formatEndpoint(at);
    return { ...each, ...(hearings.get(endpoint) ?? NOT_HEARD), labels: labelsOf({ endpoint }) };
  });
  yield;
  const drops = datapath.drops();
  yield;
  return {
    ...{ daemon, configuration: daemon.configuration, overlays, vnics, endpoints, durations, drops },
    events: registry.events.counts,
    endpointCount: datapath.endpointCount,
    otherSenders: datapath.otherSenders(),
    workers: datapath.workerViews(),
    queues: sockets.queues(),
    unloaded: { overlay: state.overlays.unloaded.size, vnic: state.vnics.unloaded.size },
  };
}

const NO_VNIC: VnicCounters = { tx: NO_TRAFFIC, rx: NO_TRAFFIC, drops: 0, expectedDrops: 0 };
const NO_OVERLAY: OverlayCounters = { encap: NO_TRAFFIC, decap: NO_TRAFFIC, fragments: 0, drops: {} };

function overlayRow({ datapath, overlays }: Registry, overlay: string): OverlayRow {
  const { attachment, plugin, health, state, identity, remotes, mtu } = overlays.get(overlay)!;
  const { questions, faults, timeouts, deaths } = plugin.counts;
  return {
    ...(attachment === null ? NO_OVERLAY : datapath.overlayCounters(attachment.index)),
    labels: labelsOf({ overlay }),
    pluginLabels: labelsOf({ overlay, plugin: plugin.name }),
    info: labelsOf({ overlay, vni: identity.vni, search: identity.search }),
    isOnline: health.status === 'ONLINE',
    isServing: state === 'serving',
    peers: remotes.count,
    mtu,
    plugin: { questions, faults, timeouts, deaths },
  };
}
