/**
 * Tells what became of overlays and VNICs, by looking at them: commands, the configuration file, plugins and other
 * people's tools all change them, and none of these has to think of telling.
 */
import type { Tell } from '../events/event-log.js';
import type { Overlay } from '../overlay/overlay.js';
import type { Vnic } from '../overlay/vnic.js';
import type { Registry } from './registry.js';

interface SeenOverlay {
  readonly overlay: Overlay;
  readonly status: 'ONLINE' | 'DEGRADED';
  readonly search: string;
  readonly isServing: boolean;
  readonly deaths: number;
  readonly given: Readonly<Record<string, string>>;
}

interface SeenVnic {
  readonly vnic: Vnic;
  readonly mac: string;
  readonly status: 'up' | 'odd' | 'down';
}

type Watched = Pick<Registry, 'overlays' | 'vnics' | 'events'>;

export class ObjectWatch {
  readonly #registry: Watched;
  #overlays = new Map<string, SeenOverlay>();
  #vnics = new Map<string, SeenVnic>();

  constructor(registry: Watched) {
    this.#registry = registry;
  }

  /** What is there now was there before, and well: nothing is told of it but what comes. */
  adopt(): void {
    const { overlays, vnics } = this.#registry;
    for (const overlay of overlays.values()) {
      this.#overlays.set(overlay.name, { ...seenOverlay(overlay), status: 'ONLINE', isServing: false, deaths: 0 });
    }
    for (const vnic of vnics.values()) this.#vnics.set(vnic.name, { ...seenVnic(vnic), status: 'up' });
  }

  /** To be called often, and before somebody reads. */
  look(): void {
    const { tell } = this.#registry.events;
    const [overlaysBefore, vnicsBefore] = [this.#overlays, this.#vnics];
    this.#overlays = new Map();
    this.#vnics = new Map();
    for (const vnic of this.#registry.vnics.values()) this.#vnics.set(vnic.name, seenVnic(vnic));
    for (const overlay of this.#registry.overlays.values()) this.#overlays.set(overlay.name, seenOverlay(overlay));
    for (const [name, { vnic, mac }] of vnicsBefore) {
      const about = { object: `vnic ${name}`, overlay: vnic.identity.overlay };
      if (this.#vnics.get(name)?.vnic !== vnic) tell('vnic_deleted', { ...about, old: mac });
    }
    for (const [name, { overlay, search }] of overlaysBefore) {
      const about = { object: `overlay ${name}`, overlay: name };
      if (this.#overlays.get(name)?.overlay !== overlay) tell('overlay_deleted', { ...about, old: search });
    }
    for (const [name, seen] of this.#overlays) tellOverlay(tell, overlaysBefore.get(name), seen);
    for (const [name, seen] of this.#vnics) tellVnic(tell, vnicsBefore.get(name), seen);
  }
}

function seenOverlay(overlay: Overlay): SeenOverlay {
  const { health, identity, state, plugin, configuration } = overlay;
  return {
    ...{ overlay, status: health.status, search: identity.search, isServing: state === 'serving' },
    deaths: plugin.counts.deaths,
    given: configuration.given,
  };
}

function seenVnic(vnic: Vnic): SeenVnic {
  const status = vnic.isDown ? 'down' : vnic.problem === '' ? 'up' : 'odd';
  return { vnic, mac: vnic.mac, status };
}

function tellOverlay(tell: Tell, known: SeenOverlay | undefined, now: SeenOverlay): void {
  const { overlay, search, status } = now;
  const about = { object: `overlay ${overlay.name}`, overlay: overlay.name };
  const isNew = known?.overlay !== overlay;
  if (isNew) tell('overlay_created', { ...about, new: search });
  const before = isNew ? { ...now, status: 'ONLINE', isServing: false, deaths: 0 } : known;
  const names = Object.keys({ ...before.given, ...now.given }).filter((each) => before.given[each] !== now.given[each]);
  if (names.length > 0) tell('overlay_modified', { ...about, reason: names.join(', ') });
  if (before.deaths < now.deaths) tell('plugin_died', { ...about, old: before.search, reason: overlay.health.details });
  if (before.search !== search) tell('plugin_swapped', { ...about, old: before.search, new: search });
  else if (now.isServing && !before.isServing) tell('plugin_serves', { ...about, new: search });
  if (before.status === status) return;
  tell('overlay_status', { ...about, old: before.status, new: status, reason: overlay.health.details });
}

function tellVnic(tell: Tell, known: SeenVnic | undefined, { vnic, mac, status }: SeenVnic): void {
  const about = { object: `vnic ${vnic.name}`, overlay: vnic.identity.overlay };
  const isNew = known?.vnic !== vnic;
  if (isNew) tell('vnic_created', { ...about, new: mac });
  const before = isNew ? { mac, status: 'up' } : known;
  if (before.mac !== mac) tell('vnic_mac', { ...about, old: before.mac, new: mac });
  if (before.status === status) return;
  tell('vnic_status', { ...about, old: before.status, new: status, reason: vnic.problem });
}
