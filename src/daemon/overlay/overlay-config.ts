/** What the datapath is told of an overlay. */
import type { OverlayConfig, SocketIndex } from '../../datapath/types.js';
import type { Flooding } from '../forwarding/flooding.js';
import type { Overlay } from './overlay.js';

/** From its configuration, its plugin and its VNICs as they are now. */
export function datapathConfig(
  { identity, configuration, plugin, vnics }: Overlay,
  { socket, gso, flooding }: { socket: SocketIndex; gso: boolean; flooding?: Flooding },
): OverlayConfig {
  const { strictHeader, vlan } = configuration.settings;
  const { isPoint, point } = plugin;
  const isOffloaded = configuration.settings.socket.offload === 'auto';
  return {
    vni: identity.vni,
    socket,
    strictHeader,
    vlan,
    point: isPoint ? (point ?? 'drop') : null,
    lookup: !isPoint,
    ...(flooding?.configOf(plugin.flood) ?? { flood: null, learn: false }),
    proxyArp: plugin.can('arp'),
    proxyNdp: plugin.can('ndp'),
    proxyDhcp: plugin.can('dhcp'),
    segment: isOffloaded && gso,
    coalesceTcp: isOffloaded,
    coalesceUdp: isOffloaded && [...vnics.values()].every((vnic) => vnic.takesUdpSuperFrames),
  };
}
