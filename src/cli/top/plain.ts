/** `vxlane top` where nobody looks at a screen: tables, or JSON, of exact rates. */

import { type Column, formatTable } from '../../table.js';
import type { Context } from '../command.js';
import { printJson } from '../output.js';
import { onInterrupt, repeat } from '../watch.js';
import { type Sample, TopModel, type TopRow } from './model.js';
import { chosenRows, type TopState } from './state.js';
import { VIEWS } from './views.js';

export interface PlainOptions {
  readonly intervalMs: number;
  /** Ends after one interval; otherwise at Ctrl-C. */
  readonly once: boolean;
  readonly json: boolean;
}

export async function runPlain(context: Context, state: TopState, options: PlainOptions): Promise<void> {
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, onInterrupt()]);
  const model = new TopModel();
  let gap = '';
  await repeat(options.intervalMs, signal, async () => {
    const stats = await context.client.stats({ overlay: [] });
    const sample = model.add(stats, performance.now());
    if (sample === null || signal.aborted) return;
    if (options.json) printJson(context, jsonOf(state, sample));
    else context.print(gap + tableOf(state, sample));
    gap = '\n';
    if (options.once) ending.abort();
  });
}

function tableOf(state: TopState, sample: Sample): string {
  const columns = VIEWS[state.view].columns.map(({ title, kind }, index): Column<TopRow> => {
    const column = { title, value: ({ values }: TopRow) => String(values[index] ?? '') };
    return kind === 'number' ? { ...column, isNumber: true } : column;
  });
  return formatTable(columns, chosenRows(state, sample), (_, text) => text);
}

function jsonOf(state: TopState, sample: Sample): unknown {
  const { columns } = VIEWS[state.view];
  const rows = chosenRows(state, sample).map(({ values }) =>
    Object.fromEntries(columns.map(({ field }, index) => [field, values[index]])),
  );
  return { view: state.view, seconds: sample.seconds, rows };
}
