/** Commands that make and delete VNICs. Each is all or nothing. */
import { refuse, vnicMac } from '../../config/rules.js';
import type { CreateVnic } from '../../control/protocol.js';
import { interfaceStays, messageOf, overlayNotUp } from '../../errors.js';
import type { Overlay } from '../overlay/overlay.js';
import { Vnic } from '../overlay/vnic.js';
import { overlayOf, type Registry, saveVnic, takenIn, vnicOf } from './registry.js';
import { allOrNothing } from './undo.js';

export function createVnic(registry: Registry, request: CreateVnic): Promise<Vnic> {
  const overlay = overlayOf(registry, request.overlay);
  const vnic = checkedVnic(registry, overlay, request);
  return allOrNothing(registry.log, async (undo) => {
    // Kept first: whatever happens between the two, a restart finds the interface's owner.
    undo.push(`forget VNIC ${vnic.name}`, () => registry.state.vnics.remove(vnic.name));
    await saveVnic(registry, vnic);
    vnic.create(overlay, registry);
    registry.vnics.set(vnic.name, vnic);
    registry.log.info('VNIC created', { vnic: vnic.name, overlay: overlay.name, mac: vnic.identity.mac });
    return vnic;
  });
}

function checkedVnic(registry: Registry, overlay: Overlay, request: CreateVnic): Vnic {
  const { name, allowAnyMac, netns = null } = request;
  const mac = vnicMac(request.mac);
  refuse(takenIn(registry).vnic({ name, overlay: overlay.name, mac, allowAnyMac }));
  if (overlay.attachment === null) throw overlayNotUp(overlay.name, overlay.health.details);
  // Kept over a restart without its overlay, a VNIC could only fail.
  const temporary = request.temporary || overlay.identity.temporary;
  const vnic = new Vnic({ name, overlay: overlay.name, mac, netns, allowAnyMac, temporary }, overlay.mtu);
  vnic.checkNew();
  return vnic;
}

/** A VNIC whose interface cannot be removed stays, and says why: nothing else would know of the interface. */
export async function deleteVnic(registry: Registry, name: string): Promise<void> {
  const vnic = vnicOf(registry, name);
  await allOrNothing(registry.log, async (undo) => {
    undo.push(`keep VNIC ${name}`, () => saveVnic(registry, vnic));
    if (!vnic.identity.temporary) await registry.state.vnics.remove(name);
    await removeInterface(registry, vnic);
  });
  registry.vnics.delete(name);
  registry.log.info('VNIC deleted', { vnic: name });
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
