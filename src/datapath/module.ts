/** The compiled datapath: loading, instantiating, and the check that it was compiled with this very layout. */
import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import { LAYOUT_STAMP } from '../../assembly/layout.js';
import type * as bindings from '../../build/release.js';
import { staleModule } from '../errors.js';

/**
 * The module's exports as called without asc's own bindings: a `bool` arrives as 0 or 1, and a u32 above 2^31-1 as a
 * negative number (`>>> 0` mends it).
 */
export type DatapathExports = Awaited<ReturnType<typeof bindings.instantiate>>;

const RELEASE = new URL('../../../build/release.wasm', import.meta.url);
const DEBUG = new URL('../../../build/debug.wasm', import.meta.url);

/** Compiles the release build, or the one with asserts when VXLANE_DEBUG_WASM is set. */
export function compileModule(): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(process.env.VXLANE_DEBUG_WASM === undefined ? RELEASE : DEBUG));
}

/**
 * An instance over the memory. Throws when the module was compiled with another layout. The exports are the module's
 * own: the loader would wrap each in a function that is felt in the round trip of a lone frame.
 */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): DatapathExports {
  const { instance } = instantiateSync(module as never, { env: { memory: memory as never } });
  const exports = instance.exports as unknown as DatapathExports;
  const stamp = exports.layoutStamp() >>> 0;
  if (stamp !== LAYOUT_STAMP) throw staleModule(stamp, LAYOUT_STAMP);
  return exports;
}
