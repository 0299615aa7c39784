/** Everything the daemon has, in one place: what commands read and change, one command at a time. */
import { formatEndpoint } from '../../address.js';
import { Taken } from '../../config/rules.js';
import type { Datapath } from '../../datapath/datapath.js';
import type { OverlayIndex } from '../../datapath/types.js';
import { noSuchOverlay, noSuchVnic } from '../../errors.js';
import type { OverlayConfiguration } from '../../overlay-properties/overlay-properties.js';
import type { FoundPlugin } from '../../search/find.js';
import { Deadlines } from '../../search/host/deadlines.js';
import type { DaemonLog } from '../log.js';
import { InterfaceWatch } from '../overlay/interface-watch.js';
import { Overlay } from '../overlay/overlay.js';
import type { OverlayIdentity } from '../overlay/types.js';
import type { Vnic } from '../overlay/vnic.js';
import type { PluginSlot } from '../plugin/plugin-slot.js';
import { STATE_VERSION, type State, type StoredOverlay, type StoredVnic } from '../state/store.js';
import type { Border } from '../underlay/border.js';
import type { Network } from '../underlay/network.js';
import { Sockets } from '../underlay/sockets.js';
import { FileOwned } from './file-owned.js';
import { Serial } from './serial.js';
import { TrafficMeter } from './traffic-meter.js';

export interface Registry {
  readonly datapath: Datapath;
  readonly sockets: Sockets;
  readonly network: Network;
  readonly border: Border;
  /** What happens to the interfaces of VNICs. */
  readonly interfaces: InterfaceWatch<Vnic>;
  readonly deadlines: Deadlines;
  /** Where search plugins run, or are meant to: of all overlays, also of those that are being made. */
  readonly slots: Set<PluginSlot>;
  /** Commands that change something run one at a time. */
  readonly serial: Serial;
  readonly state: State;
  readonly log: DaemonLog;
  readonly meter: TrafficMeter;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
  /** The daemon has been told to end: nothing new is begun. */
  readonly isEnding: () => boolean;
  readonly overlays: Map<string, Overlay>;
  /** Those that the datapath knows. */
  readonly overlayByIndex: Map<OverlayIndex, Overlay>;
  readonly vnics: Map<string, Vnic>;
  /** Which of them a configuration file declares. */
  readonly fileOwned: FileOwned;
}

/** An overlay that is not in the registry yet. `found`: null when there is no such plugin now. */
export function newOverlay(
  { datapath, sockets, network, deadlines, slots, log, now, overlayByIndex }: Registry,
  identity: OverlayIdentity,
  found: FoundPlugin | null,
  configuration: OverlayConfiguration,
): Overlay {
  const overlay = new Overlay(identity, found, configuration, {
    ...{ datapath, sockets, network, deadlines, slots, log, now },
    onAttached: (index) => void overlayByIndex.set(index, overlay),
    onDetached: (index) => void overlayByIndex.delete(index),
  });
  return overlay;
}

/** What a daemon starts with. */
export function emptyRegistry(
  given: Pick<Registry, 'datapath' | 'network' | 'border' | 'state' | 'log' | 'now' | 'isEnding'>,
): Registry {
  return {
    ...given,
    deadlines: new Deadlines(given.now),
    meter: new TrafficMeter(given.now()),
    sockets: new Sockets(given.datapath, given.border),
    serial: new Serial(),
    slots: new Set(),
    interfaces: new InterfaceWatch(),
    overlays: new Map(),
    overlayByIndex: new Map(),
    vnics: new Map(),
    fileOwned: new FileOwned(),
  };
}

/** Who has what only one object may have. `but`: a VNIC that asks for itself. */
export function takenIn({ overlays, vnics }: Registry, but: Vnic | null = null): Taken {
  const taken = new Taken();
  for (const { identity, statics } of overlays.values()) {
    taken.addOverlay(identity);
    taken.addTargets(identity.name, statics);
  }
  for (const vnic of vnics.values()) if (vnic !== but) taken.addVnic({ ...vnic.identity, mac: vnic.mac });
  return taken;
}

export function overlayOf(registry: Registry, name: string): Overlay {
  const overlay = registry.overlays.get(name);
  if (overlay === undefined) throw noSuchOverlay(name);
  return overlay;
}

export function vnicOf(registry: Registry, name: string): Vnic {
  const vnic = registry.vnics.get(name);
  if (vnic === undefined) throw noSuchVnic(name);
  return vnic;
}

/** The VNICs of an overlay, attached or not, sorted by name. */
export function vnicsOn(registry: Registry, overlay: string): Vnic[] {
  return sorted(registry.vnics).filter((vnic) => vnic.identity.overlay === overlay);
}

export function sorted<T extends { readonly name: string }>(objects: ReadonlyMap<string, T>): T[] {
  return [...objects.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What of an overlay a swap of its plugin changes. */
export interface OverlaySearch {
  /** As the operator typed it. */
  readonly search: string;
  readonly given: Readonly<Record<string, string>>;
}

/** Keeps an overlay over restarts; a temporary one is not kept. `next`: as it will be in a moment. */
export async function saveOverlay(registry: Registry, overlay: Overlay, next?: OverlaySearch): Promise<void> {
  if (!overlay.identity.temporary)
    await registry.state.overlays.save({ ...storedOverlay(registry, overlay), ...stored(next) });
}

function stored(next: OverlaySearch | undefined): Partial<StoredOverlay> {
  return next === undefined ? {} : { search: next.search, properties: { ...next.given } };
}

export async function saveVnic(registry: Registry, vnic: Vnic): Promise<void> {
  vnic.keeps();
  if (!vnic.identity.temporary) await registry.state.vnics.save(storedVnic(registry, vnic));
}

function storedOverlay({ fileOwned }: Registry, overlay: Overlay): StoredOverlay {
  const { name, vni, search } = overlay.identity;
  const targets = [...overlay.statics].map(([mac, target]) => [
    mac,
    target === 'drop' ? target : formatEndpoint(target),
  ]);
  return {
    version: STATE_VERSION,
    name,
    vni,
    encap: 'vxlan',
    search,
    properties: { ...overlay.configuration.given },
    targets: Object.fromEntries(targets),
    ...fileOwned.stored(name),
  };
}

function storedVnic({ fileOwned }: Registry, vnic: Vnic): StoredVnic {
  const { name, overlay, mac, netns, allowAnyMac } = vnic.identity;
  const given = vnic.mtuGiven === null ? {} : { mtuGiven: vnic.mtuGiven };
  return { version: STATE_VERSION, name, overlay, mac, netns, allowAnyMac, ...given, ...fileOwned.stored(name) };
}
