/** The summary as two tables: what each contender reached, and how they compare. */
import Table from 'cli-table3';
import pc from 'picocolors';
import type { Line, Ratio } from './summary.js';

const TITLES: Readonly<Record<string, string>> = { kernel: 'kernel vxlan', ovs: 'OVS userspace' };

export function printSummary(lines: readonly Line[]): string {
  const names = Object.keys(lines[0]?.medians ?? {});
  const pairs = lines[0]?.ratios ?? [];
  const medians = table(['median', '', ...names.map(titleOf)], 2);
  for (const { name, unit, medians: of } of lines) {
    medians.push([name, unit, ...names.map((one) => number(of[one]!))]);
  }
  if (pairs.length === 0) return medians.toString();
  const ratios = table(['ratio (lowest … highest)', ...pairs.map(({ of, to }) => `${of} / ${titleOf(to)}`)], 1);
  for (const { name, isRate, ratios: of } of lines) {
    ratios.push([name, ...of.map((ratio) => cell(ratio, isRate))]);
  }
  return `${medians.toString()}\n${ratios.toString()}`;
}

const titleOf = (name: string): string => TITLES[name] ?? name;

function table(head: string[], texts: number): InstanceType<typeof Table> {
  const colAligns = head.map((_, column) => (column < texts ? ('left' as const) : ('right' as const)));
  return new Table({ head, colAligns, style: { head: ['cyan'] } });
}

/** Green where vxlane is the better one. */
function cell({ ratio, lowest, highest }: Ratio, isRate: boolean): string {
  if (ratio === null || !Number.isFinite(ratio)) return '';
  const paint = ratio >= 1 === isRate ? pc.green : pc.yellow;
  return `${paint(pc.bold(number(ratio)))} (${number(lowest)} … ${number(highest)})`;
}

/** Three digits that matter; nothing for what was not measured. */
function number(value: number): string {
  if (!Number.isFinite(value)) return '';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
