/** One overlay of a file: its plugin, its properties, its targets. */
import { resolve } from 'node:path';
import type { Encap } from '../encapsulations.js';
import { messageOf, VxlaneError } from '../errors.js';
import { withoutZone } from '../overlay-properties/listen.js';
import {
  checkEncapsulation,
  configurationFrom,
  type OverlayConfiguration,
  specsOf,
} from '../overlay-properties/overlay-properties.js';
import { nameIn } from '../overlay-properties/tunnel.js';
import type { PropertySpec, Target } from '../search/api.js';
import type { Manifest } from '../search/host/messages.js';
import { checkProperties } from '../search/props.js';
import type { DeclaredOverlay } from './model.js';
import type { Path, Position, Problems } from './problems.js';
import { checkTakesTargets, checkVni, targetMac, targetOf } from './rules.js';
import type { OverlayContent } from './shape.js';
import { describe, keyPlaceOf, placeOf, type Value, valueAt } from './yaml.js';

/** A file under validation. */
export interface Source {
  readonly root: Value;
  readonly problems: Problems;
  /** Where relative paths start. */
  readonly directory: string;
  /** Throws a VxlaneError when there is no such plugin. */
  readonly findPlugin: (search: string) => Manifest;
}

/** One that is right in itself. */
export interface ReadOverlay {
  readonly model: DeclaredOverlay;
  readonly plugin: Manifest;
  /** Canonical MACs of its targets to how the file spells them. */
  readonly spellings: ReadonlyMap<string, string>;
}

/** null when something is wrong with it, which is among the problems then. */
export function readOverlay(source: Source, name: string, content: Partial<OverlayContent>): ReadOverlay | null {
  const path = ['overlays', name];
  const before = source.problems.count;
  const { vni, encap, search: searchText, properties, targets: targetsText } = content;
  if (searchText === undefined) return null;
  const search = referenceOf(searchText, source.directory);
  const plugin = findPlugin(source, [...path, 'search'], search);
  if (plugin === null) return null;
  const isKnown = encap !== undefined && 'properties' in content;
  const configuration = isKnown ? configure(source, path, encap, plugin, properties ?? {}) : null;
  const spellings = new Map<string, string>();
  if (vni !== undefined && encap !== undefined) {
    const at = [...path, 'vni'];
    trying(source.problems, placeOf(source.root, at), at, () => checkVni(encap, vni));
  }
  const targets = readTargets(source, [...path, 'targets'], targetsText ?? {}, plugin, configuration, spellings);
  if (configuration === null || vni === undefined || encap === undefined || !('targets' in content)) return null;
  if (source.problems.count > before) return null;
  const model = { name, vni, encap, search, properties: configuration.given, targets, configuration };
  return { plugin, spellings, model };
}

const PACKAGE_IN_SCOPE = /^@[^/]+\/[^/]+$/;

/** The reference of a plugin with an absolute path, as the command line makes it of what is typed there. */
export function referenceOf(search: string, directory: string): string {
  const isPath = search.includes('/') && !PACKAGE_IN_SCOPE.test(search);
  return isPath ? resolve(directory, search) : search;
}

function findPlugin({ root, problems, findPlugin: find }: Source, path: Path, search: string): Manifest | null {
  return trying(problems, placeOf(root, path), path, () => find(search));
}

type Given = NonNullable<OverlayContent['properties']>;

function configure(
  source: Source,
  path: Path,
  encap: Encap,
  plugin: Manifest,
  content: Given,
): OverlayConfiguration | null {
  const { root, problems } = source;
  const isRight = trying(problems, placeOf(root, path), path, () => {
    checkEncapsulation(encap, plugin);
    return true;
  });
  if (isRight === null) return null;
  const specs = specsOf(encap, plugin);
  const [typed, wrong] = textsOf(source, [...path, 'properties'], specs, content);
  const at = [...path, 'properties', nameIn(encap, 'vxlan/listen_ip')];
  const given = trying(problems, placeOf(root, at), at, () => withoutZone(encap, typed));
  if (given === null) return null;
  const { values, problems: found } = checkProperties(specs, given);
  for (const { name, text } of found) {
    if (wrong.has(name)) continue;
    const where = [...path, 'properties', name];
    const isGiven = Object.hasOwn(given, name);
    // A missing one is told at what should hold it, a wrong one at its own place: neither needs its name twice.
    const place = isGiven ? placeOf(root, where) : keyPlaceOf(root, where);
    problems.add(
      place,
      isGiven ? where : where.slice(0, -1),
      isGiven && text.startsWith(name) ? text.slice(name.length + 1) : text,
    );
  }
  if (found.length > 0 || wrong.size > 0) return null;
  return trying(problems, placeOf(root, at), at, () => configurationFrom(encap, given, values));
}

/** The values as a command would have them, and the names of those that are of a wrong type. */
function textsOf({ root, problems, directory }: Source, path: Path, specs: readonly PropertySpec[], content: Given) {
  const given: Record<string, string> = {};
  const wrong = new Set<string>();
  for (const name of Object.keys(content)) {
    const at = [...path, name];
    const value = valueAt(root, at);
    const spec = specs.find((each) => each.name === name);
    if (value?.kind !== 'scalar') continue;
    const isText = typeof value.scalar === 'string';
    if (!isText && spec !== undefined && needsQuotes(spec)) {
      // what a number was before it became one (007, 1e3) is the text that was meant, perhaps
      problems.add(
        placeOf(root, at),
        at,
        `${spec.type === 'secret' ? 'is no text' : describe(value)}: put it in quotes`,
      );
      wrong.add(name);
    }
    const text = String(value.scalar);
    given[name] = isText && spec?.path === true ? resolve(directory, text) : text;
  }
  return [given, wrong] as const;
}

/** Any text may be meant, so a number or a boolean is most likely a text without its quotes. */
function needsQuotes({ type, values }: PropertySpec): boolean {
  return type === 'secret' || (type === 'string' && values === undefined);
}

/** What `action` answers; null when it throws a refusal, which is among the problems then. */
export function trying<T>(problems: Problems, at: Position, path: Path, action: () => T): T | null {
  try {
    return action();
  } catch (thrown) {
    if (!(thrown instanceof VxlaneError)) throw thrown;
    problems.add(at, path, messageOf(thrown));
    return null;
  }
}

/** What the rules say of a MAC and a destination alone. null for `configuration`: there is none to be held against. */
function readTargets(
  { root, problems }: Source,
  path: Path,
  content: NonNullable<OverlayContent['targets']>,
  plugin: Manifest,
  configuration: OverlayConfiguration | null,
  spellings: Map<string, string>,
): ReadonlyMap<string, Target> {
  const targets = new Map<string, Target>();
  const names = Object.keys(content);
  if (names.length === 0) return targets;
  const canTake = trying(problems, keyPlaceOf(root, path), path, () => {
    checkTakesTargets(plugin);
    return true;
  });
  if (canTake === null) return targets;
  for (const name of names) {
    const at = [...path, name];
    const mac = trying(problems, keyPlaceOf(root, at), at, () => targetMac(name));
    if (mac === null) continue;
    if (spellings.has(mac)) {
      problems.add(placeOf(root, at), at, `is there already, as ${mac} in another spelling: expected it once`);
      continue;
    }
    const socket = configuration?.settings.socket ?? null;
    const target = trying(problems, placeOf(root, at), at, () => targetOf(content[name] as string, socket));
    if (target !== null) targets.set(mac, target);
    spellings.set(mac, name);
  }
  return targets;
}
