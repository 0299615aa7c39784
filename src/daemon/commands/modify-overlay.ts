/** Commands that change a running overlay: its properties, its search plugin. Each is all or nothing. */
import type { ModifyOverlay } from '../../control/protocol.js';
import { daemonEnding, nothingToModify, overlayChangedMeanwhile, propertyOfIdentity } from '../../errors.js';
import {
  configurationFrom,
  configurationOf,
  confinementIn,
  type OverlayConfiguration,
  only,
  overlayProperties,
  specsOf,
} from '../../overlay-properties/overlay-properties.js';
import { type FoundPlugin, withPlugin } from '../../search/find.js';
import type { Spare } from '../../search/host/spare.js';
import { parseChanges } from '../../search/props.js';
import type { Overlay } from '../overlay/overlay.js';
import type { PluginInstance } from '../plugin/instance.js';
import { repairOverlay } from './bring-up.js';
import { overlayOf, type Registry, saveOverlay } from './registry.js';
import { allOrNothing } from './undo.js';

/** Shown beside the properties, and fixed as long as the overlay exists, or changed another way. */
const IDENTITY: ReadonlySet<string> = new Set(['vnetid', 'encap', 'search']);

type Given = Readonly<Record<string, string>>;

export async function modifyOverlay(registry: Registry, name: string, request: ModifyOverlay): Promise<Overlay> {
  const given = request.properties ?? {};
  if (request.search !== undefined) return swapPlugin(registry, name, request.search, given);
  const overlay = await registry.serial.run(() => changeProperties(registry, name, given));
  // may have been DEGRADED for want of just this
  await overlay.plugin.starting;
  return overlay;
}

async function changeProperties(registry: Registry, name: string, given: Given): Promise<Overlay> {
  registry.fileOwned.refuse(name);
  const overlay = overlayOf(registry, name);
  const names = Object.keys(given);
  if (names.length === 0) throw nothingToModify(name);
  const identity = names.filter((each) => IDENTITY.has(each));
  if (identity.length > 0) throw propertyOfIdentity(identity);
  const manifest = overlay.plugin.found?.manifest ?? null;
  const changes = parseChanges(specsOf(overlay.identity.encap, manifest), given);
  const before = overlay.configuration;
  const after = configurationFrom(
    overlay.identity.encap,
    { ...before.given, ...given },
    { ...before.values, ...changes },
  );
  await changeAndKeep(registry, overlay, after, names);
  await repairOverlay(registry, overlay, (object) => object === overlay); // may be still DEGRADED, and says why
  registry.log.info('overlay modified', { overlay: name, properties: names });
  return overlay;
}

/** In a turn. `names`: properties that may differ in `configuration`. */
export async function changeAndKeep(
  registry: Registry,
  overlay: Overlay,
  configuration: OverlayConfiguration,
  names: readonly string[],
): Promise<void> {
  const before = overlay.configuration;
  overlay.checkChange(configuration, names);
  await allOrNothing(registry.log, async (undo) => {
    // Taken back last: what is kept then is the configuration as it was.
    undo.push(`keep overlay ${overlay.name} as it was`, () => saveOverlay(registry, overlay));
    undo.push(`change overlay ${overlay.name} back`, () => overlay.change(before, names));
    await overlay.change(configuration, names);
    await saveOverlay(registry, overlay);
  });
}

/** What another instance is prepared for. */
export interface Swap {
  readonly found: FoundPlugin;
  readonly configuration: OverlayConfiguration;
  /** Properties that may differ in it. */
  readonly names: readonly string[];
  /** Where it may be made. */
  readonly spare?: Spare | null;
}

/** Another instance, of another plugin or of the same, takes the place of the one that serves. */
async function swapPlugin(registry: Registry, name: string, search: string, given: Given): Promise<Overlay> {
  const isAllowed = () => registry.fileOwned.refuse(name);
  const confinement = await registry.serial.run(() => {
    isAllowed();
    const before = overlayOf(registry, name).configuration.given;
    return confinementIn({ ...before, ...given });
  });
  return withPlugin(search, confinement, registry.deadlines, async (found, spare) => {
    const overlay = overlayOf(registry, name);
    const configuration = swappedConfiguration(overlay, found, given);
    return swapTo(registry, overlay, { found, configuration, names: Object.keys(given), spare }, isAllowed);
  });
}

/** General properties stay; the plugin's own stay only if it is the same one. */
function swappedConfiguration(overlay: Overlay, found: FoundPlugin, given: Given): OverlayConfiguration {
  const { encap } = overlay.identity;
  const specs = overlayProperties(encap);
  parseChanges(specs, only(given, specs));
  const before = overlay.configuration.given;
  const isSame = found.reference === overlay.identity.search;
  return configurationOf(encap, found.manifest, { ...(isSame ? before : only(before, specs)), ...given });
}

/**
 * To be called outside of a turn: nothing waits while the new instance starts, and learns where every MAC is that is in
 * use. The old one serves until then; if the new one cannot, nothing has happened. `isAllowed` throws when it must not
 * be after all, in the turn that is its own.
 */
export function swapTo(registry: Registry, overlay: Overlay, swap: Swap, isAllowed = () => {}): Promise<Overlay> {
  const { found, configuration, names, spare } = swap;
  overlay.checkSwap(found, configuration, names);
  const use = (instance: PluginInstance) =>
    registry.serial.run(async () => {
      if (registry.isEnding()) throw daemonEnding();
      if (overlayOf(registry, overlay.name) !== overlay) throw overlayChangedMeanwhile(overlay.name);
      isAllowed();
      overlay.plugin.check(instance);
      await serveAndKeep(registry, overlay, instance, names);
      return overlay;
    });
  return overlay.plugin.prepared(found, configuration, use, spare);
}

/** What is kept is written first, and back again when something stands against the instance after all. */
async function serveAndKeep(
  registry: Registry,
  overlay: Overlay,
  instance: PluginInstance,
  names: readonly string[],
): Promise<void> {
  const { configuration, found } = instance;
  const from = overlay.identity.search;
  await allOrNothing(registry.log, async (undo) => {
    await saveOverlay(registry, overlay, { search: found.reference, given: configuration.given });
    undo.push(`keep overlay ${overlay.name} as it was`, () => saveOverlay(registry, overlay));
    await overlay.serve(instance, names);
  });
  registry.log.info('search plugin swapped', { overlay: overlay.name, from, to: found.reference });
}
