/** Two readings of the counters make rates; the rates of late make sparklines. */
import type { StatsView } from '../../control/protocol.js';
import { ratesOf } from '../rates.js';
import { eachView, type Row, VIEWS, type ViewName } from './views.js';

/** A sparkline is no longer, however wide the terminal is. */
export const HISTORY_MAX = 120;

export interface TopRow extends Row {
  /** Oldest first; the last one is now. */
  readonly history: readonly number[];
}

/** Of all overlays, a second. */
export interface Total {
  readonly encap: { readonly frames: number; readonly bytes: number };
  readonly decap: { readonly frames: number; readonly bytes: number };
  /** Of all reasons that are not expected, also those of no overlay. */
  readonly drops: number;
}

/** Rates of one interval. It is never changed. */
export interface Sample {
  /** That the interval took. */
  readonly seconds: number;
  readonly total: Total;
  readonly rows: Readonly<Record<ViewName, readonly TopRow[]>>;
}

type Histories = ReadonlyMap<string, readonly number[]>;

export class TopModel {
  #last: { readonly stats: StatsView; readonly atMs: number } | null = null;
  #histories: Partial<Record<ViewName, Histories>> = {};

  /** `atMs`: of the monotonic clock. Answers null for the first reading: there is no rate of one. */
  add(stats: StatsView, atMs: number): Sample | null {
    const last = this.#last;
    this.#last = { stats, atMs };
    if (last === null) return null;
    const seconds = Math.max(atMs - last.atMs, 1) / 1000;
    const rates = ratesOf(last.stats, stats, seconds);
    const rows = eachView((name) => this.#remembered(name, VIEWS[name].rows(rates, stats)));
    return { seconds, total: totalOf(rates), rows };
  }

  #remembered(view: ViewName, rows: readonly Row[]): TopRow[] {
    const before = this.#histories[view];
    const remembered = rows.map((row) => {
      const history = [...(before?.get(row.key) ?? []).slice(1 - HISTORY_MAX), row.main];
      return { ...row, history };
    });
    this.#histories[view] = new Map(remembered.map(({ key, history }) => [key, history]));
    return remembered;
  }
}

function totalOf({ overlays, drops }: StatsView): Total {
  const sum = <T>(all: readonly T[], of: (each: T) => number) => all.reduce((total, each) => total + of(each), 0);
  return {
    encap: { frames: sum(overlays, ({ encap }) => encap.frames), bytes: sum(overlays, ({ encap }) => encap.bytes) },
    decap: { frames: sum(overlays, ({ decap }) => decap.frames), bytes: sum(overlays, ({ decap }) => decap.bytes) },
    drops: sum(drops, ({ frames, isExpected }) => (isExpected ? 0 : frames)),
  };
}
