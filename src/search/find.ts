/**
 * From what an operator types after `-s` to a plugin: the name of one that is built in, the path of a module, or the
 * name of an npm package `vxlane-plugin-…`.
 */
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { messageOf, relativeSearchPath, searchPluginUnusable, unknownSearchPlugin } from '../errors.js';
import { distrust } from '../ownership.js';
import { unreadable } from './host/confine.js';
import type { Deadlines } from './host/deadlines.js';
import { describePlugin } from './host/manifest.js';
import type { Manifest, PluginLocation } from './host/messages.js';
import { type Confinement, type Isolation, Placement } from './host/placement.js';
import { FILES_OF_ENTRY } from './host/process.js';
import type { Spare } from './host/spare.js';
import { syntaxErrorIn } from './host/syntax.js';
import { plugins } from './registry.js';

const PACKAGE = /^(@[a-z0-9._-]+\/)?vxlane-plugin-[a-z0-9._-]+$/;
/** For an instance that only says what the plugin is. */
const DESCRIBE_MEMORY_MIB = 256;

/** A plugin that was found. */
export interface FoundPlugin {
  /** As the operator typed it, with an absolute path. */
  readonly reference: string;
  readonly location: PluginLocation;
  readonly manifest: Manifest;
}

/** The built-in plugin of that name, or null. */
export function builtInPlugin(reference: string): FoundPlugin | null {
  const manifest = plugins.get(reference);
  return manifest === undefined ? null : { reference, location: { kind: 'built-in', name: reference }, manifest };
}

/** Throws a VxlaneError: there is no such plugin, or the module is none and why. `isolation`: where it is to run. */
export function findPlugin(reference: string, isolation: Isolation, deadlines: Deadlines): Promise<FoundPlugin> {
  return withPlugin(reference, { isolation, memoryMiB: DESCRIBE_MEMORY_MIB }, deadlines, async (found) => found);
}

/** {@link findPlugin} for who makes an instance at once, which may be made in the process that was asked. */
export async function withPlugin<T>(
  reference: string,
  confinement: Confinement,
  deadlines: Deadlines,
  use: (found: FoundPlugin, spare: Spare | null) => Promise<T>,
): Promise<T> {
  const found = builtInPlugin(reference);
  if (found !== null) return use(found, null);
  const location: PluginLocation = { kind: 'module', url: moduleUrl(reference) };
  const path = fileURLToPath(location.url);
  const reason = await reasonAgainst(path, confinement.isolation).catch(messageOf);
  if (reason !== null) throw searchPluginUnusable(reference, reason);
  const { manifest, spare } = await described(location, confinement, deadlines).catch(async (thrown: unknown) => {
    const placed = await syntaxErrorIn(path).catch(() => null);
    throw searchPluginUnusable(reference, placed ?? messageOf(thrown));
  });
  try {
    return await use({ reference, location, manifest }, spare);
  } finally {
    await spare.close();
  }
}

function described(location: PluginLocation, confinement: Confinement, deadlines: Deadlines) {
  const open = new Placement({ now: () => performance.now() }).open(location, confinement, {});
  return describePlugin(open, confinement, deadlines);
}

/** Frames go by its word: nobody else may write to its file. And it must be able to begin. */
async function reasonAgainst(path: string, isolation: Isolation): Promise<string | null> {
  const files = isolation === 'thread' ? [] : [path, ...FILES_OF_ENTRY];
  for (const problem of [distrust(await stat(path)), ...(await Promise.all(files.map(unreadable)))]) {
    if (problem !== null) return problem;
  }
  return null;
}

function moduleUrl(reference: string): string {
  if (PACKAGE.test(reference)) return packageUrl(reference);
  if (!/[/\\]/.test(reference)) throw unknownSearchPlugin(reference, [...plugins.keys()]);
  if (!isAbsolute(reference)) throw relativeSearchPath(reference);
  return pathToFileURL(reference).href;
}

/** Looked for beside vxlane (`npm install -g` of both) and in the daemon's working directory. */
function packageUrl(name: string): string {
  try {
    return import.meta.resolve(name);
  } catch {
    try {
      return pathToFileURL(createRequire(join(process.cwd(), 'package.json')).resolve(name)).href;
    } catch {
      throw searchPluginUnusable(name, 'no such package beside vxlane or in the working directory of the daemon');
    }
  }
}
