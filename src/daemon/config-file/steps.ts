/**
 * The steps of a plan (src/config/plan.ts), each done or not done. New overlays and VNICs are only written down here:
 * commands/bring-up.ts brings them up, now and whenever it can be.
 */
import type { DeclaredOverlay, VnicModel } from '../../config/model.js';
import type { OverlayChange, Step } from '../../config/plan.js';
import { refuse } from '../../config/rules.js';
import type { Target } from '../../search/api.js';
import type { FoundPlugin } from '../../search/find.js';
import { deleteOverlay } from '../commands/create-overlay.js';
import { changeAndKeep, swapTo } from '../commands/modify-overlay.js';
import {
  enter,
  newOverlay,
  overlayOf,
  type Registry,
  saveOverlay,
  saveVnic,
  vnicOf,
  vnicsOn,
} from '../commands/registry.js';
import { takenIn } from '../commands/taken.js';
import { forget, put } from '../commands/targets.js';
import { changeVnic, deleteVnic } from '../commands/vnics.js';
import { Vnic } from '../overlay/vnic.js';

/** By the reference that an overlay has for its plugin. */
export type FoundPlugins = ReadonlyMap<string, FoundPlugin>;

/** Answers the names of the objects that {@link repair} should look at. */
export async function takeStep(
  registry: Registry,
  step: Exclude<Step<DeclaredOverlay>, OverlayChange<DeclaredOverlay>>,
  plugins: FoundPlugins,
) {
  switch (step.do) {
    case 'remove-vnic':
      await deleteVnic(registry, step.name);
      registry.fileOwned.delete(step.name);
      return [];
    case 'change-vnic':
      await changeVnic(registry, step.vnic.name, step.vnic);
      return [];
    case 'detach-vnic': {
      const vnic = vnicOf(registry, step.name);
      await vnic.detach(registry.overlays.get(vnic.identity.overlay), registry);
      registry.vnics.delete(step.name);
      return [];
    }
    case 'remove-overlay':
      if (step.because.length > 0) return clearAway(registry, step.name);
      await deleteOverlay(registry, step.name);
      registry.fileOwned.delete(step.name);
      return [];
    case 'add-overlay':
      await addOverlay(registry, step.overlay, plugins);
      return [step.overlay.name];
    case 'add-vnic':
      await addVnic(registry, step.vnic);
      return [step.vnic.name];
  }
}

/** For one of its name that comes in its place: its VNICs wait for that, and their interfaces with them. */
export async function clearAway(registry: Registry, name: string): Promise<string[]> {
  const overlay = overlayOf(registry, name);
  const vnics = vnicsOn(registry, name);
  for (const vnic of vnics) {
    await vnic.detach(overlay, registry);
    vnic.problem = `overlay ${name} is made anew`;
  }
  registry.overlays.delete(name);
  await overlay.takeDown();
  return vnics.map((vnic) => vnic.name);
}

export async function addOverlay(registry: Registry, to: DeclaredOverlay, plugins: FoundPlugins): Promise<void> {
  const { name, vni, encap, search, configuration, targets } = to;
  refuse(takenIn(registry).overlay({ name, encap, vni }));
  const found = plugins.get(search) ?? null;
  const overlay = newOverlay(registry, { name, vni, encap, search, temporary: false }, found, configuration);
  for (const [mac, target] of targets) overlay.statics.set(mac, target);
  await keep(registry, name, () => saveOverlay(registry, overlay));
  enter(registry, overlay);
}

async function addVnic(registry: Registry, to: VnicModel): Promise<void> {
  const { name } = to;
  // what had to go first may still be there
  refuse(takenIn(registry).newVnic(to));
  const vnic = new Vnic({ ...to, temporary: false });
  vnic.isNew = true;
  // Kept first, as by create-vnic: whatever happens then, a restart finds the interface's owner.
  await keep(registry, name, () => saveVnic(registry, vnic));
  registry.vnics.set(name, vnic);
}

/** Saves it as declared; the place is told when all is done. */
async function keep(registry: Registry, name: string, save: () => Promise<void>): Promise<void> {
  const place = registry.fileOwned.place(name);
  registry.fileOwned.add(name, place ?? '');
  try {
    await save();
  } catch (thrown) {
    if (place === null) registry.fileOwned.delete(name);
    throw thrown;
  }
}

/** True when the running plugin cannot take the change, and another instance has to. */
export function needsSwap(
  registry: Registry,
  { overlay: { name }, swap, properties }: OverlayChange<DeclaredOverlay>,
): boolean {
  const { plugin } = overlayOf(registry, name);
  return swap.length > 0 || !plugin.takes(properties);
}

/** As modify-overlay does, but a property may also go back to its default. */
export async function changeInPlace(registry: Registry, step: OverlayChange<DeclaredOverlay>): Promise<void> {
  const { overlay: to, properties: names } = step;
  const overlay = overlayOf(registry, to.name);
  if (names.length > 0) await changeAndKeep(registry, overlay, to.configuration, names);
  await changeTargets(registry, step, step.put);
}

/** Targets that are declared no more go at once: a plugin that comes may have no use for them. */
export async function changeTargets(
  registry: Registry,
  { overlay: { name }, forget: gone }: OverlayChange,
  targets: ReadonlyMap<string, Target>,
): Promise<void> {
  if (targets.size + gone.length === 0) return;
  const overlay = overlayOf(registry, name);
  try {
    for (const mac of gone) if (overlay.statics.has(mac)) forget(overlay, mac);
    for (const [mac, target] of targets) put(overlay, mac, target);
  } finally {
    await saveOverlay(registry, overlay);
  }
}

/** Outside of a turn: another instance starts, and nothing waits for it. */
export async function swapPlugin(
  registry: Registry,
  step: OverlayChange<DeclaredOverlay>,
  plugins: FoundPlugins,
): Promise<void> {
  const { overlay: to, properties, put: targets } = step;
  const overlay = overlayOf(registry, to.name);
  const found = plugins.get(to.search);
  if (found === undefined) throw new Error(`there is no search plugin ${to.search}`);
  await swapTo(registry, overlay, { found, configuration: to.configuration, names: properties });
  await registry.serial.run(() => changeTargets(registry, step, targets));
}
