/**
 * VNICs whose interfaces other tools handle: what can be followed is, what cannot is said, and an interface that is
 * gone is let go. Each of these runs in a turn.
 */
import { refuse, vnicMac } from '../../config/rules.js';
import { macIsProtected, messageOf } from '../../errors.js';
import type { Vnic } from '../overlay/vnic.js';
import { reattach } from './bring-up.js';
import type { Registry } from './registry.js';
import { takenIn } from './taken.js';
import { whyOf } from './unloaded.js';

/** A health line names so many VNICs that are down. */
const NAMED_MAX = 3;

type SickVnic = Pick<Vnic, 'name' | 'problem' | 'isDown'>;

/** Looks at the interface of a VNIC. */
export async function follow(registry: Registry, vnic: Vnic): Promise<void> {
  const changes = vnic.look(registry);
  if (changes === null) return letGo(registry, vnic);
  const { name } = vnic;
  if (changes.length > 0) registry.log.info('the interface of a VNIC was changed', { vnic: name, changes });
  followMac(registry, vnic);
}

function followMac(registry: Registry, vnic: Vnic): void {
  const { log, fileOwned } = registry;
  const [from, mac] = [vnic.mac, vnic.foreignMac];
  if (mac === null) {
    vnic.macRefusal = '';
    return;
  }
  try {
    if (vnic.keepsItsMac) throw macIsProtected(from);
    refuse(takenIn(registry, { but: vnic }).vnic({ ...vnic.identity, mac: vnicMac(mac) }));
    vnic.takeMac(mac, !fileOwned.has(vnic.name), registry);
    vnic.macRefusal = '';
    log.warn('a VNIC has the MAC that its interface was given', { vnic: vnic.name, from, to: mac });
  } catch (thrown) {
    const reason = `its interface was given the MAC ${mac}, and no frame flows: ${messageOf(thrown)}`;
    if (vnic.macRefusal !== reason)
      log.warn('a VNIC cannot have the MAC of its interface', { vnic: vnic.name, reason });
    vnic.macRefusal = reason;
  }
}

/** Somebody deleted the interface of a VNIC, or its namespace is gone and took it along. */
export async function letGo(registry: Registry, vnic: Vnic): Promise<void> {
  const { netns, namespaces } = vnic;
  const isWithNamespace = namespaces !== null && !registry.interfaces.isHeld(namespaces.inode);
  if (isWithNamespace) return gone(registry, vnic, `with its network namespace (${netns})`);
  registry.log.warn('the interface of a VNIC was deleted', { vnic: vnic.name });
  await leave(registry, vnic, 'its interface was deleted');
}

/** Nobody but our own descriptors holds a namespace any more, by its inode. */
export async function letNamespaceGo(registry: Registry, inode: number): Promise<void> {
  const elsewhere: Vnic[] = [];
  for (const vnic of registry.vnics.values()) {
    const { namespaces, netns } = vnic;
    if (namespaces?.inode === inode) await gone(registry, vnic, `with its network namespace (${netns})`);
    else if (namespaces?.home === inode && !vnic.identity.temporary) elsewhere.push(vnic);
  }
  // Their interfaces are elsewhere: opened there, descriptors hold that namespace. Several VNICs may share one.
  for (const vnic of elsewhere) await vnic.detach(registry.overlays.get(vnic.identity.overlay), registry);
  for (const vnic of elsewhere) await reattach(registry, vnic);
}

async function gone(registry: Registry, vnic: Vnic, how: string): Promise<void> {
  registry.log.warn('the interface of a VNIC is gone with its network namespace', {
    vnic: vnic.name,
    netns: vnic.netns,
  });
  await leave(registry, vnic, `its interface is gone ${how}`);
}

async function leave(registry: Registry, vnic: Vnic, reason: string): Promise<void> {
  vnic.problem = `${reason} (vxlane reload makes it again; delete-vnic forgets it)`;
  // Should somebody hold the namespace after all, the interface is there for whoever finds it.
  await vnic.detach(registry.overlays.get(vnic.identity.overlay), registry);
}

/** What is wrong with VNICs is the health of their overlays: how many are down and why, what else is odd. */
export function sayVnics({ overlays, restless, vnics, state }: Registry): void {
  const sick = new Map<string, SickVnic[]>();
  const counts = new Map<string, number>();
  for (const vnic of vnics.values()) {
    const { overlay } = vnic.identity;
    counts.set(overlay, (counts.get(overlay) ?? 0) + 1);
    if (vnic.problem !== '' && !vnic.isUntried) sick.set(overlay, [...(sick.get(overlay) ?? []), vnic]);
  }
  for (const unloaded of state.vnics.unloaded.values()) {
    const { name, overlay } = unloaded;
    if (overlay === undefined) continue;
    counts.set(overlay, (counts.get(overlay) ?? 0) + 1);
    sick.set(overlay, [...(sick.get(overlay) ?? []), { name, problem: whyOf(unloaded), isDown: true }]);
  }
  for (const [name, on] of sick) overlays.get(name)?.health.degrade('vnics', describe(on, counts.get(name)!));
  // One that is DEGRADED is not at rest.
  for (const { name, health } of restless) if (!sick.has(name)) health.restore('vnics');
}

function describe(sick: readonly SickVnic[], count: number): string {
  const down = sick.filter((vnic) => vnic.isDown);
  const odd = sick.filter((vnic) => !vnic.isDown);
  const verb = down.length === 1 ? 'is' : 'are';
  return [
    ...(down.length > 0
      ? [`${down.length} of ${count} VNIC${count === 1 ? '' : 's'} ${verb} down: ${named(down)}`]
      : []),
    ...(odd.length > 0 ? [`VNIC ${named(odd)}`] : []),
  ].join('; ');
}

function named(vnics: readonly SickVnic[]): string {
  const more = vnics.length - NAMED_MAX;
  const first = vnics.slice(0, NAMED_MAX).map(({ name, problem }) => `${name}: ${problem}`);
  return [...first, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
