/** The results as tables: plain text, with colours only on a terminal. */
import pc from 'picocolors';
import { textTable } from '../src/table.js';
import { bar } from './bar.js';
import type { CaseResult, RowResult } from './results.js';

export const paint = pc.createColors(process.stdout.isTTY === true && pc.isColorSupported);

const BAR_LENGTH = 24;

/** One case: its question, what was set up, and a row a variant. */
export function printCase(result: CaseResult): string {
  const table = result.isRate ? rates(result) : times(result);
  return `${paint.bold(result.question)}\n${paint.dim(result.setting.join('\n'))}\n${table}`;
}

function times(result: CaseResult): string {
  const hasRate = result.rows.some((row) => row.bytes !== null);
  const unit = `ns/${result.operation}`;
  const hasRatio = result.rows.some((row) => row.ratio !== undefined);
  const more = [...(hasRate ? ['GB/s'] : []), ...(hasRatio ? ['ratio'] : [])];
  const head = ['', `median ${unit}`, 'fastest', 'without baseline', ...more, 'spread'];
  const rows = result.rows.map((row) => {
    const cells = [row.name, ns(row.median), ns(row.fastest), row.net === null ? '' : ns(row.net)];
    const others = [...(hasRate ? [rate(row)] : []), ...(hasRatio ? [row.ratio?.toFixed(2) ?? ''] : [])];
    return [...cells, ...others, row.spread === undefined ? '' : percent(row.spread)];
  });
  return textTable(head, rows, 1);
}

/** What is left without the baseline, as a rate: a bar each, the longest of the highest rate. */
function rates(result: CaseResult): string {
  const rows = result.rows.filter((row) => row.net !== null);
  const highest = Math.max(...rows.map(millions));
  const cells = rows.map((row) => {
    const length = bar(millions(row) / highest, BAR_LENGTH);
    return [row.name, ns(row.net!), `${length} ${millions(row).toFixed(1).padStart(5)}`];
  });
  return textTable(['', `ns/${result.operation}`, `M ${result.operation}s/s/core`], cells, 1);
}

function millions(row: RowResult): number {
  return 1000 / row.net!;
}

function ns(value: number): string {
  return value.toFixed(value < 100 ? 2 : 0);
}

/** Bytes a nanosecond are gigabytes a second. */
function rate(row: RowResult): string {
  return row.bytes === null ? '' : (row.bytes / row.median).toFixed(1);
}

function percent(value: number): string {
  return `±${(value * 100).toFixed(0)} %`;
}
