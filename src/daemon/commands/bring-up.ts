/**
 * After a restart: what was kept is there again. What cannot be yet (an address that is not up, a namespace that is not
 * there, a plugin whose source is gone) is there with its reason, and is tried again: with back-off, and on SIGHUP.
 */
import { checkTakesTargets, refuse, type Taken, targetMac, targetOf, vnicMac } from '../../config/rules.js';
import { TakenTable } from '../../config/taken-table.js';
import { vnicAddresses } from '../../config/vnic-address.js';
import { messageOf, tapsImpossible } from '../../errors.js';
import { checkProtection } from '../../link-protection.js';
import { configurationOf } from '../../overlay-properties/overlay-properties.js';
import { checkLimits } from '../../rate-limits.js';
import { builtInPlugin } from '../../search/find.js';
import { tapObstacles } from '../../system/tap-access.js';
import { TapSearch } from '../../system/tap-search.js';
import type { Overlay } from '../overlay/overlay.js';
import { Vnic } from '../overlay/vnic.js';
import type { StoredOverlay, StoredVnic } from '../state/stored.js';
import { enter, newOverlay, overlayMissing, type Registry, sorted, vnicsOn } from './registry.js';
import { takenIn } from './taken.js';
import { finishRemovals, protectionOf } from './vnics.js';

/**
 * What was kept is there, and nothing of it is up yet. Never throws for what a file says: its object is not loaded,
 * for the reason that a command would have given.
 */
export async function load(registry: Registry): Promise<void> {
  const { overlays, vnics } = registry.state;
  await finishRemovals(registry);
  const taken = new TakenTable();
  for (const stored of await overlays.load()) {
    const overlay = restoreOverlay(registry, stored, taken);
    if (overlay === null) continue;
    taken.addOverlay(overlay.identity);
    taken.addTargets(overlay.name, overlay.statics);
  }
  for (const stored of await vnics.load()) {
    const vnic = restoreVnic(registry, stored, taken);
    if (vnic !== null) taken.addVnic(vnic.identity);
  }
}

/** Somebody may have mended the files of what was not loaded. In a turn of its own, if there is anything to do. */
export async function loadAgain(registry: Registry): Promise<void> {
  const { overlays, vnics } = registry.state;
  if (overlays.unloaded.size + vnics.unloaded.size === 0) return;
  await registry.serial.run(async () => {
    for (const stored of await overlays.loadAgain()) restoreOverlay(registry, stored, takenIn(registry));
    for (const stored of await vnics.loadAgain()) restoreVnic(registry, stored, takenIn(registry));
  });
}

/** null: it is not loaded. */
function restoreOverlay(registry: Registry, stored: StoredOverlay, taken: Taken): Overlay | null {
  try {
    refuse(taken.overlay(stored));
    const overlay = restoredOverlay(registry, stored);
    enter(registry, overlay);
    registry.fileOwned.restore(stored);
    return overlay;
  } catch (thrown) {
    registry.state.overlays.reject(stored, messageOf(thrown));
    return null;
  }
}

function restoreVnic({ state, vnics, fileOwned }: Registry, stored: StoredVnic, taken: Taken): Vnic | null {
  try {
    const { version: _, declared: __, mtuGiven = null, addressesPut, ...kept } = stored;
    const addresses = vnicAddresses(stored.addresses ?? []);
    const identity = { ...kept, mac: vnicMac(stored.mac), addresses, ...protectionOf(stored), ...checkLimits(stored) };
    refuse(taken.vnic(identity));
    checkProtection(identity);
    const life = { mtuGiven, addressesPut: addressesPut ?? addresses };
    const vnic = new Vnic({ ...identity, temporary: false }, life);
    vnics.set(stored.name, vnic);
    fileOwned.restore(stored);
    return vnic;
  } catch (thrown) {
    state.vnics.reject(stored, messageOf(thrown));
    return null;
  }
}

/**
 * That a target is where the overlay itself listens is no reason here: this host's addresses may have changed since,
 * and may again, and the datapath drops what would come back.
 */
function restoredOverlay(registry: Registry, stored: StoredOverlay): Overlay {
  const { name, vni, encap, search } = stored;
  const found = builtInPlugin(search);
  const configuration = configurationOf(encap, found?.manifest ?? null, stored.properties);
  const overlay = newOverlay(registry, { name, vni, encap, search, temporary: false }, found, configuration);
  const targets = Object.entries(stored.targets);
  if (targets.length > 0) checkTakesTargets(found?.manifest ?? null);
  for (const [mac, text] of targets) overlay.statics.set(targetMac(mac), targetOf(text, configuration.settings.socket));
  return overlay;
}

/** Better no daemon than one that says it is ready and can bring up nothing of what it is there for. */
export function checkTaps({ vnics, log }: Registry): void {
  const obstacles = tapObstacles();
  if (obstacles.length === 0) return;
  if (vnics.size > 0) throw tapsImpossible(vnics.size, obstacles);
  log.warn('no VNIC can be created', { reason: obstacles.join('; ') });
}

/**
 * Tries again whatever is not up and `isDue`. Plugins may be slow to start: that goes on by itself, and
 * {@link pluginsStarted} waits for it.
 */
export async function repair(registry: Registry, isDue: (object: Overlay | Vnic) => boolean): Promise<void> {
  const search = new TapSearch();
  const orphans = sorted(registry.vnics).filter((vnic) => !registry.overlays.has(vnic.identity.overlay));
  for (const vnic of orphans.filter(isDue)) await reattach(registry, vnic, search);
  await Promise.all(sorted(registry.overlays).map((overlay) => repairOverlay(registry, overlay, isDue, search)));
}

/** The overlay first: its VNICs are no use without its socket, and of little use without its plugin. */
export async function repairOverlay(
  registry: Registry,
  overlay: Overlay,
  isDue: (object: Overlay | Vnic) => boolean,
  search = new TapSearch(),
): Promise<void> {
  const wasDown = overlay.state === 'down';
  if (overlay.state !== 'serving' && isDue(overlay) && !registry.isEnding()) await bringUp(registry, overlay);
  const isNew = wasDown && overlay.state !== 'down';
  for (const vnic of vnicsOn(registry, overlay.name)) {
    if (registry.isEnding()) return;
    if (!vnic.isAttached && (isNew || isDue(vnic))) await reattach(registry, vnic, search);
  }
}

/** Its plugin says by itself what comes of its start. */
async function bringUp(registry: Registry, overlay: Overlay): Promise<void> {
  const known = overlay.health.details;
  const { attachment } = overlay;
  try {
    await overlay.open();
  } catch (thrown) {
    if (overlay.health.details !== known && !registry.isEnding()) warn(registry, overlay, messageOf(thrown));
    return;
  }
  // What is in place already knows more than what was kept of it.
  if (overlay.attachment !== attachment) await registry.memory.recall(overlay);
  void overlay.plugin.start();
}

/** Resolves when no plugin is starting any more. Never rejects. */
export async function pluginsStarted(registry: Registry): Promise<void> {
  await Promise.all([...registry.overlays.values()].map((overlay) => overlay.plugin.starting));
}

/** A socket or an interface waits for its time to be tried again; a plugin's slot sees to that by itself. */
export function needsRepair(registry: Registry, nowMs: number): boolean {
  const isDue = ({ backoff }: Overlay | Vnic) => backoff.isDue(nowMs);
  return [...registry.restless].some(isDue) || [...registry.vnics.values()].some(isDue);
}

export async function reattachVnics(registry: Registry, overlay: Overlay): Promise<void> {
  for (const vnic of vnicsOn(registry, overlay.name)) {
    if (!vnic.isAttached) await reattach(registry, vnic);
  }
}

export async function reattach(registry: Registry, vnic: Vnic, search = new TapSearch()): Promise<void> {
  const overlay = registry.overlays.get(vnic.identity.overlay);
  try {
    if (overlay === undefined) throw overlayMissing(registry, vnic.identity.overlay);
    overlay.attached();
    vnic.reattach(overlay, registry, search);
    registry.log.info('VNIC attached', { vnic: vnic.name, overlay: overlay.name, netns: vnic.netns });
  } catch (thrown) {
    if (vnic.problem !== messageOf(thrown)) warn(registry, vnic, messageOf(thrown));
    vnic.problem = messageOf(thrown);
    vnic.backoff.failed(registry.now());
  }
  await new Promise(setImmediate); // a thousand interfaces are no reason not to hear a signal
}

function warn(registry: Registry, object: Overlay | Vnic, reason: string): void {
  const { name } = object;
  if (object instanceof Vnic) registry.log.warn('VNIC is not up', { vnic: name, reason });
  else registry.log.warn('overlay is not up', { overlay: name, reason });
}
