/** Round trips. */
import { commandFailed } from '../../src/errors.js';
import { median } from '../results.js';
import type { Testbed, Tunnel } from './tunnel.js';

const PINGS = 500;
const GRACE_MS = 20_000;

/** Median of 500 pings, so many milliseconds apart, in microseconds. */
export async function roundTrip(testbed: Testbed, tunnel: Tunnel, intervalMs: number): Promise<number> {
  const argv = ['ping', '-n', '-c', String(PINGS), '-i', String(intervalMs / 1000), tunnel.right];
  const outcome = await testbed.left.try(argv, { timeoutMs: PINGS * intervalMs + GRACE_MS });
  const times = [...outcome.stdout.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000);
  if (times.length === 0) throw commandFailed(argv, 'no answer', outcome.stdout + outcome.stderr);
  return median(times);
}
