/**
 * Tells what became of overlays and VNICs, by looking at them: commands, the configuration file, plugins and other
 * people's tools all change them, and none of these has to think of telling. Overlays that are at rest are as before.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Tell } from '../events/event-log.js';
import type { Overlay } from '../overlay/overlay.js';
import type { VnicIdentity } from '../overlay/types.js';
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
  readonly identity: VnicIdentity;
}

/** What of a VNIC is modified by commands and by the configuration file. */
const MODIFIED = ['addresses', 'protection', 'allowedIps', 'rateBps', 'ratePps', 'stormPps'] as const;

type Watched = Pick<Registry, 'overlays' | 'restless' | 'vnics' | 'events'>;

export class ObjectWatch {
  readonly #registry: Watched;
  readonly #overlays = new Map<string, SeenOverlay>();
  readonly #vnics = new Map<string, SeenVnic>();

  constructor(registry: Watched) {
    this.#registry = registry;
  }

  /** What is there now was there before, and well: nothing is told of it but what comes. */
  adopt(): void {
    const { overlays, vnics } = this.#registry;
    for (const overlay of overlays.values()) {
      this.#overlays.set(overlay.name, { ...seenOverlay(overlay), status: 'ONLINE', isServing: false, deaths: 0 });
    }
    for (const vnic of vnics.values()) {
      this.#vnics.set(vnic.name, { vnic, mac: vnic.mac, status: 'up', identity: vnic.identity });
    }
  }

  /** To be called often, and before somebody reads. Of a thousand overlays, next to none is another than before. */
  look(): void {
    const { overlays, restless, vnics, events } = this.#registry;
    const { tell } = events;
    const stirred = [...restless].filter((overlay) => overlays.get(overlay.name) === overlay);
    for (const [name, { vnic, mac }] of this.#vnics) {
      if (vnics.get(name) === vnic) continue;
      tell('vnic_deleted', { object: `vnic ${name}`, overlay: vnic.identity.overlay, old: mac });
      this.#vnics.delete(name);
    }
    const isNew = ({ name }: Overlay) => this.#overlays.get(name)?.overlay !== overlays.get(name);
    if (this.#overlays.size !== overlays.size || stirred.some(isNew)) this.#forgetDeleted();
    for (const overlay of stirred) {
      const known = this.#overlays.get(overlay.name);
      if (known !== undefined && isAsSeen(overlay, known)) continue;
      const now = seenOverlay(overlay);
      this.#overlays.set(overlay.name, now);
      tellOverlay(tell, known, now);
    }
    for (const vnic of vnics.values()) {
      const known = this.#vnics.get(vnic.name);
      const status = statusOf(vnic);
      const { identity } = vnic;
      if (known?.mac === vnic.mac && known.status === status && known.identity === identity) continue;
      const now = { vnic, mac: vnic.mac, status, identity };
      this.#vnics.set(vnic.name, now);
      tellVnic(tell, known, now);
    }
  }

  #forgetDeleted(): void {
    const { overlays, events } = this.#registry;
    for (const [name, { overlay, search }] of this.#overlays) {
      if (overlays.get(name) === overlay) continue;
      events.tell('overlay_deleted', { object: `overlay ${name}`, overlay: name, old: search });
      this.#overlays.delete(name);
    }
  }
}

function seenOverlay(overlay: Overlay): SeenOverlay {
  const { health, identity, state, plugin, configuration } = overlay;
  return {
    ...{ overlay, status: health.status, search: identity.search, isServing: state === 'serving' },
    deaths: plugin.deaths,
    given: configuration.given,
  };
}

function isAsSeen({ health, identity, state, plugin, configuration }: Overlay, seen: SeenOverlay): boolean {
  return (
    health.status === seen.status &&
    identity.search === seen.search &&
    (state === 'serving') === seen.isServing &&
    plugin.deaths === seen.deaths &&
    configuration.given === seen.given
  );
}

function statusOf(vnic: Vnic): SeenVnic['status'] {
  if (vnic.isDown) return 'down';
  return vnic.problem === '' ? 'up' : 'odd';
}

function tellOverlay(tell: Tell, known: SeenOverlay | undefined, now: SeenOverlay): void {
  const { overlay, search, status } = now;
  const about = { object: `overlay ${overlay.name}`, overlay: overlay.name };
  const isNew = known === undefined;
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

function tellVnic(tell: Tell, known: SeenVnic | undefined, { vnic, mac, status, identity }: SeenVnic): void {
  const about = { object: `vnic ${vnic.name}`, overlay: vnic.identity.overlay };
  const isNew = known === undefined;
  if (isNew) tell('vnic_created', { ...about, new: mac });
  const before = isNew ? { mac, status: 'up', identity } : known;
  const names = MODIFIED.filter((each) => !isDeepStrictEqual(before.identity[each], identity[each]));
  if (names.length > 0) tell('vnic_modified', { ...about, reason: names.join(', ') });
  if (before.mac !== mac) tell('vnic_mac', { ...about, old: before.mac, new: mac });
  if (before.status === status) return;
  tell('vnic_status', { ...about, old: before.status, new: status, reason: vnic.problem });
}
