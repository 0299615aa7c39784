/** The command line of `npm run bench:e2e`. */
import { parseArgs } from 'node:util';
import { ROWS, type Row } from './rows.js';
import type { Entrant } from './testbed.js';
import { usageWrong } from './usage.js';
import { PLAIN, parseVariant } from './variants.js';

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly rows: readonly Row[];
  /** In the order of their turns. */
  readonly entrants: readonly Entrant[];
  /** Prints the result as JSON, and writes no file. */
  readonly json: boolean;
  /** Folder of the files; absent: that of all benches of this checkout. */
  readonly out: string | undefined;
}

export const USAGE = `npm run bench:e2e -- [--rounds N] [--seconds S] [--only ROWS] [--tunnels NAMES] [--variant V]…
                     [--json | --out FOLDER]
  --rounds    rounds of each contender, in turn (default 5)
  --seconds   seconds of each iperf3 test, of which a round has four (default 4)
  --only      the rows to measure, of ${ROWS.map(({ key }) => key).join(',')}
  --variant   NAME=ARGS, a vxlane to compare, more than once; ARGS are arguments of vxlane daemon
                ({side} in them is 0 on the left host, 1 on the right one), and
                -p NAME=VALUE  a property of its overlay     --overlays N  overlays, of which one has traffic
                --entries N    FDB entries, and a files table of as many, instead of the plugin direct
                --vnics N      VNICs, of which one has traffic
                --kernel HOST  left or right: there the kernel's vxlan device is the other end
  --tunnels   who takes part and in which order: kernel, ovs, native, vxlane and names of variants
              (default kernel,vxlane,ovs; with --variant: the variants alone)
  --json      print the result instead of tables, and write no file
  --out       where the files go (default bench/results)
`;

/** Null: help was asked for. */
export function parseOptions(argv: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      only: { type: 'string' },
      variant: { type: 'string', multiple: true, default: [] },
      tunnels: { type: 'string' },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const variants = values.variant.map(parseVariant);
  return {
    rounds: positive('rounds', values.rounds),
    seconds: positive('seconds', values.seconds),
    rows:
      values.only === undefined
        ? ROWS.filter(({ isExtra }) => isExtra !== true)
        : pick('only', values.only, new Map(ROWS.map((row) => [row.key, row]))),
    entrants: entrantsOf(variants, values.tunnels),
    json: values.json,
    out: values.out,
  };
}

function entrantsOf(variants: readonly Exclude<Entrant, string>[], tunnels: string | undefined): readonly Entrant[] {
  const known = new Map<string, Entrant>([
    ['kernel', 'kernel'],
    ['vxlane', PLAIN],
    ['ovs', 'ovs'],
    ['native', 'native'],
    ...variants.map((variant): [string, Entrant] => [variant.name, variant]),
  ]);
  if (tunnels !== undefined) return pick('tunnels', tunnels, known);
  return variants.length > 0 ? variants : ['kernel', PLAIN, 'ovs'];
}

function pick<T>(option: string, list: string, known: ReadonlyMap<string, T>): T[] {
  return [...new Set(list.split(','))].map((name) => {
    const found = known.get(name);
    if (found === undefined) throw usageWrong(`--${option} "${name}"`, `some of ${[...known.keys()].join(',')}`);
    return found;
  });
}

function positive(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw usageWrong(`--${name} "${value}"`, 'a positive whole number');
}
