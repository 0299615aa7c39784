/** The results as tables. */
import Table from 'cli-table3';
import pc from 'picocolors';
import type { CaseResult, RowResult } from './results.js';

/** One case: its question, what was set up, and a row a variant. */
export function printCase(result: CaseResult): string {
  const hasRate = result.rows.some((row) => row.bytes !== null);
  const unit = `ns/${result.operation}`;
  const head = ['', `median ${unit}`, 'fastest', 'without baseline', ...(hasRate ? ['GB/s'] : []), 'spread'];
  const table = new Table({
    head,
    style: { head: ['cyan'] },
    colAligns: ['left', ...head.slice(1).map(() => 'right' as const)],
  });
  for (const row of result.rows) {
    const cells = [row.name, ns(row.median), ns(row.fastest), row.net === null ? '' : ns(row.net)];
    table.push([...cells, ...(hasRate ? [rate(row)] : []), row.spread === undefined ? '' : percent(row.spread)]);
  }
  return `${pc.bold(result.question)}\n${pc.dim(result.setting.join('\n'))}\n${table.toString()}`;
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
