/** One overlay of a file: its plugin, its properties, its targets. */
import { resolve } from 'node:path';
import { formatEndpoint, ipFamily, isGroupMac, parseEndpoint, parseMac } from '../address.js';
import { badDestination, badTargetMac, messageOf, VxlaneError, wrongFamily } from '../errors.js';
import { configurationOf, type OverlayConfiguration, specsOf } from '../overlay-properties/overlay-properties.js';
import type { PropertySpec } from '../search/api.js';
import { isHostAddress } from '../search/host/answers.js';
import type { Manifest } from '../search/host/messages.js';
import { checkProperties } from '../search/props.js';
import type { OverlayModel } from './model.js';
import type { Path, Problems } from './problems.js';
import type { OverlayContent } from './shape.js';
import { describe, keyPlaceOf, placeOf, type Value, valueAt } from './yaml.js';

/** What would be right. */
export const A_MAC = 'six hexadecimal bytes, as in de:ad:be:ef:00:01';

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
  readonly model: OverlayModel;
  readonly plugin: Manifest;
  readonly configuration: OverlayConfiguration;
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
  const configuration = 'properties' in content ? configure(source, path, plugin, properties ?? {}) : null;
  const spellings = new Map<string, string>();
  const targets = readTargets(source, [...path, 'targets'], targetsText ?? {}, plugin, configuration, spellings);
  if (configuration === null || vni === undefined || encap === undefined || !('targets' in content)) return null;
  if (source.problems.count > before) return null;
  const model = { name, vni, encap, search, properties: configuration.given, targets };
  return { plugin, configuration, spellings, model };
}

const PACKAGE_IN_SCOPE = /^@[^/]+\/[^/]+$/;

/** The reference of a plugin with an absolute path, as the command line makes it of what is typed there. */
export function referenceOf(search: string, directory: string): string {
  const isPath = search.includes('/') && !PACKAGE_IN_SCOPE.test(search);
  return isPath ? resolve(directory, search) : search;
}

function findPlugin({ root, problems, findPlugin: find }: Source, path: Path, search: string): Manifest | null {
  try {
    return find(search);
  } catch (thrown) {
    if (!(thrown instanceof VxlaneError)) throw thrown;
    problems.add(placeOf(root, path), path, messageOf(thrown));
    return null;
  }
}

type Given = NonNullable<OverlayContent['properties']>;

function configure(source: Source, path: Path, plugin: Manifest, content: Given): OverlayConfiguration | null {
  const { root, problems } = source;
  const specs = specsOf(plugin);
  const [given, wrong] = textsOf(source, [...path, 'properties'], specs, content);
  const { problems: found } = checkProperties(specs, given);
  for (const { name, text } of found) {
    if (wrong.has(name)) continue;
    const at = [...path, 'properties', name];
    const isGiven = Object.hasOwn(given, name);
    // A missing one is told at what should hold it, a wrong one at its own place: neither needs its name twice.
    const place = isGiven ? placeOf(root, at) : keyPlaceOf(root, at);
    problems.add(
      place,
      isGiven ? at : at.slice(0, -1),
      isGiven && text.startsWith(name) ? text.slice(name.length + 1) : text,
    );
  }
  if (found.length > 0 || wrong.size > 0) return null;
  try {
    return configurationOf(plugin, given);
  } catch (thrown) {
    if (!(thrown instanceof VxlaneError)) throw thrown;
    const at = [...path, 'properties', 'vxlan/listen_ip'];
    problems.add(placeOf(root, at), at, messageOf(thrown));
    return null;
  }
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

function readTargets(
  source: Source,
  path: Path,
  content: NonNullable<OverlayContent['targets']>,
  plugin: Manifest,
  configuration: OverlayConfiguration | null,
  spellings: Map<string, string>,
): ReadonlyMap<string, string> {
  const { root, problems } = source;
  const targets = new Map<string, string>();
  const wrong = (name: string, text: string) => problems.add(placeOf(root, [...path, name]), [...path, name], text);
  const names = Object.keys(content);
  if (plugin.mode === 'point' && names.length > 0) {
    const right = `search plugin ${plugin.name} has one destination for every MAC: leave them out`;
    problems.add(keyPlaceOf(root, path), path, right);
    return targets;
  }
  for (const name of names) {
    const mac = parseMac(name);
    if (mac === null) problems.add(keyPlaceOf(root, [...path, name]), [...path, name], `is no MAC: expected ${A_MAC}`);
    else if (isGroupMac(mac)) wrong(name, badTargetMac(mac).message);
    else if (targets.has(mac)) wrong(name, `is there already, as ${mac} in another spelling: expected it once`);
    else {
      const { text, problem } = destinationOf(content[name] as string, configuration);
      if (problem !== null) wrong(name, problem);
      targets.set(mac, text);
      spellings.set(mac, name);
    }
  }
  return targets;
}

/** As for `modify-overlay -s`. */
function destinationOf(
  text: string,
  configuration: OverlayConfiguration | null,
): { text: string; problem: string | null } {
  if (text.toLowerCase() === 'drop') return { text: 'drop', problem: null };
  const endpoint = parseEndpoint(text);
  if (endpoint === null || !isHostAddress(endpoint.ip)) return { text, problem: badDestination(text).message };
  const canonical = formatEndpoint(endpoint);
  const listen = configuration?.settings.socket.listen;
  const isFar = listen !== undefined && ipFamily(endpoint.ip) !== ipFamily(listen.ip);
  return { text: canonical, problem: isFar ? wrongFamily(canonical, listen.ip).message : null };
}
