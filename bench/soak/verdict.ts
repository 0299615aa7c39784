/** What must be true in the end. Every function answers what is wrong, in one line, or null. */
import { median } from '../results.js';
import type { Sample } from './sample.js';

type Totals = Readonly<Record<string, number>>;

/**
 * Grown by no more than this, memory counts as flat. V8 lets garbage lie until a collection is worth while, which moves
 * the daemon's memory by some 20 MiB up and down. One byte lost a frame is more than this in ten minutes of a hundred
 * thousand frames a second.
 */
export const GROWTH_MAX_MIB = 32;
/** Sockets of the control API that are being closed, and the like. */
const DESCRIPTORS_MAX = 8;
const IN = ['encapIn', 'decapIn', 'injected', 'copies'];
const OUT = ['encapOut', 'delivered', 'dropped', 'held', 'upcalled'];

/** Both books of the datapath, exactly: nothing is under way any more. */
export function booksWrong(totals: Totals): string | null {
  const sum = (names: readonly string[]) => names.reduce((total, name) => total + (totals[name] ?? Number.NaN), 0);
  if (sum(IN) !== sum(OUT)) {
    return `the books do not balance: ${terms(IN, totals)} = ${sum(IN)}, but ${terms(OUT, totals)} = ${sum(OUT)}`;
  }
  const { upcalled, answered, proxyDropped } = totals;
  if (upcalled !== answered! + proxyDropped!) {
    return `the proxies' book does not balance: ${terms(['upcalled', 'answered', 'proxyDropped'], totals)}`;
  }
  return null;
}

const terms = (names: readonly string[], totals: Totals): string =>
  names.map((name) => `${name} ${totals[name]}`).join(' + ');

/**
 * The median of the last fifth of the samples beside that of the second: the first fifth is warming up (compiled code,
 * memory of tables touched for the first time).
 */
export function memoryWrong(samples: readonly Sample[]): string | null {
  const fifth = Math.floor(samples.length / 5);
  if (fifth === 0) return `${samples.length} samples are too few to judge memory by`;
  const of = (from: number) => median(samples.slice(from, from + fifth).map(({ rssMiB }) => rssMiB));
  const [before, after] = [of(fifth), of(samples.length - fifth)];
  if (after - before <= GROWTH_MAX_MIB) return null;
  return `memory grows: ${before.toFixed(0)} MiB, later ${after.toFixed(0)} MiB (at most ${GROWTH_MAX_MIB} more)`;
}

/** `before`: with what stays; `after`: when all that came has gone again. */
export function descriptorsWrong(before: Sample, after: Sample): string | null {
  if (after.descriptors - before.descriptors <= DESCRIPTORS_MAX) return null;
  return `descriptors leak: ${before.descriptors} before, ${after.descriptors} after`;
}

export function restartsWrong({ workerRestarts }: Sample): string | null {
  return workerRestarts === 0 ? null : `worker restarts: ${workerRestarts}`;
}
