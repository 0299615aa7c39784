/** What the datapath is told of an overlay. */
import type { OverlayConfig, SocketIndex } from '../../datapath/types.js';
import type { Flooding } from '../forwarding/flooding.js';
import type { Overlay } from './overlay.js';

/** From its configuration, its plugin and its VNICs as they are now. */
export function datapathConfig(
  { identity, configuration, search, vnics }: Overlay,
  { socket, gso, flooding }: { socket: SocketIndex; gso: boolean; flooding?: Flooding },
): OverlayConfig {
  const { strictHeader, vlan } = configuration.settings;
  const { isPoint, point } = search;
  const isOffloaded = configuration.settings.socket.offload === 'auto';
  return {
    vni: identity.vni,
    socket,
    strictHeader,
    vlan,
    point: isPoint ? (point ?? 'drop') : null,
    lookup: !isPoint,
    ...(flooding?.configOf(search.flood) ?? { flood: null, learn: false }),
    proxyArp: search.can('arp'),
    proxyNdp: search.can('ndp'),
    proxyDhcp: search.can('dhcp'),
    segment: isOffloaded && gso,
    coalesceTcp: isOffloaded,
    coalesceUdp: isOffloaded && [...vnics.values()].every((vnic) => vnic.takesUdpSuperFrames),
  };
}
