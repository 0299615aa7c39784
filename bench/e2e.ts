/**
 * `npm run bench:e2e`: the same traffic over the kernel's vxlan device and over vxlane, between the same two network
 * namespaces on one veth cable, turn by turn in one run, so that a change of the machine's mood hits both. Read the
 * ratios; the absolute figures are this machine's.
 */
import { parseArgs } from 'node:util';
import { requireLab, requireTools } from '../src/demo/requirements.js';
import { messageOf, VxlaneError } from '../src/errors.js';
import { playRound, type Round, summarise } from './e2e/rounds.js';
import { printSummary } from './e2e/summary.js';
import { buildTunnels } from './e2e/tunnels.js';
import { describe, environment } from './environment.js';
import { writeResult } from './results.js';

const TOOLS = [
  { program: 'ip', package: 'iproute2' },
  { program: 'ping', package: 'iputils-ping' },
  { program: 'iperf3', package: 'iperf3' },
];

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    'busy-poll': { type: 'string', default: '0' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) usage();
else await main(positive('rounds'), positive('seconds'));

function usage(): void {
  say(
    'npm run bench:e2e -- [--rounds N] [--seconds S] [--busy-poll USEC]\n' +
      '  --rounds     rounds of each tunnel, in turn (default 5)\n' +
      '  --seconds    seconds of each iperf3 test; four of them a round (default 5)\n' +
      "  --busy-poll  handed to vxlane's daemons (default 0)",
  );
}

function positive(name: 'rounds' | 'seconds'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  process.stderr.write(`--${name}: "${values[name]}" is not a positive integer\n`);
  process.exit(2);
}

async function main(rounds: number, seconds: number): Promise<void> {
  try {
    requireLab('npm run bench:e2e');
    requireTools(TOOLS, say);
    await compare(rounds, seconds);
  } catch (error) {
    if (!(error instanceof VxlaneError)) throw error;
    process.stderr.write(`bench:e2e: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

async function compare(count: number, seconds: number): Promise<void> {
  const where = environment();
  say(describe(where));
  const daemonArgs = ['--busy-poll', values['busy-poll']];
  const ground = await buildTunnels(daemonArgs);
  const rounds: Round[] = [];
  try {
    for (let round = 1; round <= count; round++) {
      for (const tunnel of ground.tunnels) {
        progress(`round ${round} of ${count}: ${tunnel.name}`);
        rounds.push(await playRound(ground, tunnel, seconds));
      }
    }
  } finally {
    progress('');
    if (rounds.length < count * 2) process.stderr.write(ground.lab.logs());
    await ground.lab.close();
  }
  const summary = summarise(rounds);
  say(`\n${printSummary(summary)}`);
  const path = writeResult('e2e', where.date, { environment: where, seconds, daemonArgs, summary, rounds });
  say(`\nEvery round: ${path}`);
}

/** A line that the next one replaces, on a terminal only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
