/** What is shown of objects that are kept and not loaded: that, why, and what their files say that can be read. */
import type { OverlayStatus, OverlayView, PropertyView, VnicView } from '../../control/protocol.js';
import type { State, Unloaded } from '../state/store.js';

export function unloadedOverlays({ overlays }: State): OverlayView[] {
  return [...overlays.unloaded.values()].map(overlayView);
}

export function unloadedStatuses({ overlays }: State): OverlayStatus[] {
  return [...overlays.unloaded.values()].map((unloaded) => {
    const { name, vni = null, search = '' } = unloaded;
    const nothing = {
      pluginPlace: null,
      vnics: 0,
      vnicsUp: 0,
      peers: 0,
      mtu: 0,
      framesPerSecond: 0,
      dropsPerSecond: 0,
    };
    return { name, vni, search, status: 'DEGRADED', details: whyOf(unloaded), state: 'unloaded', ...nothing };
  });
}

export function unloadedVnics({ vnics }: State): VnicView[] {
  return [...vnics.unloaded.values()].map((unloaded) => {
    const { name, overlay = '', mac = '', netns = null, allowAnyMac = false, trunk = null } = unloaded;
    const { addresses = [], protection = [], allowedIps = [] } = unloaded;
    const { rateBps = null, ratePps = null, stormPps = null } = unloaded;
    const changeable = { addresses, protection, allowedIps, rateBps, ratePps, stormPps };
    const nothing = { interface: null, mtu: 0, temporary: false, declared: null };
    return { name, overlay, mac, netns, allowAnyMac, trunk, ...changeable, state: whyOf(unloaded), ...nothing };
  });
}

export function whyOf({ file, reason }: Unloaded): string {
  return `not loaded: ${file}: ${reason}`;
}

function overlayView(unloaded: Unloaded): OverlayView {
  const { name, vni = null, encap = '', search = '' } = unloaded;
  const details = whyOf(unloaded);
  const properties = [
    row('status', details),
    ...(vni === null ? [] : [row('vnetid', String(vni))]),
    ...(encap === '' ? [] : [row('encap', encap)]),
    ...(search === '' ? [] : [row('search', search)]),
  ];
  return { name, vni, encap, search, temporary: false, status: 'DEGRADED', details, declared: null, properties };
}

function row(name: string, value: string): PropertyView {
  return { name, perm: 'r-', required: false, value, default: null, possible: '' };
}
