import { fieldUnknown, optionWithout } from '../../errors.js';
import { type Context, defineCommand, JSON_FLAG } from '../command.js';
import { runPlain } from '../top/plain.js';
import { startState } from '../top/state.js';
import { VIEW_NAMES, VIEWS, type ViewName } from '../top/views.js';
import { intervalMs } from '../watch.js';

export const top = defineCommand({
  name: 'top',
  sentence: 'Watch the rates of overlays, VNICs, endpoints, drops and search plugins on one screen; ? shows the keys.',
  options: {
    view: {
      type: 'choice',
      what: 'view',
      value: 'WHAT',
      choices: VIEW_NAMES,
      default: 'overlays',
      help: 'what to show at first',
    },
    sort: { type: 'text', what: 'column', value: 'COLUMN', help: 'sort by this column, as its title says' },
    interval: {
      type: 'text',
      what: 'interval',
      value: 'SECONDS',
      default: '1',
      help: 'seconds from look to look',
    },
    once: { type: 'flag', help: 'for scripts: one table of exact rates, after one interval' },
    json: { ...JSON_FLAG, help: 'with --once: print JSON' },
  },
  positionals: {},
  example: 'vxlane top --view vnics --sort drops/s',
  async run({ view, sort, interval, once, json }, context) {
    const everyMs = intervalMs(interval);
    if (json && !once) throw optionWithout('--json', '--once');
    const state = startState(view as ViewName, sort === undefined ? undefined : columnOf(view as ViewName, sort));
    if (once || !isScreen(context)) await runPlain(context, state, { intervalMs: everyMs, once, json });
    else await (await import('../top/live.js')).runLive(context, state, everyMs);
    return 0;
  },
});

function columnOf(view: ViewName, title: string): number {
  const titles = VIEWS[view].columns.map((column) => column.title);
  const index = titles.indexOf(title.toUpperCase());
  if (index < 0) throw fieldUnknown(title, titles);
  return index;
}

/** Somebody looks, at something that can move its cursor, and can press keys. */
function isScreen({ isTerminal, env }: Context): boolean {
  return isTerminal && process.stdin.isTTY === true && env.TERM !== 'dumb';
}
