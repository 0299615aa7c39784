/** What the daemon shows of its objects: the views of control/protocol.ts. */
import { formatEndpoint } from '../../address.js';
import type { LookupView, OverlayView, PropertyView, TargetView, VnicView } from '../../control/protocol.js';
import type { FdbEntry, FdbTarget } from '../../datapath/types.js';
import { defaultMtu, largestMtu, MTU_MIN } from '../../overlay-properties/mtu.js';
import { ENCAPS, OVERLAY_PROPERTIES, VNI_MAX } from '../../overlay-properties/overlay-properties.js';
import type { PropertySpec, Target } from '../../search/api.js';
import { defaultText, formatValue, possibleText } from '../../search/props.js';
import type { Overlay } from '../overlay/overlay.js';
import type { Vnic } from '../overlay/vnic.js';

/** Stands for every MAC in the one target of a point plugin. */
const ANY_MAC = '*:*:*:*:*:*';
/** Reasons of drop entries that were told to us; the others are gaps in what is known, and soon forgotten. */
const TOLD_DROPS = new Set(['drop_entry', 'no_local_port']);

/** `declared`: FILE:LINE, or null. */
export function overlayView(overlay: Overlay, plugins: readonly string[], declared: string | null): OverlayView {
  const { name, vni, encap, search, temporary } = overlay.identity;
  const { status, details } = overlay.health;
  const properties = propertyViews(overlay, plugins);
  return { name, vni, encap, search, temporary, status, details, declared, properties };
}

/** In the order of dladm: general, encapsulation's, search plugin's. */
function propertyViews(overlay: Overlay, plugins: readonly string[]): PropertyView[] {
  const { vni, encap, search } = overlay.identity;
  const general = OVERLAY_PROPERTIES.map((spec) => propertyView(overlay, spec));
  const [mtu, ...others] = general as [PropertyView, ...PropertyView[]];
  return [
    mtu,
    readOnly('vnetid', String(vni), `0-${VNI_MAX}`),
    readOnly('encap', encap, ENCAPS.join(',')),
    ...others,
    readOnly('search', search, plugins.join(',')),
    ...(overlay.plugin.found?.manifest.properties ?? []).map((spec) => propertyView(overlay, spec)),
  ];
}

function propertyView(overlay: Overlay, spec: PropertySpec): PropertyView {
  const view: PropertyView = {
    name: spec.name,
    perm: spec.mutable === true ? 'rw' : 'r-',
    required: spec.required,
    value: formatValue(spec, overlay.configuration.values[spec.name]),
    default: defaultText(spec),
    possible: possibleText(spec),
  };
  return spec.name === 'mtu' ? { ...view, ...mtuOf(overlay) } : view;
}

/** What depends on the underlay. */
function mtuOf(overlay: Overlay): Pick<PropertyView, 'value' | 'default' | 'possible'> {
  const { ip } = overlay.configuration.settings.socket.listen;
  return {
    value: String(overlay.mtu),
    default: String(defaultMtu(overlay.underlay, ip)),
    possible: `${MTU_MIN}-${largestMtu(overlay.underlay, ip)}`,
  };
}

function readOnly(name: string, value: string, possible: string): PropertyView {
  return { name, perm: 'r-', required: false, value, default: null, possible };
}

export function vnicView(vnic: Vnic, overlay: Overlay | undefined, declared: string | null): VnicView {
  const { name, mac, allowAnyMac, temporary } = vnic.identity;
  return {
    name,
    overlay: vnic.identity.overlay,
    mac,
    mtu: overlay?.mtu ?? 0,
    netns: vnic.netns,
    allowAnyMac,
    temporary,
    state: vnic.isAttached && vnic.problem === '' ? 'up' : vnic.problem,
    declared,
  };
}

/** Targets sorted by MAC. What an overlay that is not up will have are its static ones. */
export function targetViews(overlay: Overlay, nowMs: number): TargetView[] {
  if (overlay.attachment === null) return [...overlay.statics].sort().map(([mac, target]) => waitingView(mac, target));
  const point = overlay.plugin.isPoint ? [pointView(overlay, nowMs)] : [];
  const told = overlay.attachment.targets.entries().filter(isTold);
  return [...point, ...told.map((entry) => targetView(overlay, entry, nowMs))];
}

function isTold({ target }: FdbEntry): boolean {
  return target.kind !== 'drop' || TOLD_DROPS.has(target.reason);
}

function targetView(overlay: Overlay, entry: FdbEntry, nowMs: number): TargetView {
  return {
    mac: entry.mac,
    destination: destinationText(overlay, entry.target),
    source: sourceOf(overlay, entry),
    ageSeconds: seconds(nowMs - saidAtMs(overlay, entry.mac, nowMs)),
    idleSeconds: entry.usedAtMs === null ? null : seconds(nowMs - entry.usedAtMs),
  };
}

function waitingView(mac: string, target: Target): TargetView {
  return { mac, destination: targetText(target), source: 'static', ageSeconds: 0, idleSeconds: null };
}

function pointView(overlay: Overlay, nowMs: number): TargetView {
  const destination = targetText(overlay.plugin.facts.point ?? 'drop');
  const ageSeconds = seconds(nowMs - overlay.plugin.facts.pointAtMs);
  return { mac: ANY_MAC, destination, source: overlay.plugin.name, ageSeconds, idleSeconds: null };
}

export function targetText(target: Target): string {
  return target === 'drop' ? target : formatEndpoint(target);
}

function destinationText(overlay: Overlay, target: FdbTarget): string {
  switch (target.kind) {
    case 'remote':
      return formatEndpoint(target.endpoint);
    case 'local':
      return `vnic ${overlay.vnics.get(target.vnic)?.name ?? '?'}`;
    case 'drop':
      return 'drop';
  }
}

function sourceOf(overlay: Overlay, { mac, isStatic }: FdbEntry): string {
  if (vnicOfMac(overlay, mac) !== undefined) return 'vnic';
  if (overlay.attachment?.targets.isLearned(mac)) return 'learned';
  return isStatic ? 'static' : overlay.plugin.name;
}

function saidAtMs(overlay: Overlay, mac: string, nowMs: number): number {
  return vnicOfMac(overlay, mac)?.attachedAtMs ?? overlay.attachment?.targets.decision(mac)?.atMs ?? nowMs;
}

/** The VNIC here that has this MAC. */
export function vnicOfMac(overlay: Overlay, mac: string) {
  return [...overlay.vnics.values()].find((vnic) => vnic.mac === mac);
}

/** What the FDB says of a MAC, as a lookup. */
export function cachedLookupView(overlay: Overlay, entry: FdbEntry): LookupView {
  const { mac, target } = entry;
  const source = sourceOf(overlay, entry);
  const base = { overlay: overlay.name, mac, source, cached: true };
  if (target.kind === 'drop') return { ...base, verdict: 'drop', destination: target.reason };
  const verdict = target.kind === 'local' ? 'local' : 'forward';
  return { ...base, verdict, destination: destinationText(overlay, target) };
}

function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1000));
}
