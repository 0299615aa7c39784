/** Commands on the targets of an overlay: where the operator, or the plugin, says MACs are. */
import { setImmediate } from 'node:timers/promises';
import { formatEndpoint, ipFamily, isGroupMac, parseEndpoint, parseMac } from '../../address.js';
import {
  badDestination,
  badMac,
  badTargetMac,
  noSuchTarget,
  pointsToItself,
  targetIsVnic,
  targetsOfPoint,
  wrongFamily,
} from '../../errors.js';
import { isOwnEndpoint } from '../../overlay-properties/overlay-properties.js';
import type { Target } from '../../search/api.js';
import { isHostAddress } from '../../search/host/answers.js';
import type { Overlay } from '../overlay/overlay.js';
import { overlayOf, type Registry, saveOverlay, vnicsOn } from './registry.js';
import { allOrNothing } from './undo.js';

/** Entries: a few milliseconds of a large table. */
const FLUSHED_AT_ONCE = 4096;

export async function setTarget(registry: Registry, name: string, macText: string, destination: string): Promise<void> {
  const overlay = dynamicOverlay(registry, name);
  const mac = canonical(macText);
  if (isGroupMac(mac)) throw badTargetMac(mac);
  refuseVnic(registry, overlay, mac);
  const target = parseTarget(overlay, destination);
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
  const mac = canonical(macText);
  refuseVnic(registry, overlay, mac);
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
  if (overlay.plugin.isPoint) throw targetsOfPoint(name, overlay.plugin.name);
  return overlay;
}

function canonical(text: string): string {
  const mac = parseMac(text);
  if (mac === null) throw badMac(text);
  return mac;
}

function refuseVnic(registry: Registry, overlay: Overlay, mac: string): void {
  const vnic = vnicsOn(registry, overlay.name).find((each) => each.identity.mac === mac);
  if (vnic !== undefined) throw targetIsVnic(overlay.name, mac, vnic.name);
}

function parseTarget(overlay: Overlay, text: string): Target {
  if (text.toLowerCase() === 'drop') return 'drop';
  const endpoint = parseEndpoint(text);
  if (endpoint === null || !isHostAddress(endpoint.ip)) throw badDestination(text);
  const { listen } = overlay.configuration.settings.socket;
  if (ipFamily(endpoint.ip) !== ipFamily(listen.ip)) throw wrongFamily(formatEndpoint(endpoint), listen.ip);
  const takesOwn = [...overlay.vnics.values()].some((vnic) => vnic.allowAnyMac);
  if (isOwnEndpoint(listen, endpoint) && !takesOwn) throw pointsToItself(overlay.name, formatEndpoint(endpoint));
  return endpoint;
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
