/** What a changed configuration means for what is there already. */

import type { Sockets } from '../underlay/sockets.js';
import type { Overlay } from './overlay.js';

/** VNICs and the socket hear of it. `names`: the properties that differ. */
export function applyToVnics(overlay: Overlay, sockets: Sockets, names: readonly string[]): void {
  const { name, mtu, configuration, vnics } = overlay;
  // Else an MTU that the operator gave an interface stays, and a trouble with one stops no other change.
  if (names.includes('mtu')) for (const vnic of vnics.values()) vnic.setMtu(mtu);
  if (!names.includes('offload')) return;
  const { socket } = configuration.settings;
  sockets.setOffload(name, socket);
  for (const vnic of vnics.values()) vnic.setOffload(socket.offload);
}
