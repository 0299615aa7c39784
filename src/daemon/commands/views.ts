/** What the daemon shows of its objects: the views of control/protocol.ts. */
import { formatEndpoint, formatListenIp } from '../../address.js';
import { MOVES_MAX } from '../../control/limits.js';
import type {
  LookupView,
  MoveView,
  OverlayView,
  PageRequest,
  PropertyView,
  TargetPage,
  TargetView,
  VnicView,
} from '../../control/protocol.js';
import type { FdbEntry, FdbTarget } from '../../datapath/types.js';
import { ENCAPS } from '../../encapsulations.js';
import { defaultMtu, largestMtu, MTU_MAX, MTU_MIN, taggedMtu, type Underlay } from '../../overlay-properties/mtu.js';
import { overlayProperties, pluginProperties, VNI_MAX } from '../../overlay-properties/overlay-properties.js';
import { defaultSourceCheck, SOURCE_CHECK, sourceCheckMode } from '../../overlay-properties/source-check.js';
import { nameIn } from '../../overlay-properties/tunnel.js';
import type { PropertySpec, Target } from '../../search/api.js';
import { defaultText, formatValue, possibleText } from '../../search/props.js';
import type { Overlay } from '../overlay/overlay.js';
import type { Vnic } from '../overlay/vnic.js';
import type { Border } from '../underlay/border.js';

/** Stands for every MAC in the one target of a point plugin. */
const ANY_MAC = '*:*:*:*:*:*';
/** Reasons of drop entries that were told to us; the others are gaps in what is known, and soon forgotten. */
const TOLD_DROPS = new Set(['drop_entry', 'no_local_port']);

/** What carries super-frames, and why nothing better does; see `Border`. */
type BorderView = Pick<Border, 'kind' | 'reason'>;

/** `declared`: FILE:LINE, or null. */
export function overlayView(
  overlay: Overlay,
  border: BorderView,
  plugins: readonly string[],
  declared: string | null,
): OverlayView {
  const { name, vni, encap, search, temporary } = overlay.identity;
  const { status, details } = overlay.health;
  const properties = propertyViews(overlay, border, plugins);
  return { name, vni, encap, search, temporary, status, details, declared, properties };
}

/** In the order of dladm: general, encapsulation's, search plugin's. */
function propertyViews(overlay: Overlay, border: BorderView, plugins: readonly string[]): PropertyView[] {
  const { vni, encap, search } = overlay.identity;
  const general = overlayProperties(encap).map((spec) => propertyView(overlay, spec));
  const [mtu, ...others] = general as [PropertyView, ...PropertyView[]];
  return [
    mtu,
    readOnly('vnetid', String(vni), `0-${VNI_MAX}`),
    readOnly('encap', encap, ENCAPS.join(',')),
    readOnly('underlay', border.kind, border.kind === 'tap' ? 'tap,socket' : `socket (${border.reason})`),
    readOnly('underlay-mtu', underlayText(overlay.underlay), ''),
    readOnly('tagged-mtu', taggedText(overlay), ''),
    ...others,
    readOnly('search', search, plugins.join(',')),
    readOnly('plugin-place', placeText(overlay), ''),
    ...pluginProperties(encap, overlay.plugin.found?.manifest ?? null).map((spec) => propertyView(overlay, spec)),
  ];
}

/** Where the plugin runs; null: it does not. */
export function placeText({ plugin }: Overlay): string | null {
  const place = plugin.host?.place ?? null;
  if (place === null) return null;
  if (place.kind === 'process') return `process ${place.pid} (${Math.ceil(place.residentMiB)} MiB)`;
  return `thread (of ${place.instances})`;
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
  if (spec.name === nameIn(overlay.identity.encap, 'vxlan/listen_ip')) {
    return { ...view, value: formatListenIp(overlay.configuration.settings.socket.listen) };
  }
  if (spec.name === SOURCE_CHECK) return { ...view, ...sourceCheckOf(overlay) };
  return spec.name === 'mtu' ? { ...view, ...mtuOf(overlay) } : view;
}

/** What depends on the search plugin. */
function sourceCheckOf({ configuration, plugin }: Overlay): Pick<PropertyView, 'value' | 'default'> {
  const { flood } = plugin.facts;
  return { value: sourceCheckMode(configuration.settings, flood), default: defaultSourceCheck(flood) };
}

/** What depends on the underlay. */
function mtuOf(overlay: Overlay): Pick<PropertyView, 'value' | 'default' | 'possible'> {
  const { socket, outer } = overlay.configuration.settings;
  const { listen } = socket;
  return {
    value: String(overlay.mtu),
    default: String(defaultMtu(overlay.underlay, listen)),
    possible: `${MTU_MIN}-${outer.df === 'unset' ? MTU_MAX : largestMtu(overlay.underlay, listen)}`,
  };
}

/** `1500 by eth0 to 192.0.2.2`; `of` for the listen address. Null: nothing is known that bounds the MTU. */
function underlayText(underlay: Underlay | null): string | null {
  if (underlay === null) return null;
  const { mtu, interface: name, ip, isListenAddress } = underlay;
  return `${mtu} by ${name} ${isListenAddress ? 'of' : 'to'} ${ip}`;
}

/** Null: no tags pass, or nothing that is known bounds the MTU. */
function taggedText({ configuration: { settings }, mtu, underlay }: Overlay): string | null {
  const isBounded = settings.vlan === 'pass' && settings.outer.df !== 'unset';
  const most = isBounded ? taggedMtu(mtu, underlay, settings.socket.listen) : null;
  return most === null ? null : String(most);
}

function readOnly(name: string, value: string | null, possible: string): PropertyView {
  return { name, perm: 'r-', required: false, value, default: null, possible };
}

export function vnicView(vnic: Vnic, overlay: Overlay | undefined, declared: string | null): VnicView {
  const { name, allowAnyMac, addresses, protection, allowedIps, temporary, trunk } = vnic.identity;
  const { rateBps, ratePps, stormPps } = vnic.identity;
  return {
    name,
    overlay: vnic.identity.overlay,
    mac: vnic.mac,
    interface: vnic.interface,
    mtu: vnic.mtu ?? overlay?.mtu ?? 0,
    netns: vnic.netns,
    allowAnyMac,
    trunk: trunk === undefined ? null : { ...trunk },
    addresses: [...addresses],
    protection: [...protection],
    allowedIps: [...allowedIps],
    ...{ rateBps, ratePps, stormPps },
    temporary,
    state: vnic.problem === '' ? 'up' : vnic.problem,
    declared,
  };
}

/** What an overlay that is not up will have are its static targets. A point's one destination comes before all MACs. */
export function targetPage(overlay: Overlay, page: PageRequest, nowMs: number): TargetPage {
  if (overlay.attachment === null) return waitingPage(overlay, page);
  const point = overlay.plugin.isPoint && page.after === undefined ? [pointView(overlay, nowMs)] : [];
  const entries = overlay.attachment.targets.page(page.after ?? null, page.limit);
  const told = entries.filter(isTold).map((entry) => targetView(overlay, entry, nowMs));
  return { targets: [...point, ...told], next: nextOf(entries, page) };
}

function waitingPage({ statics }: Overlay, page: PageRequest): TargetPage {
  const above = [...statics].filter(([mac]) => page.after === undefined || mac > page.after).sort();
  const targets = above.slice(0, page.limit).map(([mac, target]) => waitingView(mac, target));
  return { targets, next: nextOf(targets, page) };
}

/** A full page may not be the last one. */
function nextOf(found: readonly { readonly mac: string }[], { limit }: PageRequest): string | null {
  return found.length < limit ? null : found.at(-1)!.mac;
}

function isTold({ target }: FdbEntry): boolean {
  return target.kind !== 'drop' || TOLD_DROPS.has(target.reason);
}

function targetView(overlay: Overlay, entry: FdbEntry, nowMs: number): TargetView {
  return {
    mac: entry.mac,
    destination: destinationText(overlay, entry.target),
    source: sourceOf(overlay, entry),
    ageSeconds: seconds(nowMs - saidAtMs(overlay, entry, nowMs)),
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

/** Of every MAC that moved of late; see {@link MoveView}. */
export function moveViews(overlay: Overlay, nowMs: number): MoveView[] {
  if (overlay.attachment === null) return [];
  const { flooding, targets } = overlay.attachment;
  const most = [...flooding.learner.movers].sort(([, a], [, b]) => b.moves - a.moves).slice(0, MOVES_MAX);
  return most.map(([mac, { moves, home, isDuplicate, frozenUntilMs }]) => {
    const entry = targets.entry(mac);
    return {
      mac,
      destination: entry === null ? 'nowhere' : destinationText(overlay, entry.target),
      home: home === 'here' ? `vnic ${anyMacName(overlay)}` : formatEndpoint(home),
      moves,
      state: frozenUntilMs !== null ? 'frozen' : isDuplicate ? 'duplicate' : 'moving',
      frozenSeconds: frozenUntilMs === null ? null : seconds(frozenUntilMs - nowMs),
    };
  });
}

function anyMacName(overlay: Overlay): string {
  return [...overlay.vnics.values()].find((vnic) => vnic.allowAnyMac)?.name ?? '?';
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

function sourceOf(overlay: Overlay, entry: FdbEntry): string {
  const { mac, isStatic } = entry;
  if (ownerOf(overlay, entry) !== undefined) return 'vnic';
  const decision = overlay.attachment?.targets.decision(mac);
  if (decision?.isLearned === true) return 'learned';
  if (decision?.isStale === true) return 'stale';
  return isStatic ? 'static' : overlay.plugin.name;
}

function saidAtMs(overlay: Overlay, entry: FdbEntry, nowMs: number): number {
  const decision = overlay.attachment?.targets.decision(entry.mac);
  return ownerOf(overlay, entry)?.attachedAtMs ?? decision?.atMs ?? nowMs;
}

/** The VNIC here whose own MAC the entry is about. */
function ownerOf(overlay: Overlay, { mac, target }: FdbEntry) {
  const vnic = target.kind === 'local' ? overlay.vnics.get(target.vnic) : undefined;
  return vnic?.mac === mac ? vnic : undefined;
}

/** What becomes of frames to a MAC, as a lookup has it. */
export type Verdict = Omit<LookupView, 'alternatives'>;

/** What the FDB says of a MAC, as a lookup. */
export function cachedLookupView(overlay: Overlay, entry: FdbEntry): Verdict {
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
