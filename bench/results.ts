/** Where results are kept: bench/results, which Git does not see, or where the user stands. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './environment.js';

/** Nanoseconds per operation. */
export interface RowResult {
  readonly name: string;
  readonly median: number;
  readonly fastest: number;
  /** Median without the median of the baseline row; null for a baseline. */
  readonly net: number | null;
  readonly bytes: number | null;
  /** To another row, mostly the one before, where that is what is asked for. */
  readonly ratio?: number | null;
  readonly samples: number;
  /** Half the distance of the slowest to the fastest process, as a part of the median; only over several processes. */
  readonly spread?: number;
}

export interface CaseResult {
  readonly question: string;
  readonly operation: string;
  readonly setting: readonly string[];
  /** Operations a second are what is asked for, not nanoseconds. */
  readonly isRate?: boolean;
  readonly rows: readonly RowResult[];
}

/** Where results of this checkout are kept. */
export const RESULTS = join(ROOT, 'bench', 'results');

/** Writes `<name>-<date>.json` and answers its path. */
export function writeResult(name: string, date: string, result: object, folder = RESULTS): string {
  return writeFile(`${name}-${date}`, 'json', `${JSON.stringify(result, null, 2)}\n`, folder);
}

/** Writes `<name>.<extension>` and answers its path; `name` may have a date in it. */
export function writeFile(name: string, extension: string, text: string, folder = RESULTS): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name.replaceAll(/[:.]/g, '-')}.${extension}`);
  writeFileSync(path, text);
  return path;
}

/** The middle of the numbers; of an even count, the mean of the two. NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}
