/** Everything the daemon has, in one place: what commands read and change, one command at a time. */
import { formatEndpoint } from '../../address.js';
import type { Datapath } from '../../datapath/datapath.js';
import type { OverlayIndex } from '../../datapath/types.js';
import { messageOf, noSuchOverlay, noSuchVnic, notLoaded, type VxlaneError } from '../../errors.js';
import type { OverlayConfiguration } from '../../overlay-properties/overlay-properties.js';
import { isUnlimited } from '../../rate-limits.js';
import type { FoundPlugin } from '../../search/find.js';
import type { BegunPluginThread } from '../../search/host/begin.js';
import { Deadlines } from '../../search/host/deadlines.js';
import { Placement } from '../../search/host/placement.js';
import { EventLog } from '../events/event-log.js';
import type { Inheritance } from '../inheritance.js';
import type { DaemonLog } from '../log.js';
import { SilenceWatch } from '../oam/silence.js';
import { InterfaceWatch } from '../overlay/interface-watch.js';
import { Overlay } from '../overlay/overlay.js';
import { Trunks } from '../overlay/trunks.js';
import type { OverlayIdentity } from '../overlay/types.js';
import type { Vnic } from '../overlay/vnic.js';
import type { PluginSlot } from '../plugin/plugin-slot.js';
import type { State } from '../state/store.js';
import type { StoredOverlay, StoredVnic } from '../state/stored.js';
import type { Border } from '../underlay/border.js';
import type { EarlyDrop } from '../underlay/early-drop.js';
import type { Network } from '../underlay/network.js';
import { Sockets } from '../underlay/sockets.js';
import { Durations, type UpcallDurations } from '../upcalls/durations.js';
import { askersOf } from './askers.js';
import { FileOwned } from './file-owned.js';
import { Memory } from './remember.js';
import { Serial } from './serial.js';
import { TrafficMeter } from './traffic-meter.js';

export interface Registry {
  readonly datapath: Datapath;
  readonly sockets: Sockets;
  readonly network: Network;
  readonly border: Border;
  /** Null: this process may not, and the datapath decides everything. */
  readonly earlyDrop: EarlyDrop | null;
  /** What happens to the interfaces of VNICs. */
  readonly interfaces: InterfaceWatch<Vnic>;
  /** Interfaces that several of them share. */
  readonly trunks: Trunks;
  readonly deadlines: Deadlines;
  /** Of all search plugins. */
  readonly placement: Placement;
  /** Where search plugins run, or are meant to: of all overlays, also of those that are being made. */
  readonly slots: Set<PluginSlot>;
  /** What there is of the daemon before this one. */
  readonly inheritance: Inheritance;
  /** Commands that change something run one at a time. */
  readonly serial: Serial;
  readonly state: State;
  readonly log: DaemonLog;
  readonly events: EventLog;
  readonly meter: TrafficMeter;
  readonly durations: UpcallDurations;
  /** Which VTEPs are not heard any more. */
  readonly silence: SilenceWatch;
  /** What search plugins last said. */
  readonly memory: Memory;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
  /** The daemon has been told to end: nothing new is begun. */
  readonly isEnding: () => boolean;
  /** By {@link enter}. */
  readonly overlays: Map<string, Overlay>;
  /** Overlays that are to be looked at, in time or because something of them has changed; the others are at rest. */
  readonly restless: Set<Overlay>;
  /** Those that the datapath knows. */
  readonly overlayByIndex: Map<OverlayIndex, Overlay>;
  readonly vnics: Map<string, Vnic>;
  /** Which of them a configuration file declares. */
  readonly fileOwned: FileOwned;
}

/** An overlay that is not in the registry yet. `found`: null when there is no such plugin now. */
export function newOverlay(
  {
    datapath,
    sockets,
    network,
    deadlines,
    placement,
    slots,
    log,
    events,
    durations,
    now,
    overlayByIndex,
    restless,
  }: Registry,
  identity: OverlayIdentity,
  found: FoundPlugin | null,
  configuration: OverlayConfiguration,
): Overlay {
  const overlay = new Overlay(identity, found, configuration, {
    ...{ datapath, sockets, network, deadlines, placement, slots, log, durations, now, tell: events.tell },
    onAttached: (index) => void overlayByIndex.set(index, overlay),
    onDetached: (index) => void overlayByIndex.delete(index),
    onStirred: () => void restless.add(overlay),
  });
  return overlay;
}

/** It is one of the daemon's from now on. */
export function enter({ overlays, restless }: Registry, overlay: Overlay): void {
  overlays.set(overlay.name, overlay);
  restless.add(overlay);
}

/** What a daemon starts with. */
export function emptyRegistry(
  given: Pick<
    Registry,
    'datapath' | 'network' | 'border' | 'earlyDrop' | 'state' | 'log' | 'now' | 'isEnding' | 'inheritance'
  >,
  silentAfterMs: number,
  begun: BegunPluginThread | null,
): Registry {
  const overlays = new Map<string, Overlay>();
  const events = new EventLog();
  return {
    ...given,
    silence: new SilenceWatch({ ...given, ...askersOf(overlays), tell: events.tell, afterMs: silentAfterMs }),
    memory: new Memory({ ...given, overlays }),
    deadlines: new Deadlines(given.now),
    placement: new Placement({ ...given, begun }),
    meter: new TrafficMeter(given.now()),
    events,
    durations: { miss: new Durations(), proxy: new Durations() },
    sockets: new Sockets(given.datapath, given.network, given.border, given.inheritance, given.earlyDrop),
    serial: new Serial(),
    slots: new Set(),
    interfaces: new InterfaceWatch(),
    trunks: new Trunks(given.datapath),
    overlays,
    restless: new Set(),
    overlayByIndex: new Map(),
    vnics: new Map(),
    fileOwned: new FileOwned(),
  };
}

export function overlayOf(registry: Registry, name: string): Overlay {
  const overlay = registry.overlays.get(name);
  if (overlay === undefined) throw overlayMissing(registry, name);
  return overlay;
}

/** Why there is no such overlay. */
export function overlayMissing({ state }: Registry, name: string): VxlaneError {
  const unloaded = state.overlays.unloaded.get(name);
  return unloaded === undefined ? noSuchOverlay(name) : notLoaded(`overlay ${name}`, unloaded);
}

export function vnicOf(registry: Registry, name: string): Vnic {
  const vnic = registry.vnics.get(name);
  if (vnic === undefined) throw noSuchVnic(name);
  return vnic;
}

/** The VNICs that share an interface, attached or not, sorted by name. */
export function vnicsOfTrunk(registry: Registry, trunk: string): Vnic[] {
  return sorted(registry.vnics).filter((vnic) => vnic.identity.trunk?.name === trunk);
}

/** The VNICs of an overlay, attached or not, sorted by name. */
export function vnicsOn(registry: Registry, overlay: string): Vnic[] {
  return sorted(registry.vnics).filter((vnic) => vnic.identity.overlay === overlay);
}

export function sorted<T extends { readonly name: string }>(objects: ReadonlyMap<string, T>): T[] {
  return [...objects.values()].sort(byName);
}

export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
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

/** Saves VNICs that are no more as they were saved: a restart is to know which MTU, MAC and addresses are ours. */
export async function keepVnics(registry: Registry): Promise<void> {
  const unkept: string[] = [];
  let reason = '';
  for (const vnic of registry.vnics.values()) {
    if (vnic.isKept) continue;
    try {
      await saveVnic(registry, vnic);
    } catch (thrown) {
      unkept.push(vnic.name);
      reason ||= messageOf(thrown);
    }
  }
  if (unkept.length === 0) return;
  const [vnic] = unkept;
  registry.log.warn('MTU, MAC and addresses of VNICs are not kept', { count: unkept.length, vnic, reason });
}

function storedOverlay({ fileOwned }: Registry, overlay: Overlay): StoredOverlay {
  const { name, vni, encap, search } = overlay.identity;
  const targets = [...overlay.statics].map(([mac, target]) => [
    mac,
    target === 'drop' ? target : formatEndpoint(target),
  ]);
  return {
    version: 1,
    name,
    vni,
    encap,
    search,
    properties: { ...overlay.configuration.given },
    targets: Object.fromEntries(targets),
    ...fileOwned.stored(name),
  };
}

function storedVnic({ fileOwned }: Registry, vnic: Vnic): StoredVnic {
  const { name, overlay, mac, netns, allowAnyMac, trunk } = vnic.identity;
  const given = vnic.mtuGiven === null ? {} : { mtuGiven: vnic.mtuGiven };
  return {
    ...{ version: 1, name, overlay, mac, netns, allowAnyMac },
    ...given,
    ...storedAddresses(vnic),
    ...storedProtection(vnic),
    ...storedLimits(vnic),
    ...(trunk === undefined ? {} : { version: 4, trunk: { ...trunk } }),
    ...fileOwned.stored(name),
  };
}

function storedAddresses({ identity, addressesPut }: Vnic): Partial<StoredVnic> {
  const addresses = [...identity.addresses];
  if (addresses.length + addressesPut.length === 0) return {};
  const isAll = addresses.toSorted().join() === addressesPut.join();
  return { version: 2, addresses, ...(isAll ? {} : { addressesPut: [...addressesPut] }) };
}

function storedProtection({ identity: { protection, allowedIps } }: Vnic): Partial<StoredVnic> {
  return protection.length === 0 ? {} : { version: 3, protection: [...protection], allowedIps: [...allowedIps] };
}

function storedLimits({ identity }: Vnic): Partial<StoredVnic> {
  const { rateBps, ratePps, stormPps } = identity;
  return isUnlimited(identity) ? {} : { version: 3, rateBps, ratePps, stormPps };
}
