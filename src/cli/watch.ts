/** Doing something again and again until Ctrl-C. */
import { setTimeout as sleep } from 'node:timers/promises';
import { intervalBad, VxlaneError } from '../errors.js';

/** An interval as it is typed. */
export const SECONDS = /^\d+(\.\d+)?$/;

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
    await pause(intervalMs, signal);
  }
}

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Milliseconds from seconds as they were typed. */
export function intervalMs(seconds: string): number {
  const number = SECONDS.test(seconds) ? Number(seconds) : Number.NaN;
  if (!(number >= 0.1 && number <= 86_400)) throw intervalBad(seconds);
  return number * 1000;
}

/** A daemon that starts does not answer yet; one that ends breaks off in the middle of an answer. */
export function mayPass(thrown: unknown): boolean {
  return thrown instanceof VxlaneError && (thrown.exitCode === 4 || thrown.code === 'daemon_failed');
}
