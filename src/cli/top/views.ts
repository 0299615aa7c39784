/** What there is to see of the datapath's rates: five tables, as data. */
import type { StatsView, Traffic } from '../../control/protocol.js';

export const VIEW_NAMES = ['overlays', 'vnics', 'endpoints', 'drops', 'plugins'] as const;
export type ViewName = (typeof VIEW_NAMES)[number];

/** One of something for each view. */
export function eachView<T>(of: (name: ViewName) => T): Record<ViewName, T> {
  return Object.fromEntries(VIEW_NAMES.map((name) => [name, of(name)])) as Record<ViewName, T>;
}

export type Value = string | number | null;

export interface TopColumn {
  /** Upper case; also what `--sort` takes. */
  readonly title: string;
  /** In JSON. */
  readonly field: string;
  /** The first column is a name; a note is the last one, and gets what room is left. */
  readonly kind: 'name' | 'text' | 'number' | 'note';
  /** More than 0 of it is bad news. */
  readonly isTrouble?: true;
  /** Gives way first where the terminal is narrow. */
  readonly yields?: true;
}

export interface Row {
  /** The same row of the next look has the same. */
  readonly key: string;
  /** One a column. */
  readonly values: readonly Value[];
  /** What the sparkline is of. */
  readonly main: number;
  /** Nobody has to look: its trouble is expected. */
  readonly isFaint: boolean;
}

export interface View {
  readonly name: ViewName;
  readonly columns: readonly TopColumn[];
  /** What rows are sorted by at first: the index of a column. */
  readonly sortedBy: number;
  /** What the sparkline is of, in words. */
  readonly spark: string;
  /** `rates`: of the last interval, a second. `counts`: since the daemon started. */
  rows(rates: StatsView, counts: StatsView): Row[];
}

interface Definition<R> extends Omit<View, 'columns' | 'sortedBy' | 'rows'> {
  readonly columns: readonly (TopColumn & { of(row: R): Value })[];
  readonly sortedBy: string;
  all(rates: StatsView, counts: StatsView): readonly R[];
  key(row: R): string;
  main(row: R): number;
  isFaint?(row: R): boolean;
}

function defineView<R>({ columns, sortedBy, all, key, main, isFaint, name, spark }: Definition<R>): View {
  return {
    ...{ name, spark, columns },
    sortedBy: columns.findIndex(({ title }) => title === sortedBy),
    rows: (rates, counts) =>
      all(rates, counts).map((row) => ({
        ...{ key: key(row), main: main(row), isFaint: isFaint?.(row) ?? false },
        values: columns.map(({ of }) => of(row)),
      })),
  };
}

const BITS = 8;

/** Frames and bits a second, of frames inside. */
function traffic<R>(name: string, short: string, of: (row: R) => Traffic) {
  const field = name.toLowerCase();
  return [
    { title: `${name}/S`, field: `${field}FramesPerSecond`, kind: 'number', of: (row: R) => of(row).frames },
    {
      title: `${short}-BIT/S`,
      field: `${field}BitsPerSecond`,
      kind: 'number',
      yields: true,
      of: (row: R) => of(row).bytes * BITS,
    },
  ] as const;
}

type OverlayRow = StatsView['overlays'][number];
type VnicRow = StatsView['vnics'][number];
type EndpointRow = StatsView['endpoints'][number];
type DropRow = StatsView['drops'][number] & { readonly total: number };
type PluginRow = OverlayRow & { readonly deaths: number };

/** As in show-stats: what is expected is no trouble. */
function troubleOf({ drops, expectedDrops }: OverlayRow): number {
  return Math.max(0, Object.values(drops).reduce((sum, frames) => sum + frames, 0) - expectedDrops);
}

const overlays = defineView<OverlayRow>({
  name: 'overlays',
  spark: 'frames/s, both ways',
  sortedBy: 'ENCAP/S',
  columns: [
    { title: 'OVERLAY', field: 'overlay', kind: 'name', of: ({ name }) => name },
    ...traffic<OverlayRow>('ENCAP', 'ENC', ({ encap }) => encap),
    ...traffic<OverlayRow>('DECAP', 'DEC', ({ decap }) => decap),
    { title: 'DROPS/S', field: 'dropsPerSecond', kind: 'number', isTrouble: true, of: troubleOf },
  ],
  all: (rates) => rates.overlays,
  key: ({ name }) => name,
  main: ({ encap, decap }) => encap.frames + decap.frames,
});

const vnics = defineView<VnicRow>({
  name: 'vnics',
  spark: 'frames/s, both ways',
  sortedBy: 'TX/S',
  columns: [
    { title: 'VNIC', field: 'vnic', kind: 'name', of: ({ name }) => name },
    { title: 'OVER', field: 'over', kind: 'text', of: ({ overlay }) => overlay },
    ...traffic<VnicRow>('TX', 'TX', ({ tx }) => tx),
    ...traffic<VnicRow>('RX', 'RX', ({ rx }) => rx),
    {
      title: 'DROPS/S',
      field: 'dropsPerSecond',
      kind: 'number',
      isTrouble: true,
      of: ({ drops, expectedDrops }) => Math.max(0, drops - expectedDrops),
    },
  ],
  all: (rates) => rates.vnics,
  key: ({ name }) => name,
  main: ({ tx, rx }) => tx.frames + rx.frames,
});

const endpoints = defineView<EndpointRow>({
  name: 'endpoints',
  spark: 'frames/s, both ways',
  sortedBy: 'ENCAP/S',
  columns: [
    { title: 'ENDPOINT', field: 'endpoint', kind: 'name', of: ({ endpoint }) => endpoint },
    ...traffic<EndpointRow>('ENCAP', 'ENC', ({ encap }) => encap),
    ...traffic<EndpointRow>('DECAP', 'DEC', ({ decap }) => decap),
    { title: 'DROPS/S', field: 'dropsPerSecond', kind: 'number', isTrouble: true, of: ({ drops }) => drops },
    { title: 'PATH-MTU', field: 'pathMtu', kind: 'number', yields: true, of: ({ pathMtu }) => pathMtu },
  ],
  all: (rates) => rates.endpoints,
  key: ({ endpoint }) => endpoint,
  main: ({ encap, decap }) => encap.frames + decap.frames,
});

const drops = defineView<DropRow>({
  name: 'drops',
  spark: 'frames/s',
  sortedBy: 'FRAMES/S',
  columns: [
    { title: 'DROPPED', field: 'reason', kind: 'name', of: ({ reason }) => reason },
    { title: 'FRAMES/S', field: 'framesPerSecond', kind: 'number', isTrouble: true, of: ({ frames }) => frames },
    { title: 'TOTAL', field: 'frames', kind: 'number', of: ({ total }) => total },
    {
      title: 'BECAUSE',
      field: 'because',
      kind: 'note',
      of: ({ text, isExpected }) => (isExpected ? `expected: ${text}` : text),
    },
  ],
  // Both are made of one reading, in one order.
  all: (rates, counts) => rates.drops.map((drop, index) => ({ ...drop, total: counts.drops[index]!.frames })),
  key: ({ reason }) => reason,
  main: ({ frames }) => frames,
  isFaint: ({ isExpected }) => isExpected,
});

const plugins = defineView<PluginRow>({
  name: 'plugins',
  spark: 'questions/s',
  sortedBy: 'ASKED/S',
  columns: [
    { title: 'OVER', field: 'over', kind: 'name', of: ({ name }) => name },
    { title: 'SEARCH', field: 'search', kind: 'text', of: ({ plugin }) => plugin.name },
    { title: 'ASKED/S', field: 'questionsPerSecond', kind: 'number', of: ({ plugin }) => plugin.questions },
    {
      title: 'FAULTS/S',
      field: 'faultsPerSecond',
      kind: 'number',
      isTrouble: true,
      of: ({ plugin }) => plugin.faults,
    },
    {
      title: 'TIMEOUTS/S',
      field: 'timeoutsPerSecond',
      kind: 'number',
      isTrouble: true,
      of: ({ plugin }) => plugin.timeouts,
    },
    { title: 'DEATHS', field: 'deaths', kind: 'number', isTrouble: true, of: ({ deaths }) => deaths },
  ],
  all: (rates, counts) =>
    rates.overlays.map((overlay, index) => ({ ...overlay, deaths: counts.overlays[index]!.plugin.deaths })),
  key: ({ name, plugin }) => `${name} ${plugin.name}`,
  main: ({ plugin }) => plugin.questions,
});

export const VIEWS: Readonly<Record<ViewName, View>> = { overlays, vnics, endpoints, drops, plugins };
