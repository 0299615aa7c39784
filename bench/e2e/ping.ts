/** Round trips. */
import { commandFailed } from '../../src/errors.js';
import { median } from '../results.js';
import type { Ground, Tunnel } from './tunnel.js';

const PINGS = 500;
const INTERVAL_S = 0.002;
const GRACE_MS = 20_000;

/** Median of 500 pings, 2 ms apart, in microseconds. */
export async function roundTrip(ground: Ground, tunnel: Tunnel): Promise<number> {
  const argv = ['ping', '-n', '-c', String(PINGS), '-i', String(INTERVAL_S), tunnel.right];
  const outcome = await ground.left.try(argv, { timeoutMs: PINGS * INTERVAL_S * 1000 + GRACE_MS });
  const times = [...outcome.stdout.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000);
  if (times.length === 0) throw commandFailed(argv, 'no answer', outcome.stdout + outcome.stderr);
  return median(times);
}
