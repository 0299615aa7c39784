// Trunks of tests without TAPs.

import type { Core } from '../support/core.js';

/** Of all TAPs of a trunk: nobody writes to it. */
export const FD = 99;

/** A TAP that several VNICs share. */
export const trunkOf = (core: Core): number => core.tables.addTrunk([FD]);

/** A VNIC of it, with the frames of a VLAN id. */
export function member(core: Core, trunk: number, vlan: number, overlay: number, mac: string): number {
  const index = core.tables.addVnic({ overlay, mac, allowAnyMac: true, fds: [FD], trunk: { trunk, vlan } });
  core.put(overlay, mac, { kind: 'local', vnic: index }, true);
  return index;
}
