import type { StatsView } from '../../control/protocol.js';
import { intervalBad, noSuchOverlay } from '../../errors.js';
import { type Context, defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';
import { ratesOf } from '../rates.js';
import { selectNamed } from '../select.js';
import { formatStats } from '../stats-tables.js';
import { onInterrupt, repeat } from '../watch.js';

/** Anything else behind `--watch` and a space is a name. */
const SECONDS = /^\d+(\.\d+)?$/;
const CLEAR_SCREEN = '\u001b[H\u001b[J';

export const showStats = defineCommand({
  name: 'show-stats',
  sentence: 'Show frames, bytes and drops by reason, of overlays, VNICs and endpoints.',
  options: {
    watch: {
      type: 'maybe',
      what: 'interval',
      value: 'SECONDS',
      word: SECONDS,
      help: 'repeat with rates a second until Ctrl-C (default every 1 s)',
    },
    json: { ...JSON_FLAG, help: 'print JSON; with --watch one line each time' },
  },
  positionals: { names: { label: 'OVERLAY', what: 'overlay name', completes: 'overlay', rest: true } },
  example: 'vxlane show-stats --watch=2 overlay0',
  async run(args, context) {
    const { names } = args;
    const seconds = intervalOf(args.watch);
    const { found, status } = names.length === 0 ? { found: [], status: 0 } : await known(context, names);
    if (names.length > 0 && found.length === 0) return status;
    const read = () => context.client.stats({ overlay: found.map(({ name }) => name) });
    if (seconds === null) {
      const stats = await read();
      if (args.json) printJson(context, stats);
      else context.print(formatStats(stats, context.paint, ''));
      return status;
    }
    await watch(context, read, seconds * 1000, args.json);
    return status;
  },
});

async function known(context: Context, names: readonly string[]) {
  return selectNamed(context, await context.client.overlays(), names, noSuchOverlay);
}

/** null: once. */
function intervalOf(watch: string | undefined): number | null {
  if (watch === undefined) return null;
  if (watch === '') return 1;
  const seconds = SECONDS.test(watch) ? Number(watch) : Number.NaN;
  if (!(seconds >= 0.1 && seconds <= 86_400)) throw intervalBad(watch);
  return seconds;
}

/** The first time counts since the start, then rates a second. */
async function watch(
  context: Context,
  read: () => Promise<StatsView>,
  intervalMs: number,
  isJson: boolean,
): Promise<void> {
  let last: { stats: StatsView; atMs: number } | null = null;
  await repeat(intervalMs, onInterrupt(), async () => {
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
