/**
 * A configuration file, from its text to what it declares: all or nothing, and everything that is wrong with it at
 * once. What the commands would refuse before they do anything is refused here too.
 */
import { nameTaken } from '../errors.js';
import { allowedIps, checkProtection, type LinkProtection, protections } from '../link-protection.js';
import { isolationIn } from '../overlay-properties/overlay-properties.js';
import { type RateLimit, type RateLimits, rateLimit, UNLIMITED } from '../rate-limits.js';
import type { Manifest } from '../search/host/messages.js';
import type { Isolation } from '../search/host/placement.js';
import { trunkMembers } from '../trunk.js';
import { Claims, type There } from './claims.js';
import { type Declaration, NOTHING, type VnicModel } from './model.js';
import { type ReadOverlay, readOverlay, referenceOf, type Source, trying } from './overlay.js';
import { type Path, type Problems, shown } from './problems.js';
import { wantedMac } from './rules.js';
import { contentOf, type FileContent, type VnicContent } from './shape.js';
import { vnicAddresses } from './vnic-address.js';
import { keyPlaceOf, parseYaml, placeOf, type Value, valueAt } from './yaml.js';

export interface Rules {
  /** Folder of the file: where relative paths in it start. */
  readonly directory: string;
  /** Throws a VxlaneError when there is no such plugin. */
  readonly findPlugin: (search: string) => Manifest;
  /** What there is; nothing when it is not known yet. */
  readonly there?: There;
}

/** A file that is YAML. */
export interface Parsed {
  readonly root: Value;
  readonly content: FileContent;
}

/** null, and problems, when the text is no YAML. A wrong shape is among the problems, and the rest is there. */
export function parse(text: string, problems: Problems): Parsed | null {
  const root = parseYaml(text, problems);
  return root === null ? null : { root, content: contentOf(root, problems) };
}

/** The search plugins that a file names, its relative paths made absolute, and where to look at them. */
export function searchesOf({ content }: Parsed, directory: string): Map<string, Isolation> {
  const searches = new Map<string, Isolation>();
  for (const { search, properties } of content.overlays.values()) {
    if (search === undefined) continue;
    const reference = referenceOf(search, directory);
    // What one overlay trusts as far as that need not be fit for a process.
    if (searches.get(reference) !== 'thread') searches.set(reference, isolationIn(properties ?? {}));
  }
  return searches;
}

/** What the file declares; null when something is wrong with it, which is among the problems then. */
export function validate(parsed: Parsed, rules: Rules, problems: Problems): Declaration | null {
  const { root, content } = parsed;
  const source: Source = { root, problems, directory: rules.directory, findPlugin: rules.findPlugin };
  const overlays = new Map<string, ReadOverlay | null>();
  for (const [name, each] of content.overlays) overlays.set(name, readOverlay(source, name, each));
  const vnics = new Map<string, VnicModel>();
  for (const [name, each] of content.vnics) {
    for (const vnic of readVnics(source, name, each, overlays)) {
      const path = ['vnics', name];
      const twin = vnics.get(vnic.name);
      if (twin === undefined) vnics.set(vnic.name, vnic);
      else
        problems.add(
          keyPlaceOf(root, path),
          path,
          nameTaken(vnic.name, `VNIC ${twin.trunk?.name ?? twin.name}`).message,
        );
    }
  }
  const declared = [...overlays.values()].flatMap((each) => each ?? []);
  const names = {
    overlays: new Set(content.overlays.keys()),
    vnics: new Set([...content.vnics.keys(), ...vnics.keys()]),
  };
  new Claims(source, rules.there ?? { made: NOTHING, declared: NOTHING }).check(declared, [...vnics.values()], names);
  if (problems.count > 0) return null;
  const line = (path: Path) => keyPlaceOf(root, path).line;
  return {
    overlays: new Map(declared.map(({ model }) => [model.name, model])),
    vnics,
    lines: new Map([
      ...declared.map(({ model: { name } }): [string, number] => [name, line(['overlays', name])]),
      ...[...vnics.values()].map(({ name, trunk }): [string, number] => [name, line(['vnics', trunk?.name ?? name])]),
    ]),
  };
}

/** One, or those of a trunk; none, and problems, when something is wrong. */
function readVnics(
  source: Source,
  name: string,
  content: Partial<VnicContent>,
  overlays: ReadonlyMap<string, unknown>,
): VnicModel[] {
  const { root, problems } = source;
  const before = problems.count;
  const places = placesOf(source, name, content);
  for (const { overlay, path } of places) {
    if (overlays.has(overlay)) continue;
    const known =
      overlays.size === 0
        ? 'none is'
        : `declared ${overlays.size === 1 ? 'is' : 'are'} ${[...overlays.keys()].join(', ')}`;
    problems.add(placeOf(root, path), path, `is ${shown(overlay)}, which is not declared in this file: ${known}`);
  }
  const [first, ...others] = places;
  // What is wrong with one of a trunk is wrong with all of them.
  const vnic = readVnic(source, name, content, first);
  if (vnic === null || problems.count > before) return [];
  return [vnic, ...others.map(({ path: _, ...place }) => ({ ...vnic, ...place }))];
}

/** Where a VNIC is, and where in the file that stands. */
type Place = Pick<VnicModel, 'name' | 'overlay' | 'trunk'> & { readonly path: Path };

/** None, when it is said nowhere, or wrongly. */
function placesOf(
  { root, problems }: Source,
  name: string,
  { overlay, trunk, addresses }: Partial<VnicContent>,
): Place[] {
  const at = (key: string) => ['vnics', name, key];
  const wrong = (key: string, problem: string) => problems.add(placeOf(root, at(key)), at(key), problem);
  if (trunk == null) {
    if (overlay != null) return [{ name, overlay, path: at('overlay') }];
    if (valueAt(root, ['vnics', name])?.kind !== 'mapping') return [];
    if (valueAt(root, at('overlay')) === undefined && valueAt(root, at('trunk')) === undefined)
      wrong('overlay', 'is missing: expected the name of an overlay of this file, or trunk instead');
    return [];
  }
  if (overlay != null) wrong('overlay', 'stands beside trunk: expected one of the two');
  if (addresses != null)
    wrong('addresses', 'stand beside trunk: expected none, for frames of the interface need a tag');
  const path = at('trunk');
  const members = trying(problems, placeOf(root, path), path, () => trunkMembers(name, Object.entries(trunk)));
  if (members?.length === 0) wrong('trunk', 'is empty: expected VLANs and overlays, as {100: ov100}');
  return (members ?? []).map((member) => ({ ...member, path: [...path, String(member.trunk.vlan)] }));
}

function readVnic(
  { root, problems }: Source,
  name: string,
  content: Partial<VnicContent>,
  place: Place | undefined,
): VnicModel | null {
  const { mac: text, netns, addresses: texts } = content;
  const before = problems.count;
  const wrong = (key: string, problem: string) => {
    const path = ['vnics', name, key];
    problems.add(placeOf(root, path), path, problem);
  };
  const at = ['vnics', name, 'mac'];
  const mac =
    text === undefined || place === undefined
      ? null
      : trying(problems, placeOf(root, at), at, () => wantedMac(text, place));
  if (typeof netns === 'string' && !isNetns(netns)) {
    wrong('netns', `is ${shown(netns)}: expected a name as of "ip netns list", or an absolute path`);
  }
  const addresses = readAddresses(root, problems, name, texts ?? []);
  const allowAnyMac = place?.trunk === undefined ? content.allow_any_mac : true;
  if (place === undefined || mac === null || allowAnyMac === undefined || !('netns' in content)) return null;
  if (problems.count > before) return null;
  const { path: _, ...where } = place;
  const vnic = { ...where, mac, netns: netns ?? null, allowAnyMac, addresses };
  const limits = readLimits(root, problems, name, content);
  return limits === null ? null : withProtection(root, problems, { ...vnic, ...limits }, name, content);
}

const LIMIT_KEYS = { rateBps: 'rate_bps', ratePps: 'rate_pps', stormPps: 'storm_pps' } as const;

/** null, and problems, when one is wrong. */
function readLimits(root: Value, problems: Problems, name: string, content: Partial<VnicContent>): RateLimits | null {
  const before = problems.count;
  const found: { [L in RateLimit]: number | null } = { ...UNLIMITED };
  for (const [field, key] of Object.entries(LIMIT_KEYS) as [RateLimit, (typeof LIMIT_KEYS)[RateLimit]][]) {
    const given = content[key];
    const path = ['vnics', name, key];
    if (given == null) continue;
    found[field] = trying(problems, placeOf(root, path), path, () => rateLimit(field, String(given)));
  }
  return problems.count > before ? null : found;
}

/** null, and a problem, where it would protect from nothing, or let nothing through. */
function withProtection(
  root: Value,
  problems: Problems,
  vnic: Omit<VnicModel, keyof LinkProtection>,
  name: string,
  { protection: names, allowed_ips: texts }: Partial<VnicContent>,
): VnicModel | null {
  const at = (key: string) => ['vnics', name, key];
  const allowed = (texts ?? []).flatMap((text, index) => {
    const path = [...at('allowed_ips'), String(index)];
    return trying(problems, placeOf(root, path), path, () => allowedIps([text])) ?? [];
  });
  const path = at(texts == null ? 'protection' : 'allowed_ips');
  const before = problems.count;
  const whole = { ...vnic, protection: protections(names ?? []), allowedIps: allowedIps(allowed) };
  if (allowed.length === (texts ?? []).length) {
    trying(problems, placeOf(root, path), path, () => checkProtection(whole));
  }
  return problems.count > before ? null : whole;
}

/** Every wrong one is told, at its own place. */
function readAddresses(root: Value, problems: Problems, name: string, texts: readonly string[]): string[] {
  const found: string[] = [];
  for (const [index, text] of texts.entries()) {
    const path = ['vnics', name, 'addresses', String(index)];
    const next = trying(problems, placeOf(root, path), path, () => vnicAddresses([...found, text]));
    if (next !== null) found.push(next.at(-1) as string);
  }
  return found;
}

/** As src/system/netns.ts takes them. */
function isNetns(text: string): boolean {
  if (text.includes('\0')) return false;
  return text.startsWith('/') || (text !== '' && text !== '.' && text !== '..' && !text.includes('/'));
}
