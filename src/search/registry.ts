/** The search plugins that come with vxlane, by the name users type after `-s`. */
import { unknownSearchPlugin } from '../errors.js';
import type { Plugin } from './api.js';
import { direct } from './plugins/direct/direct.js';
import { files } from './plugins/files/files.js';

const BUILT_IN: readonly Plugin[] = [direct, files];

/** Name to plugin, in alphabetical order. */
export const plugins: ReadonlyMap<string, Plugin> = new Map(BUILT_IN.map((plugin) => [plugin.name, plugin]));

/** The plugin of that name; a VxlaneError that lists the names when there is none. */
export function findPlugin(name: string): Plugin {
  const plugin = plugins.get(name);
  if (plugin === undefined) throw unknownSearchPlugin(name, [...plugins.keys()]);
  return plugin;
}
