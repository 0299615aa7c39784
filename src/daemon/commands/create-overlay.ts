/** Commands that make and delete overlays. Each is all or nothing. */
import { checkVni, refuse } from '../../config/rules.js';
import type { CreateOverlay } from '../../control/protocol.js';
import { ENCAPS, isEncap } from '../../encapsulations.js';
import { badEncap, daemonEnding, messageOf, overlayHasVnics } from '../../errors.js';
import { configurationOf, confinementIn } from '../../overlay-properties/overlay-properties.js';
import { withPlugin } from '../../search/find.js';
import type { Overlay } from '../overlay/overlay.js';
import type { OverlayIdentity } from '../overlay/types.js';
import type { PluginInstance } from '../plugin/instance.js';
import type { Unloaded } from '../state/store.js';
import { reattachVnics } from './bring-up.js';
import { enter, newOverlay, overlayOf, type Registry, saveOverlay, vnicsOn } from './registry.js';
import { replacedBy, takenIn } from './taken.js';
import { allOrNothing } from './undo.js';

export async function createOverlay(registry: Registry, request: CreateOverlay): Promise<Overlay> {
  const { name, encap, vni, search, temporary, properties } = request;
  if (!isEncap(encap)) throw badEncap(encap, ENCAPS);
  checkFree(registry, { ...request, encap });
  return withPlugin(search, confinementIn(properties), registry.deadlines, async (found, spare) => {
    const configuration = configurationOf(encap, found.manifest, properties);
    const overlay = newOverlay(registry, { name, encap, vni, search, temporary }, found, configuration);
    overlay.checkMtu();
    const use = (instance: PluginInstance) => registry.serial.run(() => establish(registry, overlay, instance));
    // Nothing else waits for a plugin that starts slowly.
    return overlay.plugin.prepared(found, configuration, use, spare);
  });
}

/** What can be refused before anything is done. Answers what gives way to the overlay. */
function checkFree(registry: Registry, { name, encap, vni }: OverlayIdentity): Unloaded | undefined {
  checkVni(encap, vni);
  const replaced = replacedBy(registry.state.overlays, name);
  refuse(takenIn(registry, { replaced }).overlay({ name, encap, vni }));
  return replaced;
}

function establish(registry: Registry, overlay: Overlay, instance: PluginInstance): Promise<Overlay> {
  return allOrNothing(registry.log, async (undo) => {
    if (registry.isEnding()) throw daemonEnding();
    const replaced = checkFree(registry, overlay.identity); // again: another command may have come first
    undo.push(`take down overlay ${overlay.name}`, () => overlay.takeDown());
    await overlay.open();
    await overlay.serve(instance);
    if (replaced !== undefined) {
      const putBack = await registry.state.overlays.giveWay(replaced, !overlay.identity.temporary);
      undo.push(`put back what overlay ${overlay.name} was`, putBack);
    }
    undo.push(`forget overlay ${overlay.name}`, () => registry.state.overlays.remove(overlay.name));
    await saveOverlay(registry, overlay);
    enter(registry, overlay);
    // VNICs whose overlay was lost have waited for one of this name.
    await reattachVnics(registry, overlay);
    const { vni, search } = overlay.identity;
    registry.log.info('overlay created', { overlay: overlay.name, vni, search });
    return overlay;
  });
}

export async function deleteOverlay(registry: Registry, name: string): Promise<void> {
  if (!registry.overlays.has(name) && registry.state.overlays.unloaded.has(name)) return forget(registry, name);
  const overlay = overlayOf(registry, name);
  const vnics = vnicsOn(registry, name).map((vnic) => vnic.name);
  if (vnics.length > 0) throw overlayHasVnics(name, vnics);
  if (!overlay.identity.temporary) await registry.state.overlays.remove(name);
  registry.overlays.delete(name);
  await registry.state.remembered.remove(name).catch((thrown: unknown) => {
    registry.log.warn('what the search plugin said is still kept', { overlay: name, reason: messageOf(thrown) });
  });
  await overlay.takeDown();
  registry.log.info('overlay deleted', { overlay: name });
}

/** One that is not loaded. VNICs that say they are on it wait for another of its name. */
async function forget({ state, log }: Registry, name: string): Promise<void> {
  await state.overlays.remove(name);
  log.info('overlay deleted', { overlay: name });
}
