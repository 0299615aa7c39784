/** The summary as a table, and what to make of it. */
import Table from 'cli-table3';
import pc from 'picocolors';
import type { Summary } from './rounds.js';

export function printSummary(summaries: readonly Summary[]): string {
  const head = ['median', '', 'kernel vxlan', 'vxlane', 'vxlane / kernel', 'lowest … highest'];
  const table = new Table({
    head,
    style: { head: ['cyan'] },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
  });
  for (const summary of summaries) {
    const { metric, unit, kernel, vxlane, ratio, ratios } = summary;
    const range = ratios === null ? '' : `${number(ratios[0])} … ${number(ratios[1])}`;
    table.push([metric, unit, number(kernel), number(vxlane), ratio === null ? '' : pc.bold(number(ratio)), range]);
  }
  return `${table.toString()}\n${verdict(summaries)}`;
}

/** Three digits that matter. */
function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** In plain words: where vxlane is behind, and why. */
function verdict(summaries: readonly Summary[]): string {
  const compared = summaries.filter(({ ratio }) => ratio !== null);
  const worse = compared.filter(({ ratio, isRate }) => (isRate ? ratio! < 1 : ratio! > 1));
  const one = summaries[0]!;
  return [
    `vxlane is behind the kernel in ${worse.length} of ${compared.length} metrics.`,
    `One TCP stream gets ${number(one.vxlane)} instead of ${number(one.kernel)} ${one.unit}: the kernel carries TCP`,
    'through its tunnel as super-packets of up to 64 KiB; vxlane moves one frame of at most the MTU per system call on',
    'a TAP, and every frame is copied four times on its way. Offloads (vnet headers, UDP GSO and GRO) and io_uring',
    'come next.',
  ].join('\n');
}
