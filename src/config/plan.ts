/**
 * From what there is to what is declared, touching nothing that is the same in both. Pure: config-file/apply.ts of
 * the daemon takes the steps. Their order lets names, VNIs and MACs move between objects:
 *
 *   VNICs change, VNICs go, overlays go, overlays change, overlays come, VNICs come
 */
import { formatEndpoint } from '../address.js';
import { overlayProperties, pluginProperties } from '../overlay-properties/overlay-properties.js';
import type { PropertySpec, Target } from '../search/api.js';
import type { Model, OverlayModel, VnicModel } from './model.js';

export type Step<O extends OverlayModel = OverlayModel> =
  /** Its interface goes too: it is declared no more, or must be made anew `because` of what changed. */
  | { readonly do: 'remove-vnic'; readonly name: string; readonly because: readonly string[] }
  /** Leaves its overlay; its interface stays, for it comes back. */
  | { readonly do: 'detach-vnic'; readonly name: string; readonly because: readonly string[] }
  /** Declared no more, or made anew `because` of what changed: then its VNICs leave it, and their interfaces stay. */
  | { readonly do: 'remove-overlay'; readonly name: string; readonly because: readonly string[] }
  | OverlayChange<O>
  /** Of what may change while it is there, `because` are others. */
  | { readonly do: 'change-vnic'; readonly vnic: VnicModel; readonly because: readonly string[] }
  | { readonly do: 'add-overlay'; readonly overlay: O }
  | { readonly do: 'add-vnic'; readonly vnic: VnicModel };

/** Of a running overlay. */
export interface OverlayChange<O extends OverlayModel = OverlayModel> {
  readonly do: 'change-overlay';
  readonly overlay: O;
  /** Properties whose values differ, and may while the overlay runs. */
  readonly properties: readonly string[];
  /** What only another instance of a search plugin can take: the plugin itself, or its fixed properties. */
  readonly swap: readonly string[];
  /** Static targets to set and to forget. */
  readonly put: ReadonlyMap<string, Target>;
  readonly forget: readonly string[];
}

/** Keys of a VNIC that change while frames flow. */
const CHANGEABLE: ReadonlySet<string> = new Set([
  ...['addresses', 'protection', 'allowed_ips'],
  ...['rate_bps', 'rate_pps', 'storm_pps'],
]);

/** The properties of a search plugin; none when there is no such plugin. */
export type SpecsOf = (search: string) => readonly PropertySpec[];

export function plan<O extends OverlayModel>(from: Model, to: Model<O>, specsOf: SpecsOf): Step<O>[] {
  const rebuilt = new Map<string, readonly string[]>();
  const changes: OverlayChange<O>[] = [];
  for (const overlay of to.overlays.values()) {
    const before = from.overlays.get(overlay.name);
    const difference = before === undefined ? null : overlayDifference(before, overlay, specsOf);
    if (difference === null) continue;
    if (difference.fixed.length > 0) rebuilt.set(overlay.name, difference.fixed);
    else changes.push({ do: 'change-overlay', overlay, ...difference });
  }
  const vnicsChange: Step<O>[] = [];
  const vnicsGo: Step<O>[] = [];
  const returning: VnicModel[] = [];
  for (const before of from.vnics.values()) {
    const vnic = to.vnics.get(before.name);
    const because = vnic === undefined ? [] : vnicDifference(before, vnic);
    if (vnic !== undefined && because.length === 0) continue;
    const isSamePlace = before.netns === vnic?.netns && before.trunk?.name === vnic.trunk?.name;
    const isSameInterface = vnic !== undefined && before.mac === vnic.mac && isSamePlace;
    const changes = because.filter((key) => CHANGEABLE.has(key));
    if (isSameInterface && changes.length > 0) vnicsChange.push({ do: 'change-vnic', vnic, because: changes });
    if (vnic !== undefined && because.length === changes.length) continue;
    if (vnic !== undefined) returning.push(vnic);
    vnicsGo.push({ do: isSameInterface ? 'detach-vnic' : 'remove-vnic', name: before.name, because });
  }
  const overlaysGo = [...from.overlays.keys()].filter((name) => !to.overlays.has(name) || rebuilt.has(name));
  const overlaysCome = [...to.overlays.values()].filter(({ name }) => !from.overlays.has(name) || rebuilt.has(name));
  const vnicsCome = [...to.vnics.values()].filter((vnic) => !from.vnics.has(vnic.name) || returning.includes(vnic));
  return [
    ...vnicsChange,
    ...vnicsGo,
    ...overlaysGo.map((name): Step<O> => ({ do: 'remove-overlay', name, because: rebuilt.get(name) ?? [] })),
    ...changes,
    ...overlaysCome.map((overlay): Step<O> => ({ do: 'add-overlay', overlay })),
    ...vnicsCome.map((vnic): Step<O> => ({ do: 'add-vnic', vnic })),
  ];
}

export interface OverlayDifference extends Omit<OverlayChange, 'do' | 'overlay'> {
  /** What cannot change while the overlay exists. */
  readonly fixed: readonly string[];
}

/** null when they are the same. */
export function overlayDifference(from: OverlayModel, to: OverlayModel, specsOf: SpecsOf): OverlayDifference | null {
  const fixed = (['vni', 'encap'] as const).filter((key) => from[key] !== to[key]) as string[];
  const properties: string[] = [];
  const swap = from.search === to.search ? [] : ['search'];
  const names = new Set([...Object.keys(from.properties), ...Object.keys(to.properties)]);
  for (const name of names) {
    if (from.properties[name] === to.properties[name]) continue;
    const general = overlayProperties(to.encap).find((spec) => spec.name === name);
    const spec =
      general ?? pluginProperties(to.encap, { properties: specsOf(to.search) }).find((each) => each.name === name);
    if (isSameEffect(from.properties[name], to.properties[name], spec) && from.search === to.search) continue;
    if (general !== undefined) (general.mutable === true ? properties : fixed).push(name);
    else if (from.search === to.search) (canTake(spec, to.properties[name]) ? properties : swap).push(name);
  }
  const put = new Map([...to.targets].filter(([mac, target]) => !isSameTarget(from.targets.get(mac), target)));
  const forget = [...from.targets.keys()].filter((mac) => !to.targets.has(mac));
  const count = fixed.length + properties.length + swap.length + put.size + forget.length;
  return count === 0 ? null : { fixed, properties, swap, put, forget };
}

function isSameTarget(from: Target | undefined, to: Target): boolean {
  if (from === undefined || typeof from === 'string' || typeof to === 'string') return from === to;
  return formatEndpoint(from) === formatEndpoint(to);
}

/** Given, or left to its default: what counts is the value. */
function isSameEffect(from: string | undefined, to: string | undefined, spec: PropertySpec | undefined): boolean {
  const fallback = spec?.default === undefined ? undefined : String(spec.default);
  return (from ?? fallback) === (to ?? fallback);
}

/** A running plugin can be told of a value, but not that there is none any more. */
function canTake(spec: PropertySpec | undefined, value: string | undefined): boolean {
  return spec?.mutable === true && (value !== undefined || spec.default !== undefined);
}

/** The keys that differ, as a file names them. */
export function vnicDifference(from: VnicModel, to: VnicModel): string[] {
  const keys = { overlay: 'overlay', mac: 'mac', netns: 'netns', allowAnyMac: 'allow_any_mac' } as const;
  const trunk = from.trunk?.name === to.trunk?.name ? [] : ['trunk']; // their VLAN is in their names
  const differing = Object.entries(keys).flatMap(([key, name]) => {
    const field = key as keyof typeof keys;
    return from[field] === to[field] ? [] : [name as string];
  });
  const lists = { addresses: 'addresses', protection: 'protection', allowedIps: 'allowed_ips' } as const;
  const textOf = (list: readonly string[]) => list.toSorted().join();
  const others = Object.entries(lists).flatMap(([key, name]) => {
    const field = key as keyof typeof lists;
    return textOf(from[field]) === textOf(to[field]) ? [] : [name as string];
  });
  const limits = { rateBps: 'rate_bps', ratePps: 'rate_pps', stormPps: 'storm_pps' } as const;
  const limited = Object.entries(limits).flatMap(([key, name]) => {
    const field = key as keyof typeof limits;
    return from[field] === to[field] ? [] : [name as string];
  });
  return [...differing, ...trunk, ...others, ...limited];
}
