/** Commands that make and delete VNICs. Each is all or nothing. */
import { parseMac } from '../../address.js';
import { refuse, wantedMac } from '../../config/rules.js';
import { vnicAddresses } from '../../config/vnic-address.js';
import type { CreateVnic, ModifyVnic } from '../../control/protocol.js';
import { badTrunk, interfaceStays, messageOf, nothingToModifyOfVnic, trunkDiffers } from '../../errors.js';
import { allowedIps, checkProtection, type LinkProtection, protections, UNPROTECTED } from '../../link-protection.js';
import { checkLimits, UNLIMITED } from '../../rate-limits.js';
import type { TrunkPlace } from '../../trunk.js';
import type { Overlay } from '../overlay/overlay.js';
import { Vnic, type VnicChange } from '../overlay/vnic.js';
import type { Facts } from '../state/stored.js';
import { overlayOf, type Registry, saveVnic, vnicOf, vnicsOfTrunk } from './registry.js';
import { takenIn } from './taken.js';
import { allOrNothing } from './undo.js';

export function createVnic(registry: Registry, request: CreateVnic): Promise<Vnic> {
  const overlay = overlayOf(registry, request.overlay);
  const vnic = checkedVnic(registry, overlay, request);
  return allOrNothing(registry.log, async (undo) => {
    // Kept first: whatever happens between the two, a restart finds the interface's owner.
    undo.push(`forget VNIC ${vnic.name}`, () => registry.state.vnics.remove(vnic.name));
    await saveVnic(registry, vnic);
    vnic.create(overlay, registry, request.adopt);
    registry.vnics.set(vnic.name, vnic);
    registry.log.info('VNIC created', { vnic: vnic.name, overlay: overlay.name, mac: vnic.identity.mac });
    return vnic;
  });
}

function checkedVnic(registry: Registry, overlay: Overlay, request: CreateVnic): Vnic {
  const { name, netns = null, trunk } = request;
  const mac = wantedMac(request.mac, request);
  const identity = {
    name,
    overlay: overlay.name,
    mac,
    netns,
    allowAnyMac: request.allowAnyMac || trunk !== undefined,
    trunk,
    addresses: vnicAddresses(request.addresses ?? []),
    ...protectionOf(request),
    ...checkLimits(request),
  };
  refuse(takenIn(registry).vnic(identity));
  checkProtection(identity);
  overlay.attached();
  // Kept over a restart without its overlay, a VNIC could only fail.
  const temporary = request.temporary || overlay.identity.temporary;
  const vnic = new Vnic({ ...identity, temporary }, { mtuGiven: overlay.mtu });
  if (trunk !== undefined) checkMember(registry, vnic, trunk);
  if (vnic.isShared(registry)) return vnic;
  if (request.adopt === true) vnic.checkAdopted();
  else vnic.checkNew();
  return vnic;
}

/** Of one interface there is one MAC, one place and one end, and its addresses would send without a tag. */
function checkMember(registry: Registry, { identity }: Vnic, trunk: TrunkPlace): void {
  if (identity.addresses.length > 0) throw badTrunk(identity.name, 'its interface has no addresses: frames need a tag');
  const [other] = vnicsOfTrunk(registry, trunk.name);
  if (other === undefined) return;
  for (const key of ['mac', 'netns', 'temporary'] as const) {
    const there = other.identity[key];
    if (identity[key] !== there) throw trunkDiffers(identity.name, trunk.name, key, String(there ?? "the daemon's"));
  }
}

/** What is asked for, in canonical text. */
export function protectionOf(asked: {
  readonly protection?: readonly string[] | undefined;
  readonly allowedIps?: readonly string[] | undefined;
}): LinkProtection {
  return { protection: protections(asked.protection ?? []), allowedIps: allowedIps(asked.allowedIps ?? []) };
}

/** What is asked for of its protection and limits; the rest stays. */
export async function modifyVnic(registry: Registry, name: string, request: ModifyVnic): Promise<Vnic> {
  const vnic = vnicOf(registry, name);
  if (Object.values(request).every((value) => value === undefined)) throw nothingToModifyOfVnic(name);
  const { addresses, ...before } = vnic.identity;
  const asked = { ...before, ...request };
  await changeVnic(registry, name, { addresses, ...protectionOf(asked), ...checkLimits(asked) });
  const { protection, allowedIps, rateBps, ratePps, stormPps } = vnic.identity;
  registry.log.info('VNIC modified', { vnic: name, protection, allowedIps, rateBps, ratePps, stormPps });
  return vnic;
}

/**
 * These are its addresses, protection and limits from now on. Of addresses, what was put on its interface before goes,
 * what others put there stays.
 */
export async function changeVnic(registry: Registry, name: string, to: VnicChange): Promise<void> {
  const vnic = vnicOf(registry, name);
  const before = vnic.identity;
  checkProtection({ ...before, ...to });
  vnic.change(to);
  try {
    // Kept first: whatever happens then, a restart knows what is ours.
    await saveVnic(registry, vnic);
  } catch (thrown) {
    vnic.change(before);
    throw thrown;
  }
  await vnic.guard(registry);
  vnic.giveAddresses();
}

/**
 * A VNIC whose interface cannot be removed stays, and says why: nothing else would know of the interface. Its file is
 * put away first and removed last, so that a crash in between leaves what {@link finishRemovals} needs.
 */
export async function deleteVnic(registry: Registry, name: string): Promise<void> {
  const { log, state, vnics } = registry;
  const unloaded = vnics.has(name) ? undefined : state.vnics.unloaded.get(name);
  const vnic = unloaded === undefined ? vnicOf(registry, name) : leftOver(unloaded);
  await allOrNothing(log, async (undo) => {
    if (!vnic.identity.temporary) {
      await state.vnics.beginRemoval(name);
      undo.push(`keep VNIC ${name}`, () => state.vnics.cancelRemoval(name));
    }
    await removeInterface(registry, vnic);
  });
  vnics.delete(name);
  await state.vnics.endRemoval(name);
  log.info('VNIC deleted', { vnic: name });
}

/** At the start, before anything is loaded: what was being deleted when the daemon ended goes, or is there again. */
export async function finishRemovals(registry: Registry): Promise<void> {
  const { log, state } = registry;
  const all = await state.vnics.leaving();
  const isTrunk = all.some(({ trunk }) => trunk !== undefined);
  const staying = new Set(isTrunk ? (await state.vnics.load()).map(({ trunk }) => trunk?.name) : []);
  for (const leaving of all) {
    const vnic = leftOver(leaving);
    const isShared = leaving.trunk !== undefined && staying.has(leaving.trunk.name);
    try {
      if (!isShared) await vnic.remove(undefined, registry);
      await state.vnics.endRemoval(vnic.name);
      log.info('VNIC deleted, as was begun before the daemon ended', { vnic: vnic.name });
    } catch (thrown) {
      const fields = { vnic: vnic.name, reason: messageOf(thrown) };
      log.warn('a VNIC was being deleted when the daemon ended, and stays', fields);
      // Where nothing can be written the next start tries again.
      await state.vnics.cancelRemoval(vnic.name).catch((cause: unknown) => {
        log.warn('a VNIC stays, and cannot be loaded', { vnic: vnic.name, reason: messageOf(cause) });
      });
    }
  }
}

/** A VNIC of which no more is known than what is left of its file; by its name alone its mark can be told. */
function leftOver({
  name,
  overlay = '',
  mac: text = '',
  netns = null,
  trunk,
}: Facts & { readonly name: string }): Vnic {
  const mac = parseMac(text) ?? '';
  return new Vnic({
    ...UNPROTECTED,
    ...UNLIMITED,
    name,
    overlay,
    mac,
    netns,
    trunk,
    allowAnyMac: false,
    addresses: [],
    temporary: false,
  });
}

async function removeInterface(registry: Registry, vnic: Vnic): Promise<void> {
  const overlay = registry.overlays.get(vnic.identity.overlay);
  try {
    await vnic.remove(overlay, registry);
  } catch (thrown) {
    vnic.problem = messageOf(thrown);
    throw interfaceStays(vnic.name, thrown);
  }
}
