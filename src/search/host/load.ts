/** From where a plugin is to its code. Runs where the plugin does: a module may do anything when it is imported. */
import type { Plugin } from '../api.js';
import type { PluginLocation } from './messages.js';

/** Throws what the module throws, or that it holds no plugin. */
export async function loadPlugin(location: PluginLocation): Promise<Plugin> {
  if (location.kind === 'built-in') {
    // Not by the registry: to load all of them takes longer than the rest of a start.
    const { name } = location;
    const module = (await import(`../plugins/${name}/${name}.js`)) as Readonly<Record<string, Plugin>>;
    return module[name] as Plugin;
  }
  const module = (await import(location.url)) as { default?: unknown };
  const plugin = module.default as Partial<Plugin> | null | undefined;
  if (typeof plugin?.create !== 'function') throw new Error('its default export is no search plugin: no create()');
  return plugin as Plugin;
}
