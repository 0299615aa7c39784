/** Commands that change a running overlay: its properties, its search plugin. Each is all or nothing. */
import type { ModifyOverlay } from '../../control/protocol.js';
import {
  daemonEnding,
  nothingToModify,
  overlayChangedMeanwhile,
  propertyFixed,
  swapLosesTargets,
} from '../../errors.js';
import {
  configurationOf,
  OVERLAY_PROPERTIES,
  type OverlayConfiguration,
  only,
  specsOf,
} from '../../overlay-properties/overlay-properties.js';
import { type FoundPlugin, findPlugin } from '../../search/find.js';
import { parseChanges } from '../../search/props.js';
import type { Overlay } from '../overlay/overlay.js';
import type { PluginInstance } from '../plugin/instance.js';
import { repairOverlay } from './bring-up.js';
import { startedFor } from './create-overlay.js';
import { overlayOf, type Registry, saveOverlay } from './registry.js';
import { allOrNothing } from './undo.js';

export async function modifyOverlay(registry: Registry, name: string, request: ModifyOverlay): Promise<Overlay> {
  const given = request.properties ?? {};
  if (request.search !== undefined) return swapSearch(registry, name, request.search, given);
  const overlay = await registry.serial.run(() => changeProperties(registry, name, given));
  // may have been DEGRADED for want of just this
  await overlay.starting;
  return overlay;
}

async function changeProperties(
  registry: Registry,
  name: string,
  given: Readonly<Record<string, string>>,
): Promise<Overlay> {
  const overlay = overlayOf(registry, name);
  const names = Object.keys(given);
  if (names.length === 0) throw nothingToModify(name);
  const before = overlay.configuration;
  const manifest = overlay.plugin.found?.manifest ?? null;
  parseChanges(specsOf(manifest), given);
  const after = configurationOf(manifest, { ...before.given, ...given });
  if (names.includes('mtu')) overlay.checkMtu(after);
  refuseFixed(overlay, names);
  return allOrNothing(registry.log, async (undo) => {
    // Taken back last: what is kept then is the configuration as it was.
    undo.push(`keep overlay ${name} as it was`, () => saveOverlay(registry, overlay));
    undo.push(`change overlay ${name} back`, () => overlay.apply(before, names));
    await overlay.apply(after, names);
    await saveOverlay(registry, overlay);
    await repairOverlay(registry, overlay, (object) => object === overlay); // may be still DEGRADED, and says why
    registry.log.info('overlay modified', { overlay: name, properties: names });
    return overlay;
  });
}

/** A running plugin may not be able to take changes at all. */
function refuseFixed(overlay: Overlay, names: readonly string[]): void {
  const ownNames = overlay.plugin.ownNames(names);
  const { host } = overlay.plugin;
  if (ownNames.length > 0 && host !== null && !host.can('change')) throw propertyFixed(ownNames, overlay.plugin.name);
}

/**
 * Another instance, of another plugin or of the same, takes the place of the one that serves. Until it has started and
 * knows where every MAC is that is in use, the old one serves; if it cannot, nothing has happened.
 */
async function swapSearch(registry: Registry, name: string, search: string, given: Readonly<Record<string, string>>) {
  const overlay = overlayOf(registry, name);
  const { epoch } = overlay;
  overlay.attached();
  const found = await findPlugin(search, registry.deadlines);
  const configuration = swappedConfiguration(overlay, found, given);
  if (Object.hasOwn(given, 'mtu')) overlay.checkMtu(configuration);
  refuseLostTargets(overlay, found);
  return swapTo(registry, overlay, found, configuration, Object.keys(given), epoch);
}

/**
 * `names`: what may differ in the configuration, which is made for the overlay as it was at `epoch`. Takes a turn of
 * its own when the candidate is ready.
 */
export async function swapTo(
  registry: Registry,
  overlay: Overlay,
  found: FoundPlugin,
  configuration: OverlayConfiguration,
  names: readonly string[],
  epoch = overlay.epoch,
): Promise<Overlay> {
  const { name } = overlay;
  const candidate = await startedFor(overlay, found, configuration);
  const swap = registry.serial.run(() => {
    if (registry.isEnding()) throw daemonEnding();
    if (overlayOf(registry, name) !== overlay || overlay.epoch !== epoch) throw overlayChangedMeanwhile(name);
    refuseLostTargets(overlay, found);
    overlay.outdate();
    return swapIn(registry, overlay, candidate, names);
  });
  return swap.catch(async (thrown: unknown) => {
    await candidate.stop();
    throw thrown;
  });
}

/** General properties stay; the plugin's own stay only if it is the same one. */
function swappedConfiguration(
  overlay: Overlay,
  found: FoundPlugin,
  given: Readonly<Record<string, string>>,
): OverlayConfiguration {
  const general = only(given, OVERLAY_PROPERTIES);
  parseChanges(OVERLAY_PROPERTIES, general);
  const before = overlay.configuration.given;
  const isSame = found.reference === overlay.identity.search;
  return configurationOf(found.manifest, { ...(isSame ? before : only(before, OVERLAY_PROPERTIES)), ...given });
}

function refuseLostTargets(overlay: Overlay, { manifest }: FoundPlugin): void {
  const { size } = overlay.statics;
  if (manifest.mode === 'point' && size > 0) throw swapLosesTargets(overlay.name, manifest.name, size);
}

/** What is kept is written first, and back again when the overlay cannot take it over. */
async function swapIn(
  registry: Registry,
  overlay: Overlay,
  candidate: PluginInstance,
  names: readonly string[],
): Promise<Overlay> {
  const { configuration, found } = candidate;
  const from = overlay.identity.search;
  await allOrNothing(registry.log, async (undo) => {
    await saveOverlay(registry, overlay, { search: found.reference, given: configuration.given });
    undo.push(`keep overlay ${overlay.name} as it was`, () => saveOverlay(registry, overlay));
    await overlay.takeOver(candidate, names);
  });
  registry.log.info('search plugin swapped', { overlay: overlay.name, from, to: found.reference });
  return overlay;
}
