import type { StatsView } from '../../control/protocol.js';
import { noSuchOverlay } from '../../errors.js';
import { type Context, defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';
import { ratesOf } from '../rates.js';
import { selectNamed } from '../select.js';
import { formatStats } from '../stats-tables.js';
import { intervalMs, onInterrupt, repeat, SECONDS } from '../watch.js';

const CLEAR_SCREEN = '\u001b[H\u001b[J';

export const showStats = defineCommand({
  name: 'show-stats',
  sentence: 'Show frames, bytes and drops by reason, of overlays, VNICs and endpoints.',
  options: {
    watch: {
      type: 'maybe',
      what: 'interval',
      value: 'SECONDS',
      word: SECONDS, // anything else behind it and a space is a name
      help: 'repeat with rates a second until Ctrl-C (default every 1 s)',
    },
    json: { ...JSON_FLAG, help: 'print JSON; with --watch one line each time' },
  },
  positionals: { names: { label: 'OVERLAY', what: 'overlay name', completes: 'overlay', rest: true } },
  example: 'vxlane show-stats --watch=2 overlay0',
  async run(args, context) {
    const { names } = args;
    const everyMs = args.watch === undefined ? null : intervalMs(args.watch || '1');
    const { found, status } = names.length === 0 ? { found: [], status: 0 } : await known(context, names);
    if (names.length > 0 && found.length === 0) return status;
    const read = () => context.client.stats({ overlay: found.map(({ name }) => name) });
    if (everyMs === null) {
      const stats = await read();
      if (args.json) printJson(context, stats);
      else context.print(formatStats(stats, context.paint, ''));
      return status;
    }
    await watch(context, read, everyMs, args.json);
    return status;
  },
});

async function known(context: Context, names: readonly string[]) {
  return selectNamed(context, await context.client.overlays(), names, noSuchOverlay);
}

/** The first time counts since the start, then rates a second. */
async function watch(
  context: Context,
  read: () => Promise<StatsView>,
  everyMs: number,
  isJson: boolean,
): Promise<void> {
  let last: { stats: StatsView; atMs: number } | null = null;
  await repeat(everyMs, onInterrupt(), async () => {
    const stats = await read();
    const atMs = performance.now();
    if (isJson) context.print(`${JSON.stringify(stats)}\n`);
    else {
      const shown = last === null ? stats : ratesOf(last.stats, stats, (atMs - last.atMs) / 1000);
      const text = formatStats(shown, context.paint, last === null ? '' : '/S');
      context.print(context.isTerminal ? CLEAR_SCREEN + text : `${last === null ? '' : '\n'}${text}`);
    }
    last = { stats, atMs };
  });
}
