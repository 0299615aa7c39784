/**
 * From what an operator types after `-s` to a plugin: the name of one that is built in, the path of a module, or the
 * name of an npm package `vxlane-plugin-…`.
 */
import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, relativeSearchPath, searchPluginUnusable, unknownSearchPlugin } from '../errors.js';
import type { Deadlines } from './host/deadlines.js';
import { describePlugin } from './host/manifest.js';
import type { Manifest, PluginLocation } from './host/messages.js';
import { threadAt } from './host/thread.js';
import { plugins } from './registry.js';

const PACKAGE = /^(@[a-z0-9._-]+\/)?vxlane-plugin-[a-z0-9._-]+$/;
/** For a thread that only says what the plugin is. */
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

/** Throws a VxlaneError: there is no such plugin, or the module is none and why. */
export async function findPlugin(reference: string, deadlines: Deadlines): Promise<FoundPlugin> {
  const found = builtInPlugin(reference);
  if (found !== null) return found;
  const location: PluginLocation = { kind: 'module', url: await moduleUrl(reference) };
  try {
    const manifest = await describePlugin(threadAt(location, DESCRIBE_MEMORY_MIB), deadlines);
    return { reference, location, manifest };
  } catch (thrown) {
    throw searchPluginUnusable(reference, messageOf(thrown));
  }
}

async function moduleUrl(reference: string): Promise<string> {
  if (PACKAGE.test(reference)) return packageUrl(reference);
  if (!/[/\\]/.test(reference)) throw unknownSearchPlugin(reference, [...plugins.keys()]);
  if (!isAbsolute(reference)) throw relativeSearchPath(reference);
  await access(reference).catch((thrown: unknown) => {
    throw searchPluginUnusable(reference, messageOf(thrown));
  });
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
