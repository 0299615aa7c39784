/** The summary for the terminal: what each contender reached and how they compare, as tables and as bars. */
import { textTable } from '../../src/table.js';
import { bar } from '../bar.js';
import type { Line, Ratio } from './summary.js';

const TITLES: Readonly<Record<string, string>> = {
  kernel: 'kernel vxlan',
  ovs: 'OVS userspace',
  native: 'native program',
};

const BAR_LENGTH = 40;

export function printSummary(lines: readonly Line[]): string {
  const names = Object.keys(lines[0]?.medians ?? {});
  const pairs = lines[0]?.ratios ?? [];
  const medians = lines.map(({ name, unit, medians: of }) => [name, unit, ...names.map((one) => number(of[one]!))]);
  const tables = [textTable(['median', '', ...names.map(titleOf)], medians, 2)];
  if (pairs.length > 0) {
    const head = ['ratio (lowest … highest)', ...pairs.map(({ of, to }) => `${titleOf(of)} / ${titleOf(to)}`)];
    const ratios = lines.map(({ name, isRate, ratios: of }) => [name, ...of.map((ratio) => cell(ratio, isRate))]);
    tables.push(textTable(head, ratios, 1));
  }
  return tables.join('\n');
}

/** Of each metric a bar for each contender, the longest of the highest value. */
export function printBars(lines: readonly Line[]): string {
  return lines
    .map(({ name, unit, isRate, medians }) => {
      const values = Object.entries(medians).filter(([, value]) => Number.isFinite(value));
      const highest = Math.max(...values.map(([, value]) => value));
      const rows = values.map(([of, value]) => [titleOf(of), `${bar(value / highest, BAR_LENGTH)} ${number(value)}`]);
      const head = [`${name}${unit === '' ? '' : `, ${unit}`}`, isRate ? 'more is better' : 'less is better'];
      return textTable(head, rows, 2);
    })
    .join('\n');
}

export const titleOf = (name: string): string => TITLES[name] ?? name;

/** `+` where vxlane is the better one. */
function cell({ ratio, lowest, highest }: Ratio, isRate: boolean): string {
  if (ratio === null || !Number.isFinite(ratio)) return '';
  const better = ratio >= 1 === isRate ? ' +' : '';
  return `${number(ratio)} (${number(lowest)} … ${number(highest)})${better}`;
}

/** Three digits that matter; nothing for what was not measured. */
function number(value: number): string {
  if (!Number.isFinite(value)) return '';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
