/**
 * What the cases stand on: a shared memory made as the daemon makes it, an instance of the bench loops
 * (bench/assembly) over it, and room for keys and frames in it. The room is the arena of held frames, which no case
 * uses.
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { type ASUtil, instantiateSync } from '@assemblyscript/loader';
import { W_HELD_ARENAS, WORKERS_BASE } from '../assembly/layout.js';
import type * as bindings from '../build/bench.js';
import { createMemory, type Views, viewsOf } from '../src/datapath/memory.js';

/** As called without asc's own bindings: a `bool` arrives as 0 or 1, a u64 as a signed bigint. */
export type BenchExports = Awaited<ReturnType<typeof bindings.instantiate>>;

// A daemon that has run for a second has V8's optimised code everywhere. Here it is made at once, so that nothing of
// the baseline compiler's is timed.
setFlagsFromString('--no-liftoff');

/** Where keys and frames may be put; 32 MiB. */
export const SCRATCH = WORKERS_BASE + W_HELD_ARENAS;
const BENCH = new URL('../../build/bench.wasm', import.meta.url);
const SEED = 0x1e37_79b9_7f4a_7c15n;
const NOW_MS = 1000;

export interface Testbed {
  readonly memory: WebAssembly.Memory;
  readonly views: Views;
  readonly loops: BenchExports;
}

/** A memory for one worker and an FDB of `fdbSize` entries. Its random keys are the same in every run. */
export function prepareTestbed(fdbSize: number): Testbed {
  const memory = createMemory(1, fdbSize);
  const module = new WebAssembly.Module(readFileSync(BENCH));
  const { exports: loops } = instantiateSync<BenchExports & ASUtil & Record<string, unknown>>(module as never, {
    env: { memory: memory as never },
  });
  loops.seed(SEED);
  loops.attach(NOW_MS);
  return { memory, views: viewsOf(memory), loops };
}

/** Throws unless a loop answered what it must: a bench of something else than it says is worse than none. */
export function expect<T>(answer: T, right: T, what: string): void {
  if (answer !== right) throw new Error(`${what}: ${answer}, expected ${right}`);
}
