/**
 * A configuration file, from its text to what it declares: all or nothing, and everything that is wrong with it at
 * once. What the commands would refuse before they do anything is refused here too.
 */
import { allowedIps, checkProtection, type LinkProtection, protections } from '../link-protection.js';
import { isolationIn } from '../overlay-properties/overlay-properties.js';
import { type RateLimit, type RateLimits, rateLimit, UNLIMITED } from '../rate-limits.js';
import type { Manifest } from '../search/host/messages.js';
import type { Isolation } from '../search/host/placement.js';
import { Claims, type There } from './claims.js';
import { type Declaration, NOTHING, type VnicModel } from './model.js';
import { type ReadOverlay, readOverlay, referenceOf, type Source, trying } from './overlay.js';
import { type Path, type Problems, shown } from './problems.js';
import { wantedMac } from './rules.js';
import { contentOf, type FileContent, type VnicContent } from './shape.js';
import { vnicAddresses } from './vnic-address.js';
import { keyPlaceOf, parseYaml, placeOf, type Value } from './yaml.js';

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
    const vnic = readVnic(source, name, each, overlays);
    if (vnic !== null) vnics.set(name, vnic);
  }
  const declared = [...overlays.values()].flatMap((each) => each ?? []);
  const names = { overlays: new Set(content.overlays.keys()), vnics: new Set(content.vnics.keys()) };
  new Claims(source, rules.there ?? { made: NOTHING, declared: NOTHING }).check(declared, [...vnics.values()], names);
  if (problems.count > 0) return null;
  const line = (path: Path) => keyPlaceOf(root, path).line;
  return {
    overlays: new Map(declared.map(({ model }) => [model.name, model])),
    vnics,
    lines: new Map([
      ...declared.map(({ model: { name } }): [string, number] => [name, line(['overlays', name])]),
      ...[...vnics.keys()].map((name): [string, number] => [name, line(['vnics', name])]),
    ]),
  };
}

function readVnic(
  { root, problems }: Source,
  name: string,
  content: Partial<VnicContent>,
  overlays: ReadonlyMap<string, unknown>,
): VnicModel | null {
  const { overlay, mac: text, netns, allow_any_mac: allowAnyMac, addresses: texts } = content;
  const before = problems.count;
  const wrong = (key: string, problem: string) => {
    const path = ['vnics', name, key];
    problems.add(placeOf(root, path), path, problem);
  };
  const at = ['vnics', name, 'mac'];
  const mac =
    text === undefined || overlay === undefined
      ? null
      : trying(problems, placeOf(root, at), at, () => wantedMac(text, { name, overlay }));
  if (overlay !== undefined && !overlays.has(overlay)) {
    const known =
      overlays.size === 0
        ? 'none is'
        : `declared ${overlays.size === 1 ? 'is' : 'are'} ${[...overlays.keys()].join(', ')}`;
    wrong('overlay', `is ${shown(overlay)}, which is not declared in this file: ${known}`);
  }
  if (typeof netns === 'string' && !isNetns(netns)) {
    wrong('netns', `is ${shown(netns)}: expected a name as of "ip netns list", or an absolute path`);
  }
  const addresses = readAddresses(root, problems, name, texts ?? []);
  if (overlay === undefined || mac === null || allowAnyMac === undefined || !('netns' in content)) return null;
  if (problems.count > before) return null;
  const vnic = { name, overlay, mac, netns: netns ?? null, allowAnyMac, addresses };
  const limits = readLimits(root, problems, name, content);
  return limits === null ? null : withProtection(root, problems, { ...vnic, ...limits }, content);
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
  { protection: names, allowed_ips: texts }: Partial<VnicContent>,
): VnicModel | null {
  const at = (key: string) => ['vnics', vnic.name, key];
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
