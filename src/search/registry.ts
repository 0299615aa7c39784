/** The search plugins that come with vxlane, by the name users type after `-s`. */
import type { Plugin } from './api.js';
import { direct } from './plugins/direct/direct.js';
import { etcd } from './plugins/etcd/etcd.js';
import { evpn } from './plugins/evpn/evpn.js';
import { files } from './plugins/files/files.js';
import { flood } from './plugins/flood/flood.js';
import { svp } from './plugins/svp/svp.js';

/** host/load.ts has the same list, for threads that load one of them. */
const BUILT_IN: readonly Plugin[] = [direct, etcd, evpn, files, flood, svp];

/** Name to plugin, in alphabetical order. */
export const plugins: ReadonlyMap<string, Plugin> = new Map(BUILT_IN.map((plugin) => [plugin.name, plugin]));
