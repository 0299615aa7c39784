/** From where a plugin is to its code. Runs where the plugin does: a module may do anything when it is imported. */
import type { Plugin } from '../api.js';
import { loadModule } from './load-module.js';
import type { PluginLocation } from './messages.js';

/** The registry without its weight: to load all of them takes longer than the rest of a start. */
const BUILT_IN: Readonly<Record<string, () => Promise<Plugin>>> = {
  direct: async () => (await import('../plugins/direct/direct.js')).direct,
  etcd: async () => (await import('../plugins/etcd/etcd.js')).etcd,
  evpn: async () => (await import('../plugins/evpn/evpn.js')).evpn,
  files: async () => (await import('../plugins/files/files.js')).files,
  flood: async () => (await import('../plugins/flood/flood.js')).flood,
  svp: async () => (await import('../plugins/svp/svp.js')).svp,
};

/** Throws what the module throws, or that it holds no plugin. */
export async function loadPlugin(location: PluginLocation): Promise<Plugin> {
  if (location.kind === 'built-in') return BUILT_IN[location.name]!();
  return loadModule(location.url);
}
