/** The search plugins that come with vxlane, by the name users type after `-s`. */
import type { Plugin } from './api.js';
import { direct } from './plugins/direct/direct.js';
import { etcd } from './plugins/etcd/etcd.js';
import { files } from './plugins/files/files.js';
import { flood } from './plugins/flood/flood.js';
import { svp } from './plugins/svp/svp.js';

/** What plugins/NAME/NAME.js exports as NAME: host/load.ts finds it there without this list. */
const BUILT_IN: readonly Plugin[] = [direct, etcd, files, flood, svp];

/** Name to plugin, in alphabetical order. */
export const plugins: ReadonlyMap<string, Plugin> = new Map(BUILT_IN.map((plugin) => [plugin.name, plugin]));
