/** Medians over the rounds, and ratios between contenders. */
import { median } from '../results.js';
import type { Metric, Row } from './rows.js';
import type { Contender } from './tunnel.js';

/** What a contender reached in one round: the values of each row, by its key. */
export interface Turn {
  readonly round: number;
  readonly contender: string;
  readonly values: Readonly<Record<string, readonly number[]>>;
}

/** `of` / `to`. */
export interface Pair {
  readonly of: string;
  readonly to: string;
}

export interface Ratio extends Pair {
  /** Of the medians; null where one of the two has no such metric. */
  readonly ratio: number | null;
  /** The ratios of single rounds. */
  readonly lowest: number;
  readonly highest: number;
}

export interface Line extends Metric {
  readonly row: string;
  /** By contender. */
  readonly medians: Readonly<Record<string, number>>;
  readonly ratios: readonly Ratio[];
}

type Named = Pick<Contender, 'name' | 'kind'>;

/** Every vxlane to all that are none, and to the first vxlane; and the native program to the kernel. */
export function pairsOf(contenders: readonly Named[]): Pair[] {
  const ours = contenders.filter(({ kind }) => kind === 'vxlane').map(({ name }) => name);
  const others = contenders.filter(({ kind }) => kind !== 'vxlane').map(({ name }) => name);
  const toOthers = ours.flatMap((of) => others.map((to) => ({ of, to })));
  const bounds = others.includes('kernel') && others.includes('native') ? [{ of: 'native', to: 'kernel' }] : [];
  return [...toOthers, ...ours.slice(1).map((of) => ({ of, to: ours[0]! })), ...bounds];
}

export function summarise(turns: readonly Turn[], rows: readonly Row[], contenders: readonly Named[]): Line[] {
  const pairs = pairsOf(contenders);
  return rows.flatMap((row) =>
    row.metrics.map((metric, index) => {
      const valuesOf = (name: string): number[] => {
        const has = metric.ofDaemons !== true || contenders.some((one) => one.name === name && one.kind !== 'kernel');
        if (!has) return [];
        return turns.filter(({ contender }) => contender === name).map(({ values }) => values[row.key]![index]!);
      };
      const medians = Object.fromEntries(contenders.map(({ name }) => [name, median(valuesOf(name))]));
      return { ...metric, row: row.key, medians, ratios: pairs.map((pair) => ratioOf(pair, valuesOf)) };
    }),
  );
}

/** Rounds of the two stand beside each other in the same order. */
function ratioOf(pair: Pair, valuesOf: (name: string) => number[]): Ratio {
  const [of, to] = [valuesOf(pair.of), valuesOf(pair.to)];
  if (of.length === 0 || to.length === 0) return { ...pair, ratio: null, lowest: Number.NaN, highest: Number.NaN };
  const single = of.map((value, round) => value / to[round]!);
  return { ...pair, ratio: median(of) / median(to), lowest: Math.min(...single), highest: Math.max(...single) };
}
