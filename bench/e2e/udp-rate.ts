/** UDP by our own sender and receiver: at one rate, or at the highest rate that gets through. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Running } from '../../src/demo/processes.js';
import { commandFailed } from '../../src/errors.js';
import type { CpuTime } from './cpu.js';
import { searchRate, type Trial } from './rate-search.js';
import type { Testbed, Tunnel } from './tunnel.js';

const PORT = '5300';
const GRACE_MS = 20_000;
const SENDER = fileURLToPath(new URL('udp-sender.js', import.meta.url));
const RECEIVER = fileURLToPath(new URL('udp-receiver.js', import.meta.url));

type Pair = Pick<Testbed, 'left' | 'right'>;
type To = Pick<Tunnel, 'right' | 'daemons'>;

interface Offered extends Trial {
  /** While the sender sent. */
  readonly cpu: CpuTime;
}

/** The highest rate, frames a second, of which at most a thousandth is lost (rate-search.ts). */
export function highestRate(testbed: Testbed, tunnel: Tunnel, payload: number, trialSeconds: number): Promise<number> {
  return withReceiver(testbed, (receiver) =>
    searchRate((rate) => trial(testbed, tunnel, receiver, payload, rate, trialSeconds)),
  );
}

/** `rate` frames a second for so long. */
export function steadyRate(
  testbed: Pair,
  tunnel: To,
  payload: number,
  rate: number,
  seconds: number,
): Promise<Offered> {
  return withReceiver(testbed, (receiver) => trial(testbed, tunnel, receiver, payload, rate, seconds));
}

async function withReceiver<T>(testbed: Pair, action: (receiver: Running) => Promise<T>): Promise<T> {
  const receiver = testbed.right.spawn([process.execPath, RECEIVER, PORT]);
  try {
    await receiver.printed(/^idle 0$/m);
    return await action(receiver);
  } finally {
    await receiver.stop();
  }
}

async function trial(
  testbed: Pair,
  tunnel: To,
  receiver: Running,
  payload: number,
  rate: number,
  seconds: number,
): Promise<Offered> {
  const before = countOf(receiver); // nothing is under way
  const what = [payload, Math.round(rate), seconds, ...tunnel.daemons].map(String);
  const argv = [process.execPath, SENDER, tunnel.right, PORT, ...what];
  const outcome = await testbed.left.try(argv, { timeoutMs: seconds * 1000 + GRACE_MS });
  if (outcome.code !== 0) throw commandFailed(argv, 'failed', outcome.stdout + outcome.stderr);
  const offered = JSON.parse(outcome.stdout) as Omit<Offered, 'received'>;
  return { ...offered, received: (await settled(receiver)) - before };
}

/** How many it has, when nothing came for a tenth of a second. */
async function settled(receiver: Running): Promise<number> {
  const from = linesOf(receiver).length;
  const deadline = performance.now() + GRACE_MS;
  while (linesOf(receiver).length < from + 2) {
    if (receiver.ended || performance.now() > deadline) {
      throw commandFailed(receiver.argv, 'never falls idle', receiver.stderr);
    }
    await sleep(20);
  }
  return countOf(receiver);
}

const linesOf = ({ stdout }: Running): string[] => stdout.split('\n').slice(0, -1);
const countOf = (receiver: Running): number => Number(linesOf(receiver).at(-1)!.replace('idle ', ''));
