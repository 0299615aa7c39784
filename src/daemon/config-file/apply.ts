/**
 * Makes what a file declares of what there is. A step that fails says why and holds up no other; whoever calls tries
 * again later, and gets the steps that are left.
 */
import type { Declaration, DeclaredOverlay } from '../../config/model.js';
import { type OverlayChange, plan, type Step } from '../../config/plan.js';
import { messageOf } from '../../errors.js';
import { type Registry, saveOverlay, saveVnic } from '../commands/registry.js';
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

export class ApplyReport {
  /** What was done, a phrase an object: `overlay0: changed (mtu)`. */
  readonly done = new Map<string, string>();
  /** By name of the object, why what the file says of it is not in effect. */
  readonly failures = new Map<string, string>();
  /** Names of the objects that repair should look at. */
  readonly touched = new Set<string>();
  /** What is left to do outside of a turn. */
  readonly swaps: OverlayChange<DeclaredOverlay>[] = [];
}

/** In a turn: everything but starting other instances of search plugins for overlays that have one. */
export async function applyInTurn(registry: Registry, wanted: Wanted): Promise<ApplyReport> {
  const { file, declaration } = wanted;
  const report = new ApplyReport();
  await adopt(registry, wanted, report);
  const specsOf = (search: string) => wanted.plugins.get(search)?.manifest.properties ?? [];
  for (const step of plan(modelsOf(registry).declared, declaration, specsOf)) {
    if (registry.isEnding()) break;
    const name = nameOf(step);
    // what should come back while its predecessor could not go: why not is said already
    if (step.do.startsWith('add-') && report.failures.has(name)) continue;
    await trying(report, name, async () => {
      if (step.do === 'change-overlay') await change(registry, step, wanted, report);
      else for (const touched of await takeStep(registry, step, wanted.plugins)) report.touched.add(touched);
      if (!report.done.has(name)) report.done.set(name, phraseOf(step));
    });
  }
  const { fileOwned } = registry;
  for (const [name, line] of declaration.lines) if (fileOwned.has(name)) fileOwned.add(name, `${file}:${line}`);
  checkMtus(registry, declaration, report);
  return report;
}

/** Outside of a turn: what {@link applyInTurn} left. Overlays do not wait for each other. */
export async function applySwaps(registry: Registry, { plugins }: Wanted, report: ApplyReport): Promise<void> {
  const swaps = report.swaps.splice(0).map((step) =>
    trying(report, step.overlay.name, async () => {
      await swapPlugin(registry, step, plugins);
      report.done.set(step.overlay.name, phraseOf(step));
    }),
  );
  await Promise.all(swaps);
}

/** No file declares anything any more: what was declared is like anything that a command made. */
export async function release(registry: Registry): Promise<void> {
  for (const name of registry.fileOwned.names) {
    registry.fileOwned.delete(name);
    await saveAgain(registry, name);
    registry.log.info('no configuration file: what was declared is kept, and commands may change it', { object: name });
  }
}

/** What a command has made just as it is declared here is the file's from now on. */
async function adopt(registry: Registry, { file, declaration }: Wanted, report: ApplyReport): Promise<void> {
  const { made } = modelsOf(registry);
  for (const name of [...made.overlays.keys(), ...made.vnics.keys()]) {
    const line = declaration.lines.get(name);
    if (line === undefined) continue;
    registry.fileOwned.add(name, `${file}:${line}`);
    await trying(report, name, async () => {
      await saveAgain(registry, name).catch((thrown: unknown) => {
        registry.fileOwned.delete(name);
        throw thrown;
      });
      report.done.set(name, 'was there, and is declared from now on');
    });
  }
}

async function saveAgain(registry: Registry, name: string): Promise<void> {
  const [overlay, vnic] = [registry.overlays.get(name), registry.vnics.get(name)];
  if (overlay !== undefined) await saveOverlay(registry, overlay);
  if (vnic !== undefined) await saveVnic(registry, vnic);
}

async function change(
  registry: Registry,
  step: OverlayChange<DeclaredOverlay>,
  { plugins }: Wanted,
  report: ApplyReport,
): Promise<void> {
  const { overlay: to } = step;
  const isRunning = registry.overlays.get(to.name)?.attachment != null;
  if (!needsSwap(registry, step)) {
    await changeInPlace(registry, step);
    report.touched.add(to.name);
  } else if (isRunning) {
    await changeTargets(registry, step, new Map());
    report.swaps.push(step);
  } else {
    // nothing of it runs: a new one costs nobody a frame
    for (const name of await clearAway(registry, to.name)) report.touched.add(name);
    await addOverlay(registry, to, plugins);
    report.touched.add(to.name);
  }
}

/** The commands refuse an MTU that does not fit the underlay; here its overlay says so, and works as far as it can. */
function checkMtus(registry: Registry, { overlays }: Declaration, { failures }: ApplyReport): void {
  for (const name of overlays.keys()) {
    const overlay = registry.overlays.get(name);
    try {
      if (overlay !== undefined && overlay.configuration.settings.mtu !== null) overlay.checkMtu();
    } catch (thrown) {
      if (!failures.has(name)) failures.set(name, messageOf(thrown));
    }
  }
}

async function trying({ failures }: ApplyReport, name: string, action: () => Promise<void>): Promise<void> {
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
    case 'change-vnic':
      return `changed (${step.because.join(', ')})`;
    case 'change-overlay': {
      const targets = step.put.size + step.forget.length > 0 ? ['targets'] : [];
      return `changed (${[...step.swap, ...step.properties, ...targets].join(', ')})`;
    }
    case 'add-overlay':
    case 'add-vnic':
      return 'added';
  }
}
