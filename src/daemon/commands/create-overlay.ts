/** Commands that make and delete overlays. Each is all or nothing. */
import type { CreateOverlay } from '../../control/protocol.js';
import {
  badEncap,
  badVni,
  daemonEnding,
  messageOf,
  nameTaken,
  overlayHasVnics,
  pluginFailed,
  vniTaken,
} from '../../errors.js';
import { type Configuration, configurationOf, ENCAPS, VNI_MAX } from '../../overlay-properties/overlay-properties.js';
import { type FoundPlugin, findPlugin } from '../../search/find.js';
import { Overlay } from '../overlay/overlay.js';
import type { OverlayIdentity } from '../overlay/types.js';
import type { Candidate } from '../plugin/instance.js';
import { reattachVnics } from './bring-up.js';
import { overlayOf, saveOverlay, vnicsOn, type World } from './registry.js';
import { allOrNothing } from './undo.js';

export async function createOverlay(world: World, request: CreateOverlay): Promise<Overlay> {
  checkFree(world, request);
  const found = await findPlugin(request.search, world.deadlines);
  const configuration = configurationOf(found.manifest, request.properties);
  const { name, encap, vni, search, temporary } = request;
  const overlay = new Overlay({ name, encap, vni, search, temporary }, found, configuration, world);
  overlay.checkMtu();
  // Nothing else waits for a plugin that starts slowly.
  const candidate = await startedFor(overlay, found, configuration);
  return world.serial
    .run(() => establish(world, overlay, candidate))
    .catch(async (thrown: unknown) => {
      await candidate.stop();
      throw thrown;
    });
}

/** What can be refused before anything is done. */
function checkFree(world: World, { name, encap, vni }: OverlayIdentity): void {
  if (!ENCAPS.includes(encap)) throw badEncap(encap, ENCAPS);
  if (vni < 0 || vni > VNI_MAX) throw badVni(vni, VNI_MAX);
  checkNameFree(world, name);
  const other = [...world.overlays.values()].find((overlay) => overlay.identity.vni === vni);
  if (other !== undefined) throw vniTaken(vni, other.name);
}

/** An instance for the overlay that could take over. A VxlaneError says why there is none. */
export async function startedFor(overlay: Overlay, found: FoundPlugin, configuration: Configuration) {
  try {
    return await overlay.search.start(found, configuration, overlay.pluginMacs());
  } catch (thrown) {
    throw pluginFailed(overlay.name, messageOf(thrown), thrown);
  }
}

function establish(world: World, overlay: Overlay, candidate: Candidate): Promise<Overlay> {
  return allOrNothing(world.log, async (undo) => {
    if (world.isEnding()) throw daemonEnding();
    checkFree(world, overlay.identity); // again: another command may have come first
    undo.push(`take down overlay ${overlay.name}`, () => overlay.takeDown());
    await overlay.openUnderlay();
    await overlay.takeOver(candidate);
    undo.push(`forget overlay ${overlay.name}`, () => world.state.overlays.remove(overlay.name));
    await saveOverlay(world, overlay);
    world.overlays.set(overlay.name, overlay);
    // VNICs whose overlay was lost have waited for one of this name.
    await reattachVnics(world, overlay);
    const { vni, search } = overlay.identity;
    world.log.info('overlay created', { overlay: overlay.name, vni, search });
    return overlay;
  });
}

/** Overlays and VNICs share one space of names, as links do. */
export function checkNameFree(world: World, name: string): void {
  if (world.overlays.has(name)) throw nameTaken(name, 'overlay');
  if (world.vnics.has(name)) throw nameTaken(name, 'VNIC');
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
