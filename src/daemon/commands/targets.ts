/** Commands on the targets of an overlay: where the operator, or the plugin, says MACs are. */
import { setImmediate } from 'node:timers/promises';
import { checkTakesTargets, targetMac, targetOf } from '../../config/rules.js';
import { noSuchTarget, notFrozen } from '../../errors.js';
import type { Target } from '../../search/api.js';
import type { Overlay } from '../overlay/overlay.js';
import { overlayOf, type Registry, saveOverlay } from './registry.js';
import { takenIn } from './taken.js';
import { allOrNothing } from './undo.js';

/** Entries: a few milliseconds of a large table. */
const FLUSHED_AT_ONCE = 4096;

export async function setTarget(registry: Registry, name: string, macText: string, destination: string): Promise<void> {
  const overlay = dynamicOverlay(registry, name);
  const { socket } = overlay.configuration.settings;
  const mac = targetMac(macText);
  const target = targetOf(destination, socket);
  const taken = takenIn(registry);
  taken.checkTargetMac(name, mac);
  taken.checkTarget(name, target, socket.listen);
  const before = overlay.statics.get(mac);
  await allOrNothing(registry.log, async (undo) => {
    undo.push(`set target ${mac} back`, () => {
      if (before === undefined) forget(overlay, mac);
      else put(overlay, mac, before);
    });
    put(overlay, mac, target);
    await saveOverlay(registry, overlay);
  });
}

export async function deleteTarget(registry: Registry, name: string, macText: string): Promise<void> {
  const overlay = dynamicOverlay(registry, name);
  const mac = targetMac(macText);
  takenIn(registry).checkTargetMac(name, mac);
  const before = overlay.statics.get(mac);
  if (before !== undefined) registry.fileOwned.refuse(name);
  if (!forget(overlay, mac)) throw noSuchTarget(name, mac);
  if (before === undefined) return;
  await allOrNothing(registry.log, async (undo) => {
    undo.push(`set target ${mac} back`, () => put(overlay, mac, before));
    await saveOverlay(registry, overlay);
  });
}

/** Forgets every target, static ones that commands set included; a VNIC's own MAC is not a target. */
export async function flushTargets(registry: Registry, name: string): Promise<void> {
  const overlay = dynamicOverlay(registry, name);
  const isDeclared = registry.fileOwned.has(name);
  const before = new Map(isDeclared ? [] : overlay.statics);
  const local = [...overlay.vnics.values()].map((vnic) => vnic.mac);
  const kept = new Set([...local, ...(isDeclared ? overlay.statics.keys() : [])]);
  for (const mac of before.keys()) if (!kept.has(mac)) forget(overlay, mac);
  await forgetEntries(overlay, kept);
  if (before.size === 0) return;
  await allOrNothing(registry.log, async (undo) => {
    undo.push(`set targets of ${name} back`, () => {
      for (const [mac, target] of before) put(overlay, mac, target);
    });
    await saveOverlay(registry, overlay);
  });
}

/** Throws when the MAC is not frozen. */
export function thaw(registry: Registry, name: string, mac: string): void {
  const { attachment } = overlayOf(registry, name);
  if (attachment?.flooding.learner.thaw(mac) !== true) throw notFrozen(name, mac);
  registry.log.info('a frozen MAC may move again', { overlay: name, mac });
  registry.events.tell('mac_thawed', { object: `mac ${mac}`, overlay: name });
}

/** Page by page, as there may be a million. Those that come meanwhile may be forgotten, or stay. */
async function forgetEntries(overlay: Overlay, kept: ReadonlySet<string>): Promise<void> {
  let after: string | null = null;
  do {
    const entries: readonly { mac: string }[] = overlay.attachment?.targets.page(after, FLUSHED_AT_ONCE) ?? [];
    for (const { mac } of entries) if (!kept.has(mac)) forget(overlay, mac);
    after = entries.length < FLUSHED_AT_ONCE ? null : entries.at(-1)!.mac;
    if (after !== null) await setImmediate();
  } while (after !== null);
}

function dynamicOverlay(registry: Registry, name: string): Overlay {
  const overlay = overlayOf(registry, name);
  checkTakesTargets(overlay.plugin.found?.manifest ?? null);
  return overlay;
}

/** Throws when there is no room. */
export function put(overlay: Overlay, mac: string, target: Target): void {
  const { attachment } = overlay;
  if (attachment?.upcalls.setStatic(mac, target) === false) throw attachment.targets.noRoom();
  overlay.statics.set(mac, target);
}

/** False when nothing was known. */
export function forget(overlay: Overlay, mac: string): boolean {
  const wasStatic = overlay.statics.delete(mac);
  const wasKnown = overlay.attachment?.upcalls.forget(mac) === true;
  return wasStatic || wasKnown;
}
