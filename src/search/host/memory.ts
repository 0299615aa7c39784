/** What this thread uses of memory. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | null = null;

/** Collects the garbage of this thread, which costs it tens to hundreds of milliseconds. */
function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc'); // contexts made from now on have gc(); the plugin's has been made
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  collect(); // V8 takes buffers off the count that another thread has freed since
}

/** Heap and buffers of this thread, MiB. Garbage counts only while it all is not more than `mostMiB`. */
export function memoryUse(mostMiB: number): number {
  const usedMiB = countedUse();
  if (usedMiB <= mostMiB) return usedMiB;
  collectGarbage();
  return countedUse();
}

/** Costs no system call, unlike process.memoryUsage. */
function countedUse(): number {
  const { used_heap_size: heap, external_memory: buffers } = getHeapStatistics();
  return (heap + buffers) / 2 ** 20;
}
