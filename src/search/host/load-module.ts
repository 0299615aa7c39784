/** From the address of a module to the plugin in it. */
import type { Plugin } from '../api.js';

/** Throws what the module throws, or that it holds no plugin. */
export async function loadModule(url: string): Promise<Plugin> {
  const module = (await import(url)) as { default?: unknown };
  const plugin = module.default as Partial<Plugin> | null | undefined;
  if (typeof plugin?.create !== 'function') throw new Error('its default export is no search plugin: no create()');
  return plugin as Plugin;
}
