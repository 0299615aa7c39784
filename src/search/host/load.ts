/** From where a plugin is to its code. Runs in the plugin's thread: a module may do anything when it is imported. */
import { fileURLToPath } from 'node:url';
import type { Plugin } from '../api.js';
import type { PluginLocation } from './messages.js';
import { syntaxErrorIn } from './syntax.js';

/** Throws what the module throws, or that it holds no plugin. */
export async function loadPlugin(location: PluginLocation): Promise<Plugin> {
  if (location.kind === 'built-in') {
    // Not by the registry: to load all of them takes longer than the rest of a start.
    const { name } = location;
    const module = (await import(`../plugins/${name}/${name}.js`)) as Readonly<Record<string, Plugin>>;
    return module[name] as Plugin;
  }
  const module = await importModule(location.url);
  const plugin = module.default as Partial<Plugin> | null | undefined;
  if (typeof plugin?.create !== 'function') throw new Error('its default export is no search plugin: no create()');
  return plugin as Plugin;
}

async function importModule(url: string): Promise<{ default?: unknown }> {
  try {
    return (await import(url)) as { default?: unknown };
  } catch (thrown) {
    const placed = thrown instanceof SyntaxError ? syntaxErrorIn(fileURLToPath(url)) : null;
    throw placed === null ? thrown : new Error(placed, { cause: thrown });
  }
}
