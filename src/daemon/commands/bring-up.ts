/**
 * After a restart: what was kept is there again. What cannot be yet (an address that is not up, a namespace that is not
 * there, a plugin whose source is gone) is there with its reason, and is tried again: with back-off, and on SIGHUP.
 */
import { parseEndpoint } from '../../address.js';
import { messageOf, noSuchOverlay, overlayNotUp } from '../../errors.js';
import { configurationOf } from '../../overlay-properties/overlay-properties.js';
import type { Target } from '../../search/api.js';
import { builtInPlugin } from '../../search/find.js';
import { Overlay } from '../overlay/overlay.js';
import { Vnic } from '../overlay/vnic.js';
import type { StoredOverlay } from '../state/store.js';
import { sorted, vnicsOn, type World } from './registry.js';

/** What was kept is there, and nothing of it is up yet. Never throws for what a file says: that is moved aside. */
export async function load(world: World): Promise<void> {
  for (const stored of await world.state.overlays.load()) {
    try {
      world.overlays.set(stored.name, restoredOverlay(world, stored));
      world.declared.restore(stored);
    } catch (thrown) {
      await world.state.overlays.moveAside(stored.name, messageOf(thrown));
    }
  }
  for (const stored of await world.state.vnics.load()) {
    const { version: _, declared: __, ...identity } = stored;
    world.vnics.set(identity.name, new Vnic({ ...identity, temporary: false }));
    world.declared.restore(stored);
  }
}

function restoredOverlay(world: World, stored: StoredOverlay): Overlay {
  const { name, vni, encap, search } = stored;
  const other = [...world.overlays.values()].find((overlay) => overlay.identity.vni === vni);
  if (other !== undefined) throw new Error(`virtual network id ${vni} is that of overlay ${other.name}`);
  const found = builtInPlugin(search);
  const configuration = configurationOf(found?.manifest ?? null, stored.properties);
  const overlay = new Overlay({ name, vni, encap, search, temporary: false }, found, configuration, world);
  for (const [mac, text] of Object.entries(stored.targets)) overlay.statics.set(mac, targetOf(text));
  return overlay;
}

function targetOf(text: string): Target {
  const endpoint = text === 'drop' ? 'drop' : parseEndpoint(text);
  if (endpoint === null) throw new Error(`not a destination: ${text}`);
  return endpoint;
}

/**
 * Tries again whatever is not up and `isDue`. Plugins may be slow to start: that goes on by itself, and
 * {@link pluginsStarted} waits for it.
 */
export async function repair(world: World, isDue: (object: Overlay | Vnic) => boolean): Promise<void> {
  const orphans = sorted(world.vnics).filter((vnic) => !world.overlays.has(vnic.identity.overlay));
  for (const vnic of orphans.filter(isDue)) await reattach(world, vnic);
  await Promise.all(sorted(world.overlays).map((overlay) => repairOverlay(world, overlay, isDue)));
}

/** The overlay first: its VNICs are no use without its socket, and of little use without its plugin. */
export async function repairOverlay(world: World, overlay: Overlay, isDue: (object: Overlay | Vnic) => boolean) {
  const hadSocket = overlay.attachment !== null;
  if (canBringUp(overlay) && isDue(overlay) && !world.isEnding()) await bringUp(world, overlay);
  const isNew = !hadSocket && overlay.attachment !== null;
  for (const vnic of vnicsOn(world, overlay.name)) {
    if (world.isEnding()) return;
    if (!vnic.isAttached && (isNew || isDue(vnic))) await reattach(world, vnic);
  }
}

/** One whose plugin is being started says by itself what comes of it. */
function canBringUp(overlay: Overlay): boolean {
  return !overlay.isUp && overlay.starting === null;
}

async function bringUp(world: World, overlay: Overlay): Promise<void> {
  const known = overlay.health.details;
  try {
    await overlay.openUnderlay();
  } catch (thrown) {
    if (overlay.health.details !== known && !world.isEnding()) warn(world, overlay, messageOf(thrown));
    return;
  }
  void overlay.startPlugin().then(() => {
    if (overlay.isUp) world.log.info('overlay is up', { overlay: overlay.name });
    else if (overlay.health.details !== known && !world.isEnding()) warn(world, overlay, overlay.health.details);
  });
}

/** Resolves when no plugin is starting any more. Never rejects. */
export async function pluginsStarted(world: World): Promise<void> {
  await Promise.all([...world.overlays.values()].map((overlay) => overlay.starting));
}

/** Something waits for its time to be tried again. */
export function needsRepair(world: World, nowMs: number): boolean {
  const isDue = ({ backoff }: Overlay | Vnic) => backoff.isDue(nowMs);
  const overlays = [...world.overlays.values()].filter(canBringUp);
  return overlays.some(isDue) || [...world.vnics.values()].some(isDue);
}

export async function reattachVnics(world: World, overlay: Overlay): Promise<void> {
  for (const vnic of vnicsOn(world, overlay.name)) {
    if (!vnic.isAttached) await reattach(world, vnic);
  }
}

async function reattach(world: World, vnic: Vnic): Promise<void> {
  const overlay = world.overlays.get(vnic.identity.overlay);
  try {
    if (overlay === undefined) throw noSuchOverlay(vnic.identity.overlay);
    if (overlay.attachment === null) throw overlayNotUp(overlay.name, overlay.health.details);
    await vnic.reattach(overlay, world.datapath, world.now(), (name) => world.vnics.has(name));
    world.log.info('VNIC attached', { vnic: vnic.name, overlay: overlay.name, netns: vnic.netns });
  } catch (thrown) {
    if (vnic.problem !== messageOf(thrown)) warn(world, vnic, messageOf(thrown));
    vnic.problem = messageOf(thrown);
    vnic.backoff.failed(world.now());
  }
  await new Promise(setImmediate); // a thousand interfaces are no reason not to hear a signal
}

function warn(world: World, object: Overlay | Vnic, reason: string): void {
  const kind = object instanceof Vnic ? 'VNIC' : 'overlay';
  world.log.warn(`${kind} is not up`, { name: object.name, reason });
}
