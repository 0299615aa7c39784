/** Commands that make, change and delete overlays. Each is all or nothing. */
import type { CreateOverlay, ModifyOverlay } from '../control/protocol.js';
import {
  badEncap,
  badVni,
  nameTaken,
  nothingToModify,
  overlayHasVnics,
  propertyFixed,
  searchSwapNotYet,
  vniTaken,
} from '../errors.js';
import { parseChanges } from '../search/props.js';
import { findPlugin } from '../search/registry.js';
import { Overlay } from './overlay.js';
import { configurationOf, ENCAPS, specsOf, VNI_MAX } from './overlay-props.js';
import { reattachVnics, repairOverlay } from './repair.js';
import { allOrNothing } from './undo.js';
import { overlayOf, saveOverlay, vnicsOn, type World } from './world.js';

export function createOverlay(world: World, request: CreateOverlay): Promise<Overlay> {
  const overlay = checkedOverlay(world, request);
  return allOrNothing(world.log, async (undo) => {
    undo.push(`take down overlay ${overlay.name}`, () => overlay.takeDown());
    await overlay.bringUp();
    undo.push(`forget overlay ${overlay.name}`, () => world.state.overlays.remove(overlay.name));
    await saveOverlay(world, overlay);
    world.overlays.set(overlay.name, overlay);
    // VNICs whose overlay was lost have waited for one of this name.
    await reattachVnics(world, overlay);
    world.log.info('overlay created', { overlay: overlay.name, vni: request.vni, search: request.search });
    return overlay;
  });
}

/** Everything that can be refused before anything is done. */
function checkedOverlay(world: World, request: CreateOverlay): Overlay {
  const { name, encap, vni, search, temporary } = request;
  if (!ENCAPS.includes(encap)) throw badEncap(encap, ENCAPS);
  if (vni < 0 || vni > VNI_MAX) throw badVni(vni, VNI_MAX);
  const plugin = findPlugin(search);
  checkNameFree(world, name);
  const other = [...world.overlays.values()].find((overlay) => overlay.identity.vni === vni);
  if (other !== undefined) throw vniTaken(vni, other.name);
  const configuration = configurationOf(plugin, request.properties);
  const overlay = new Overlay({ name, encap, vni, search, temporary }, plugin, configuration, world);
  overlay.checkMtu();
  return overlay;
}

/** Overlays and VNICs share one space of names, as links do. */
export function checkNameFree(world: World, name: string): void {
  if (world.overlays.has(name)) throw nameTaken(name, 'overlay');
  if (world.vnics.has(name)) throw nameTaken(name, 'VNIC');
}

export async function modifyOverlay(world: World, name: string, request: ModifyOverlay): Promise<Overlay> {
  const overlay = overlayOf(world, name);
  if (request.search !== undefined) throw searchSwapNotYet();
  const given = request.properties ?? {};
  const names = Object.keys(given);
  if (names.length === 0) throw nothingToModify(name);
  const before = overlay.configuration;
  parseChanges(specsOf(overlay.plugin), given);
  const after = configurationOf(overlay.plugin, { ...before.given, ...given });
  if (names.includes('mtu')) overlay.checkMtu(after);
  refuseFixed(overlay, names);
  return allOrNothing(world.log, async (undo) => {
    // Taken back last: what is kept then is the configuration as it was.
    undo.push(`keep overlay ${name} as it was`, () => saveOverlay(world, overlay));
    undo.push(`change overlay ${name} back`, () => overlay.apply(before, names));
    await overlay.apply(after, names);
    await saveOverlay(world, overlay);
    await repairOverlay(world, overlay, (object) => object === overlay); // may be still DEGRADED, and says why
    world.log.info('overlay modified', { overlay: name, properties: names });
    return overlay;
  });
}

/** A running plugin may not be able to take changes at all. */
function refuseFixed(overlay: Overlay, names: readonly string[]): void {
  const ownNames = overlay.search.ownNames(names);
  const { host } = overlay.search;
  if (ownNames.length > 0 && host !== null && !host.takesChanges) {
    throw propertyFixed(ownNames, overlay.identity.search);
  }
}

export async function deleteOverlay(world: World, name: string): Promise<void> {
  const overlay = overlayOf(world, name);
  const vnics = vnicsOn(world, name).map((vnic) => vnic.name);
  if (vnics.length > 0) throw overlayHasVnics(name, vnics);
  if (!overlay.identity.temporary) await world.state.overlays.remove(name);
  world.overlays.delete(name);
  await overlay.takeDown();
  world.log.info('overlay deleted', { overlay: name });
}
