/**
 * `vxlane bench e2e` and `npm run bench:e2e`: the same traffic over the kernel's vxlan device, over vxlane and over
 * Open vSwitch's userspace datapath, or over variants of vxlane, between the same two network namespaces, turn by turn
 * in one run, so that a change of the machine's mood hits all. Read the ratios; the figures are those of this machine.
 */
import { requireLab, requireTools } from '../src/demo/requirements.js';
import { messageOf, VxlaneError } from '../src/errors.js';
import { nativeMissing } from './e2e/native.js';
import { type Options, parseOptions, USAGE } from './e2e/options.js';
import { ovsMissing } from './e2e/ovs.js';
import { page } from './e2e/page.js';
import { printBars, printSummary } from './e2e/print.js';
import { summarise, type Turn } from './e2e/summary.js';
import { addContenders, buildTestbed, type Entrant } from './e2e/testbed.js';
import type { Contender, Testbed } from './e2e/tunnel.js';
import { describe, environment } from './environment.js';
import { progress } from './progress.js';
import { writeFile, writeResult } from './results.js';

/** Files are called so. */
const NAME = 'vxlane-bench-e2e';

const TOOLS = [
  { program: 'ip', package: 'iproute2' },
  { program: 'ping', package: 'iputils-ping' },
  { program: 'iperf3', package: 'iperf3' },
  { program: 'ethtool', package: 'ethtool' },
];

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) process.stdout.write(USAGE);
  else await compare(options);
} catch (error) {
  // parseArgs has codes of its own for what it does not know
  const isUsage = error instanceof TypeError && String((error as { code?: string }).code).startsWith('ERR_PARSE_ARGS');
  if (!(error instanceof VxlaneError) && !isUsage) throw error;
  process.stderr.write(`bench:e2e: ${messageOf(error)}\n`);
  process.exitCode = error instanceof VxlaneError ? error.exitCode : 2;
}

async function compare(options: Options): Promise<void> {
  requireLab('npm run bench:e2e');
  const say = (text: string) => void (options.json ? process.stderr : process.stdout).write(`${text}\n`);
  requireTools(TOOLS, say);
  const where = environment();
  say(describe(where));
  const entrants = options.entrants.filter((entrant) => isHere(entrant, say));
  const testbed = await buildTestbed();
  let played: { contenders: Contender[]; turns: Turn[] };
  try {
    const wantsBusy = options.rows.some(({ key }) => key === 'ping-busy');
    const contenders = await addContenders(testbed, entrants, wantsBusy);
    played = { contenders, turns: await play(testbed, contenders, options) };
  } catch (error) {
    process.stderr.write(testbed.lab.logs());
    throw error;
  } finally {
    progress('');
    await testbed.lab.close();
  }
  const summary = summarise(played.turns, options.rows, played.contenders);
  const { rounds, seconds, json, out } = options;
  const result = { environment: where, rounds, seconds, entrants, summary, turns: played.turns };
  if (json) {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  say(`\n${printSummary(summary)}\n${printBars(summary)}`);
  say(`\nEvery round: ${writeResult(NAME, where.date, result, out)}`);
  const html = page(where, summary, played.turns);
  say(`As a page with charts: ${writeFile(`${NAME}-${where.date}`, 'html', html, out)}`);
}

/** The run goes on without a contender that this machine does not have, and says so. */
function isHere(entrant: Entrant, say: (text: string) => void): boolean {
  const missing = missingOf(entrant);
  if (missing !== null) say(missing);
  return missing === null;
}

function missingOf(entrant: Entrant): string | null {
  if (entrant === 'ovs') return ovsMissing();
  return entrant === 'native' ? nativeMissing() : null;
}

async function play(testbed: Testbed, contenders: readonly Contender[], options: Options): Promise<Turn[]> {
  const turns: Turn[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const contender of contenders) {
      const values: Record<string, readonly number[]> = {};
      for (const row of options.rows) {
        progress(`round ${round} of ${options.rounds}: ${contender.name}, ${row.key}`);
        values[row.key] = await row.measure(testbed, contender, options.seconds);
      }
      turns.push({ round, contender: contender.name, values });
    }
  }
  return turns;
}
