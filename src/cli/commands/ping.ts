import { setTimeout as sleep } from 'node:timers/promises';
import type { PingView } from '../../control/protocol.js';
import { argumentUnexpected, secondsBad } from '../../errors.js';
import { type Context, defineCommand, JSON_FLAG, type Options } from '../command.js';
import { printJson } from '../output.js';
import { matrix, ofOne, roundText, summed, type VtepSums } from '../ping-text.js';

/** As ping(8) has it: nobody answered, or somebody did not. */
const UNANSWERED = 1;

const OPTIONS = {
  count: {
    type: 'integer',
    aliases: ['c'],
    what: 'count',
    value: 'N',
    range: [1, 100_000],
    default: 4,
    help: 'ask so often',
  },
  interval: {
    type: 'text',
    aliases: ['i'],
    what: 'interval',
    value: 'SECONDS',
    default: '1',
    help: 'between two questions',
  },
  size: {
    type: 'integer',
    aliases: ['s'],
    what: 'size',
    value: 'BYTES',
    range: [64, 65_535],
    default: 64,
    help: 'bytes behind the Ethernet header, as an MTU counts them',
  },
  timeout: {
    type: 'text',
    aliases: ['W'],
    what: 'timeout',
    value: 'SECONDS',
    default: '1',
    help: 'how long an answer is waited for',
  },
  sweep: {
    type: 'choice',
    what: 'sweep',
    value: 'on|off',
    choices: ['on', 'off'],
    default: 'on',
    help: 'look for the largest size that comes back',
  },
  all: { type: 'flag', help: 'every VTEP of the overlay, as when none is named' },
  json: JSON_FLAG,
} as const satisfies Options;

export const ping = defineCommand({
  name: 'ping',
  sentence: 'Ask VTEPs whether they answer on an overlay, how fast, and up to which size.',
  options: OPTIONS,
  positionals: {
    overlay: { label: 'OVERLAY', what: 'overlay name', completes: 'overlay' },
    to: { label: 'ENDPOINT|MAC|IP', what: 'VTEP, or who is behind it', optional: true },
  },
  example: 'vxlane ping overlay0 10.88.88.70',
  async run({ overlay, to, all, count, size, sweep, json, ...given }, context) {
    if (all && to !== undefined) throw argumentUnexpected(to);
    const intervalMs = milliseconds('interval', given.interval, 0, 3600);
    const timeoutMs = milliseconds('timeout', given.timeout, 0.01, 10);
    const isLive = to !== undefined && !json;
    const rounds: PingView[] = [];
    for (let round = 1; round <= count; round++) {
      const atMs = performance.now();
      const isLast = round === count;
      const asked = { to, size, timeoutMs, echo: isLast, discover: isLast && sweep === 'on' };
      rounds.push(await context.client.ping(overlay, asked));
      if (isLive) context.print(roundText(rounds.at(-1)!, round, size));
      if (!isLast) await sleep(Math.max(0, intervalMs - (performance.now() - atMs)));
    }
    return report(rounds, { isLive, json, sweep: sweep === 'on' }, context);
  },
});

interface How {
  readonly isLive: boolean;
  readonly json: boolean;
  readonly sweep: boolean;
}

function report(rounds: readonly PingView[], { isLive, json, sweep }: How, context: Context): number {
  const last = rounds.at(-1)!;
  const vteps = summed(rounds);
  const { overlay, vni, mtu, left } = last;
  if (json) printJson(context, { overlay, vni, mtu, left, vteps });
  else if (vteps.length === 0) context.complain(`no VTEP of ${overlay} is known: IP:PORT names one`, 'no_vtep');
  else if (isLive) for (const each of vteps) context.print(ofOne(each, last, sweep));
  else context.print(matrix(vteps, context.paint));
  if (left > 0 && !json) context.complain(`${left} VTEPs more were not asked`, 'vteps_left');
  return vteps.length > 0 && vteps.every(isAnswered) ? 0 : UNANSWERED;
}

const isAnswered = ({ answered }: VtepSums): boolean => answered > 0;

function milliseconds(what: string, text: string, least: number, most: number): number {
  const seconds = /^\d{1,6}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= least && seconds <= most)) throw secondsBad(what, text, least, most);
  return Math.round(seconds * 1000);
}
