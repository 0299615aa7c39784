/** docs/metrics.md, made of the table of metrics. */
import { DROP_TEXT, isExpectedDrop } from '../../datapath/drops.js';
import type { DropReason } from '../../datapath/types.js';
import { FAMILIES } from './families.js';

const HEAD = `# Metrics

<!-- Written by \`npm run metrics\` from src/daemon/metrics; what is changed here is lost. -->

The daemon answers \`GET /metrics\` in the text format of Prometheus, on its control socket and where
\`vxlane daemon --http\` says: [operations.md](operations.md#metrics) has how to scrape it, alert rules and a dashboard.

\`\`\`
# curl -sS --unix-socket /run/vxlane/vxlane.sock http://vxlane/metrics
\`\`\`

Names and labels stay as they are from version to version; there may be more of both. Counters begin at zero with the
daemon, those of an overlay or VNIC whenever it comes up again, those of a worker's processor time with its thread.

What the books say, summed over workers, give or take what is under way: encap_in + decap_in + injected + copied +
too_big_answers = encap_out + delivered + proxy_upcalls + held + dropped; drops of a proxy are not in that sum.
`;

const QUESTIONS = [
  ['How large are batches?', 'rate(vxlane_worker_encap_in_frames_total[1m]) / rate(vxlane_worker_turns_total[1m])'],
  ['What share of its time does a worker sleep?', '1 - sum by (worker) (rate(vxlane_worker_cpu_seconds_total[1m]))'],
  ['How full is the FDB?', 'vxlane_fdb_entries / vxlane_fdb_limit_entries'],
  ['Which drops mean trouble?', 'sum by (reason) (rate(vxlane_dropped_frames_total{expected="false"}[5m]))'],
] as const;

const NOT_COUNTED = `
What is received is not counted by sender: \`vxlane_endpoint_…\` is what leaves.
`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`;
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n');
}

export function metricsDocument(): string {
  const rows = FAMILIES.map(({ name, type, labels, help }) => {
    return [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), help];
  });
  const notes = [...new Set(FAMILIES.flatMap(({ note }) => note ?? []))].map((note) => `- ${note}`);
  const reasons = (Object.keys(DROP_TEXT) as DropReason[]).map((reason) => {
    return [`\`${reason}\``, isExpectedDrop(reason) ? 'yes' : 'no', DROP_TEXT[reason]];
  });
  return [
    HEAD,
    table(
      ['question', 'expression'],
      QUESTIONS.map(([question, expression]) => [question, `\`${expression}\``]),
    ),
    NOT_COUNTED,
    '## All of them\n',
    table(['name', 'type', 'labels', 'is'], rows),
    `\n${notes.join('\n')}`,
    '\n## Reasons of drops\n',
    table(['`reason`', 'expected', 'means'], reasons),
    '',
  ].join('\n');
}
