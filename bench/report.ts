/** The results as tables: plain text, with colours only on a terminal. */
import Table from 'cli-table3';
import pc from 'picocolors';
import type { CaseResult, RowResult } from './results.js';

export const paint = pc.createColors(process.stdout.isTTY === true && pc.isColorSupported);

const BAR_LENGTH = 24;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

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
  const table = tableOf(['', `median ${unit}`, 'fastest', 'without baseline', ...more, 'spread']);
  for (const row of result.rows) {
    const cells = [row.name, ns(row.median), ns(row.fastest), row.net === null ? '' : ns(row.net)];
    const others = [...(hasRate ? [rate(row)] : []), ...(hasRatio ? [row.ratio?.toFixed(2) ?? ''] : [])];
    table.push([...cells, ...others, row.spread === undefined ? '' : percent(row.spread)]);
  }
  return table.toString();
}

/** What is left without the baseline, as a rate: a bar each, the longest of the highest rate. */
function rates(result: CaseResult): string {
  const rows = result.rows.filter((row) => row.net !== null);
  const highest = Math.max(...rows.map(millions));
  const table = tableOf(['', `ns/${result.operation}`, `M ${result.operation}s/s/core`]);
  for (const row of rows) {
    const bar = barOf((millions(row) / highest) * BAR_LENGTH).padEnd(BAR_LENGTH);
    table.push([row.name, ns(row.net!), `${paint.cyan(bar)} ${millions(row).toFixed(1).padStart(5)}`]);
  }
  return table.toString();
}

function tableOf(head: readonly string[]): InstanceType<typeof Table> {
  const colAligns = head.map((_, index) => (index === 0 ? ('left' as const) : ('right' as const)));
  const isColoured = paint.isColorSupported;
  return new Table({
    head: [...head],
    style: { head: isColoured ? ['cyan'] : [], border: isColoured ? ['grey'] : [] },
    colAligns,
  });
}

function millions(row: RowResult): number {
  return 1000 / row.net!;
}

function barOf(length: number): string {
  const eighths = Math.round(length * 8);
  return '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7]!;
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
