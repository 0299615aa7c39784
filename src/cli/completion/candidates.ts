/** What the word under the cursor may become. */
import { readdirSync } from 'node:fs';
import { sendRequest } from '../../control/request.js';
import { isEncap } from '../../encapsulations.js';
import type { PropertySpec } from '../../search/api.js';
import { type Completes, dashed, type Option, type Options } from '../command.js';
import { type Commands, type Line, lineOf } from './place.js';

export interface Candidate {
  /** The whole word. What ends with `=` or `/` is to be typed on. */
  readonly text: string;
  readonly help?: string;
}

/** What candidates are taken from. */
export interface Sources {
  readonly commands: Commands;
  /** Control socket, unless the line names one. */
  readonly socket: string;
}

/** Somebody waits with a finger on the key. */
const DAEMON_TIMEOUT_MS = 1000;
const NETNS_DIRECTORY = '/run/netns';

/**
 * `words`: what stands behind `vxlane`, the one under the cursor last. In the order of the tables. Throws when the
 * daemon or a directory that has the answer does not give it.
 */
export async function candidatesFor(words: readonly string[], sources: Sources): Promise<Candidate[]> {
  const line = await lineOf(words, sources.commands);
  const { place, typed } = line;
  if (place.kind === 'value') {
    const values = await valuesOf(completesOf(place.option), place.typed, line, sources);
    return startingWith(
      typed,
      values.map((each) => ({ ...each, text: place.before + each.text })),
    );
  }
  if (typed.startsWith('-')) return startingWith(typed, optionsOf(place.options));
  if (place.kind === 'command') return startingWith(typed, await namesOf(place.words, sources.commands));
  const { completes } = place.positional ?? {};
  const taken = (text: string) => place.positional?.rest === true && line.words.includes(text);
  return startingWith(typed, await valuesOf(completes, typed, line, sources)).filter(({ text }) => !taken(text));
}

const startingWith = (typed: string, all: readonly Candidate[]): Candidate[] =>
  all.filter(({ text }) => text.startsWith(typed));

function optionsOf(options: Options): Candidate[] {
  return Object.entries(options).flatMap(([name, { aliases = [], help }]) =>
    [name, ...aliases].map((spelling) => ({ text: dashed(spelling), help })),
  );
}

/** First words of commands; behind `etcd`, second words. */
async function namesOf(words: readonly string[], commands: Commands): Promise<Candidate[]> {
  const found = new Map<string, Candidate>();
  for (const [name, load] of Object.entries(commands)) {
    const parts = name.split(' ');
    const text = parts[words.length];
    if (text === undefined || words.some((word, index) => word !== parts[index])) continue;
    const isWhole = parts.length === words.length + 1;
    found.set(text, isWhole ? { text, help: (await load()).sentence } : { text });
  }
  return [...found.values()];
}

function completesOf(option: Option): Completes | undefined {
  if (option.type === 'choice') return option.choices;
  return option.type === 'flag' ? undefined : option.completes;
}

async function valuesOf(
  completes: Completes | undefined,
  typed: string,
  line: Line,
  sources: Sources,
): Promise<Candidate[]> {
  const socket = line.given.get('socket')?.[0] ?? sources.socket;
  if (completes === undefined) return [];
  if (typeof completes !== 'string') return completes.map((text) => ({ text }));
  switch (completes) {
    case 'overlay':
      return overlays(socket);
    case 'vnic':
      return vnics(socket);
    case 'object':
      return [...(await overlays(socket)), ...(await vnics(socket))];
    case 'plugin':
      return [...(await plugins()), ...filesAt(typed)];
    case 'property':
      return properties(typed, line);
    case 'netns':
      return readdirSync(NETNS_DIRECTORY).map((text) => ({ text }));
    case 'file':
      return filesAt(typed);
  }
}

/** With what the view says of each beside its name. */
async function ask<T>(socket: string, path: string): Promise<T> {
  return (await sendRequest({ socket, method: 'GET', path, timeoutMs: DAEMON_TIMEOUT_MS })) as T;
}

async function overlays(socket: string): Promise<Candidate[]> {
  const { overlays: rows } = await ask<{ overlays: { name: string; vni: number }[] }>(socket, '/v1/status');
  return rows.map(({ name, vni }) => ({ text: name, help: `overlay, VNI ${vni}` }));
}

async function vnics(socket: string): Promise<Candidate[]> {
  const rows = await ask<{ name: string; mac: string; overlay: string }[]>(socket, '/v1/vnics');
  return rows.map(({ name, mac, overlay }) => ({ text: name, help: `VNIC ${mac} on ${overlay}` }));
}

async function plugins(): Promise<Candidate[]> {
  const { plugins: builtIn } = await import('../../search/registry.js');
  return [...builtIn.keys()].map((text) => ({ text, help: 'search plugin' }));
}

/** Of overlays, and of the plugin that the line names, or of all that are built in. */
async function properties(typed: string, line: Line): Promise<Candidate[]> {
  const { plugins: builtIn } = await import('../../search/registry.js');
  const { ALL_OVERLAY_PROPERTIES, overlayProperties } = await import('../../overlay-properties/overlay-properties.js');
  const named = builtIn.get(line.given.get('search')?.[0] ?? '');
  const encap = line.given.get('encap')?.[0] ?? '';
  const general = isEncap(encap) ? overlayProperties(encap) : ALL_OVERLAY_PROPERTIES;
  const specs = [...general, ...(named === undefined ? [...builtIn.values()] : [named]).flatMap(ofPlugin)];
  const comma = typed.lastIndexOf(',') + 1;
  const [before, last] = [typed.slice(0, comma), typed.slice(comma)];
  const equals = last.indexOf('=') + 1;
  if (equals === 0) return specs.map(({ name, help }) => ({ text: `${before}${name}=`, help }));
  const spec = specs.find(({ name }) => name === last.slice(0, equals - 1));
  const files = spec?.path === true ? filesAt(last.slice(equals)) : [];
  const values = [...(spec?.values ?? []).map((text) => ({ text })), ...files];
  return values.map(({ text }) => ({ text: before + last.slice(0, equals) + text }));
}

const ofPlugin = ({ properties: specs }: { readonly properties: readonly PropertySpec[] }) => specs;

/** Those in the directory of what is typed; hidden ones when it begins so. */
function filesAt(typed: string): Candidate[] {
  const slash = typed.lastIndexOf('/') + 1;
  const [directory, start] = [typed.slice(0, slash), typed.slice(slash)];
  return readdirSync(directory || '.', { withFileTypes: true })
    .filter(({ name }) => name.startsWith('.') === start.startsWith('.') && name.startsWith(start))
    .map((entry) => ({ text: `${directory}${entry.name}${entry.isDirectory() ? '/' : ''}` }));
}
