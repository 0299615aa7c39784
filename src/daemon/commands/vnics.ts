/** Commands that make and delete VNICs. Each is all or nothing. */
import { parseMac } from '../../address.js';
import { refuse, wantedMac } from '../../config/rules.js';
import { TakenTable } from '../../config/taken-table.js';
import { vnicAddresses } from '../../config/vnic-address.js';
import type { CreateTrunk, CreateVnic, ModifyVnic } from '../../control/protocol.js';
import { badTrunk, interfaceStays, messageOf, nothingToModifyOfVnic, trunkPartlyGone } from '../../errors.js';
import { allowedIps, checkProtection, type LinkProtection, protections, UNPROTECTED } from '../../link-protection.js';
import { checkLimits, UNLIMITED } from '../../rate-limits.js';
import { TRUNK_WITHOUT_ADDRESSES, trunkMembers } from '../../trunk.js';
import { Vnic, type VnicChange } from '../overlay/vnic.js';
import type { Unloaded } from '../state/store.js';
import type { Facts } from '../state/stored.js';
import { overlayOf, type Registry, saveVnic, vnicOf, vnicsOfTrunk } from './registry.js';
import { replacedBy, takenIn } from './taken.js';
import { allOrNothing, type UndoStack } from './undo.js';

export async function createVnic(registry: Registry, request: CreateVnic): Promise<Vnic> {
  const wanted = checkedVnic(registry, request);
  await allOrNothing(registry.log, (undo) => make(registry, wanted, undo));
  return wanted.vnic;
}

/** All its VNICs, or none: each is looked at before the first touches an interface. */
export async function createTrunk(registry: Registry, { members, ...common }: CreateTrunk): Promise<Vnic[]> {
  const places = members.map(({ vlan, overlay }) => [String(vlan), overlay] as const);
  const among = new TakenTable();
  const wanted = trunkMembers(common.name, places).map((member) => {
    const each = checkedVnic(registry, { ...common, ...member, allowAnyMac: true });
    refuse(among.newVnic(each.vnic.identity));
    among.addVnic(each.vnic.identity);
    return each;
  });
  await allOrNothing(registry.log, async (undo) => {
    for (const each of wanted) await make(registry, each, undo);
  });
  return wanted.map(({ vnic }) => vnic);
}

interface Wanted {
  readonly vnic: Vnic;
  /** The interface that it takes over; null: one is made. */
  readonly existing: Vnic['place'] | null;
  /** One of its name that is not loaded, and gives way to it. */
  readonly replaced: Unloaded | undefined;
}

async function make(registry: Registry, { vnic, existing, replaced }: Wanted, undo: UndoStack): Promise<void> {
  const { log, state, vnics } = registry;
  const { name, identity } = vnic;
  const overlay = overlayOf(registry, identity.overlay);
  if (replaced !== undefined) {
    const putBack = await state.vnics.giveWay(replaced, !identity.temporary);
    undo.push(`put back what VNIC ${name} was`, putBack);
  }
  // Kept first: whatever happens between the two, a restart finds the interface's owner.
  undo.push(`forget VNIC ${name}`, () => state.vnics.remove(name));
  await saveVnic(registry, vnic);
  vnic.create(overlay, registry, existing);
  vnics.set(name, vnic);
  undo.push(`take back VNIC ${name}`, () => vnic.takeBack(overlay, registry));
  undo.push(`forget VNIC ${name}`, () => void vnics.delete(name));
  log.info('VNIC created', { vnic: name, overlay: overlay.name, mac: identity.mac });
}

function checkedVnic(registry: Registry, request: CreateVnic): Wanted {
  const overlay = overlayOf(registry, request.overlay);
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
    // Kept over a restart without its overlay, a VNIC could only fail.
    temporary: request.temporary || overlay.identity.temporary,
  };
  if (trunk !== undefined && identity.addresses.length > 0) throw badTrunk(name, TRUNK_WITHOUT_ADDRESSES);
  const replaced = replacedBy(registry.state.vnics, name);
  refuse(takenIn(registry, { replaced }).newVnic(identity));
  checkProtection(identity);
  overlay.attached();
  const vnic = new Vnic(identity, { mtuGiven: overlay.mtu });
  const existing = request.adopt === true ? vnic.place : null;
  if (vnic.isShared(registry)) return { vnic, existing, replaced };
  const leftOver = replaced && vnic.leftOver(registry);
  if (leftOver !== undefined) return { vnic, existing: leftOver, replaced };
  if (existing === null) vnic.checkNew();
  else vnic.checkAdopted();
  return { vnic, existing, replaced };
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

/** A VNIC, or all those of the trunk of that name, also those that are not loaded. */
export async function deleteVnics(registry: Registry, name: string): Promise<void> {
  const names = namesOf(registry, name);
  for (const each of names) registry.fileOwned.refuse(each);
  const gone: string[] = [];
  for (const each of names) {
    try {
      await deleteVnic(registry, each);
      gone.push(each);
    } catch (thrown) {
      throw gone.length === 0 ? thrown : trunkPartlyGone(name, gone, thrown);
    }
  }
}

function namesOf(registry: Registry, name: string): string[] {
  const { unloaded } = registry.state.vnics;
  if (registry.vnics.has(name) || unloaded.has(name)) return [name];
  const left = [...unloaded.values()].filter(({ trunk }) => trunk?.name === name);
  const members = [...vnicsOfTrunk(registry, name), ...left].map((each) => each.name);
  return members.length > 0 ? members : [name];
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
