// The compiled test module (test/assembly/index.ts), debug and release build, each over a memory of its own.
// The functions come from the bindings that asc writes beside the .wasm, so types and signs are those of the build:
// u32 answers are numbers from 0 to 2^32-1, u64 are unsigned BigInts, bool are booleans. A constant is `m.NAME.value`.
// An assert that fails in the debug build, or a trap, throws here with its text.

import { readFileSync } from 'node:fs';
import type * as bindings from '../../build/test-release.js';

/** Exports of the test module. */
export type TestExports = Awaited<ReturnType<typeof bindings.instantiate>>;
/** An instance: its exports, and its memory as bytes. */
export type TestModule = TestExports & { readonly bytes: Uint8Array };
export type Build = 'debug' | 'release';

/** Both builds, the one with asserts first. */
export const BUILDS: readonly Build[] = ['debug', 'release'];
/** Where a test may put its bytes: the compiler's static data ends before. */
export const SCRATCH = 65536;
const MEMORY_PAGES_MAX = 65536; // asconfig.json, maximumMemory
const buildFolder = new URL('../../../build/', import.meta.url);

/** A fresh instance of one build over a fresh shared memory of `pages` 64 KiB pages. */
export async function loadBuild(build: Build, pages = 32): Promise<TestModule> {
  const compiled = new WebAssembly.Module(readFileSync(new URL(`test-${build}.wasm`, buildFolder)));
  const binding = (await import(new URL(`test-${build}.js`, buildFolder).href)) as typeof bindings;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: MEMORY_PAGES_MAX, shared: true });
  const exports = await binding.instantiate(compiled, { env: { memory } });
  return Object.create(exports, { bytes: { value: new Uint8Array(memory.buffer) } }) as TestModule;
}

/** Calls `body` with an instance of each build; await it at the top of a test file and declare the tests inside. */
export async function forEachBuild(body: (name: Build, m: TestModule) => void, pages = 32): Promise<void> {
  for (const build of BUILDS) body(build, await loadBuild(build, pages));
}
