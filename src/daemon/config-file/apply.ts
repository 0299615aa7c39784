/**
 * Makes what a file declares of what there is. A step that fails says why and holds up no other; whoever calls tries
 * again later, and gets the steps that are left.
 */
import type { Declaration } from '../../config/model.js';
import { type OverlayChange, plan, type Step } from '../../config/plan.js';
import { messageOf } from '../../errors.js';
import { checkMtu } from '../../overlay-properties/overlay-properties.js';
import { underlayMtu } from '../../system/link.js';
import { saveOverlay, saveVnic, type World } from '../commands/registry.js';
import { modelsOf } from './model.js';
import {
  addOverlay,
  changeInPlace,
  changeTargets,
  clearAway,
  type FoundPlugins,
  needsSwap,
  swapPlugin,
  takeStep,
} from './steps.js';

/** A file that is right. */
export interface Wanted {
  /** Absolute path. */
  readonly file: string;
  readonly declaration: Declaration;
  /** All that it names. */
  readonly plugins: FoundPlugins;
}

export class Applied {
  /** What was done, a phrase an object: `overlay0: changed (mtu)`. */
  readonly done = new Map<string, string>();
  /** By name of the object, why what the file says of it is not in effect. */
  readonly failures = new Map<string, string>();
  /** Names of the objects that repair should look at. */
  readonly touched = new Set<string>();
  /** What is left to do outside of a turn. */
  readonly swaps: OverlayChange[] = [];
}

/** In a turn: everything but starting other instances of search plugins for overlays that have one. */
export async function applyInTurn(world: World, wanted: Wanted): Promise<Applied> {
  const { file, declaration } = wanted;
  const applied = new Applied();
  await adopt(world, wanted, applied);
  const specsOf = (search: string) => wanted.plugins.get(search)?.manifest.properties ?? [];
  for (const step of plan(modelsOf(world).declared, declaration, specsOf)) {
    if (world.isEnding()) break;
    const name = nameOf(step);
    // what should come back while its predecessor could not go: why not is said already
    if (step.do.startsWith('add-') && applied.failures.has(name)) continue;
    await trying(applied, name, async () => {
      if (step.do === 'change-overlay') await change(world, step, wanted, applied);
      else for (const touched of await takeStep(world, step, wanted.plugins)) applied.touched.add(touched);
      if (!applied.done.has(name)) applied.done.set(name, phraseOf(step));
    });
  }
  const { declared } = world;
  for (const [name, line] of declaration.lines) if (declared.has(name)) declared.add(name, `${file}:${line}`);
  checkMtus(world, declaration, applied);
  return applied;
}

/** Outside of a turn: what {@link applyInTurn} left. Overlays do not wait for each other. */
export async function applySwaps(world: World, { plugins }: Wanted, applied: Applied): Promise<void> {
  const swaps = applied.swaps.splice(0).map((step) =>
    trying(applied, step.overlay.name, async () => {
      await swapPlugin(world, step, plugins);
      applied.done.set(step.overlay.name, phraseOf(step));
    }),
  );
  await Promise.all(swaps);
}

/** No file declares anything any more: what was declared is like anything that a command made. */
export async function release(world: World): Promise<void> {
  for (const name of world.declared.names) {
    world.declared.delete(name);
    await saveAgain(world, name);
    world.log.info('no configuration file: what was declared is kept, and commands may change it', { name });
  }
}

/** What a command has made just as it is declared here is the file's from now on. */
async function adopt(world: World, { file, declaration }: Wanted, applied: Applied): Promise<void> {
  const { made } = modelsOf(world);
  for (const name of [...made.overlays.keys(), ...made.vnics.keys()]) {
    const line = declaration.lines.get(name);
    if (line === undefined) continue;
    world.declared.add(name, `${file}:${line}`);
    await trying(applied, name, async () => {
      await saveAgain(world, name).catch((thrown: unknown) => {
        world.declared.delete(name);
        throw thrown;
      });
      applied.done.set(name, 'was there, and is declared from now on');
    });
  }
}

async function saveAgain(world: World, name: string): Promise<void> {
  const [overlay, vnic] = [world.overlays.get(name), world.vnics.get(name)];
  if (overlay !== undefined) await saveOverlay(world, overlay);
  if (vnic !== undefined) await saveVnic(world, vnic);
}

async function change(world: World, step: OverlayChange, { plugins }: Wanted, applied: Applied): Promise<void> {
  const { overlay: to } = step;
  const isRunning = world.overlays.get(to.name)?.attachment != null;
  if (!needsSwap(world, step)) {
    await changeInPlace(world, step);
    applied.touched.add(to.name);
  } else if (isRunning) {
    await changeTargets(world, step, new Map());
    applied.swaps.push(step);
  } else {
    // nothing of it runs: a new one costs nobody a frame
    for (const name of await clearAway(world, to.name)) applied.touched.add(name);
    await addOverlay(world, to, plugins);
    applied.touched.add(to.name);
  }
}

/** The commands refuse an MTU that does not fit the underlay; here its overlay says so, and works as far as it can. */
function checkMtus(world: World, { overlays }: Declaration, { failures }: Applied): void {
  for (const name of overlays.keys()) {
    const { mtu, socket } = world.overlays.get(name)?.configuration.settings ?? { mtu: null };
    try {
      if (mtu !== null) checkMtu(mtu, underlayMtu(socket.listen.ip), socket.listen.ip);
    } catch (thrown) {
      if (!failures.has(name)) failures.set(name, messageOf(thrown));
    }
  }
}

async function trying({ failures }: Applied, name: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (thrown) {
    failures.set(name, messageOf(thrown));
  }
}

function nameOf(step: Step): string {
  if ('name' in step) return step.name;
  return 'vnic' in step ? step.vnic.name : step.overlay.name;
}

function phraseOf(step: Step): string {
  switch (step.do) {
    case 'remove-vnic':
    case 'remove-overlay':
      return step.because.length > 0 ? `made anew (${step.because.join(', ')})` : 'removed';
    case 'detach-vnic':
      return `joined anew (${step.because.join(', ')})`;
    case 'change-overlay': {
      const targets = step.put.size + step.forget.length > 0 ? ['targets'] : [];
      return `changed (${[...step.swap, ...step.properties, ...targets].join(', ')})`;
    }
    case 'add-overlay':
    case 'add-vnic':
      return 'added';
  }
}
