import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** A machine may be loaded twenty times over. */
const LIMIT_MS = 60_000;

/** Waits for the kernel, a worker or another process: a real event. A failure shows what was waited for. */
export async function until(holds: () => boolean | Promise<boolean>, limitMs = LIMIT_MS): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadline) assert.fail(`not within ${limitMs} ms: ${holds}`);
    await sleep(5);
  }
}

/** Waits until `count` has stayed as it is for a while, as what is idle does. */
export async function nothingMoves(count: () => number): Promise<void> {
  let last = Number.NaN;
  await until(() => {
    const stays = count() === last;
    last = count();
    return stays;
  });
}
