/** Doing something again and again until Ctrl-C. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Aborted by the first SIGINT, which then does not kill the process; a second one does. */
export function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  return controller.signal;
}

/** The same of SIGTERM as well. */
export function onEndSignals(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

/** Runs `action` now and then every `intervalMs` after it ended, until `signal` is aborted. */
export async function repeat(intervalMs: number, signal: AbortSignal, action: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await action();
    try {
      await sleep(intervalMs, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
