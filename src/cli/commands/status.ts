import type { DaemonView, OverlayStatus, Problem, StatusView } from '../../control/protocol.js';
import { type Column, formatTable } from '../../table.js';
import { BAD_ANSWER, type Context, defineCommand, JSON_FLAG } from '../command.js';
import { duration } from '../duration.js';
import { printJson } from '../output.js';

/** One screen: what is wrong beyond that is counted, and `show-overlay -f` has it all. */
const PROBLEMS_SHOWN = 20;

const OVERLAYS: readonly Column<OverlayStatus>[] = [
  { title: 'OVERLAY', value: ({ name }) => name },
  { title: 'VNI', value: ({ vni }) => String(vni ?? ''), isNumber: true },
  { title: 'SEARCH', value: ({ search }) => search },
  { title: 'STATUS', value: ({ status }) => status, tint: ({ status }) => (status === 'ONLINE' ? 'good' : 'bad') },
  {
    title: 'VNICS',
    value: ({ vnics, vnicsUp }) => (vnicsUp === vnics ? String(vnics) : `${vnicsUp}/${vnics}`),
    isNumber: true,
    tint: ({ vnics, vnicsUp }) => (vnicsUp === vnics ? 'plain' : 'bad'),
  },
  { title: 'PEERS', value: ({ peers }) => String(peers), isNumber: true },
  { title: 'MTU', value: ({ mtu }) => String(mtu), isNumber: true },
  { title: 'FRAMES/S', value: ({ framesPerSecond }) => String(framesPerSecond), isNumber: true },
  {
    title: 'DROPS/S',
    value: ({ dropsPerSecond }) => String(dropsPerSecond),
    isNumber: true,
    tint: ({ dropsPerSecond }) => (dropsPerSecond > 0 ? 'bad' : 'plain'),
  },
];

export const status = defineCommand({
  name: 'status',
  sentence: 'Show on one screen how the daemon and its overlays are, what is wrong, and which command shows more.',
  options: { json: JSON_FLAG },
  positionals: {},
  example: 'vxlane status',
  async run({ json }, context) {
    const view = await context.client.status();
    if (json) printJson(context, view);
    else context.print(screen(view, context));
    return view.problems.some(({ severity }) => severity === 'bad') ? BAD_ANSWER : 0;
  },
});

function screen({ daemon, overlays, problems }: StatusView, { paint }: Context): string {
  const table = overlays.length === 0 ? 'no overlays\n' : formatTable(OVERLAYS, overlays, paint);
  const told = problems.slice(0, PROBLEMS_SHOWN).map((problem) => problemText(problem, paint));
  const more = problems.length - told.length;
  if (more > 0) told.push(`and ${more} more (vxlane show-overlay -f, vxlane show-vnic)\n`);
  return [daemonText(daemon), table, told.length === 0 ? `${paint('good', 'nothing is wrong')}\n` : told.join('')].join(
    '\n',
  );
}

function daemonText(daemon: DaemonView): string {
  const { version, pid, uptimeSeconds, workers, underlay, capabilities, configuration } = daemon;
  const because = (reason: string) => (reason === '' ? '' : ` (${reason})`);
  const restarts = daemon.workerRestarts === 0 ? '' : `, restarted ${daemon.workerRestarts} times`;
  return [
    `vxlane ${version}, up ${duration(uptimeSeconds)}, pid ${pid}`,
    `engine ${daemon.engine}${because(daemon.engineReason)}, ${workers} worker${workers === 1 ? '' : 's'}${restarts}`,
    `underlay ${underlay.border}${because(underlay.reason)}, FDB ${daemon.fdbEntries} of ${daemon.fdbSize}`,
    `capabilities ${capabilities.join(' ') || 'none'}`,
    ...(configuration === null ? [] : [`configuration ${configuration.file}, ${configuration.status}`]),
    '',
  ].join('\n');
}

function problemText({ severity, text, command }: Problem, paint: Context['paint']): string {
  return `${paint(severity === 'bad' ? 'bad' : 'plain', text)}\n  ${paint('faint', command)}\n`;
}
