/**
 * `npm run soak`: two vxlane daemons and a kernel vxlan device under mixed load for minutes, while VNICs, overlays and
 * tables come and go. In the end the load stops, and every frame must be accounted for. Exit code 1 and one line when
 * anything is wrong.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { requireLab, requireTools } from '../src/demo/requirements.js';
import { messageOf, VxlaneError } from '../src/errors.js';
import { usageWrong } from './e2e/usage.js';
import { describe, environment } from './environment.js';
import { writeResult } from './results.js';
import { runLoads } from './soak/loads.js';
import { type Sample, sample } from './soak/sample.js';
import { buildTestbed, proveTestbed, type Testbed } from './soak/testbed.js';
import { booksWrong, descriptorsWrong, memoryWrong, restartsWrong } from './soak/verdict.js';

const USAGE = `npm run soak -- [--minutes M] [--daemon="ARGS"] [-p NAME=VALUE]…
  --minutes  how long the load lasts (default 10)
  --daemon   arguments of both daemons: --daemon="--engine mmsg"
  -p         a property of the overlay
`;
const TOOLS = [
  { program: 'ip', package: 'iproute2' },
  { program: 'bridge', package: 'iproute2' },
  { program: 'ethtool', package: 'ethtool' },
  { program: 'ping', package: 'iputils-ping' },
  { program: 'iperf3', package: 'iperf3' },
];
const SAMPLE_S = 10;
/** A short run is sampled often enough for fifths. */
const SAMPLES_MIN = 20;
const LOG_LINES = 50;
const QUIET_TIMEOUT_MS = 30_000;

interface Options {
  readonly minutes: number;
  readonly daemonArgs: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

const NAMES = ['left', 'right'] as const;
type Both = Record<(typeof NAMES)[number], Sample>;

try {
  const options = parseOptions();
  if (options === null) process.stdout.write(USAGE);
  else await main(options);
} catch (error) {
  // parseArgs has codes of its own for what it does not know
  const isUsage = error instanceof TypeError && String((error as { code?: string }).code).startsWith('ERR_PARSE_ARGS');
  if (!(error instanceof VxlaneError) && !isUsage) throw error;
  process.stderr.write(`soak: ${messageOf(error)}\n`);
  process.exitCode = error instanceof VxlaneError ? error.exitCode : 2;
}

function parseOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      daemon: { type: 'string', default: '' },
      prop: { type: 'string', short: 'p', multiple: true, default: [] },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw usageWrong(`--minutes "${values.minutes}"`, 'a number above 0');
  return {
    minutes,
    daemonArgs: values.daemon.split(/\s+/).filter((word) => word !== ''),
    properties: Object.fromEntries(values.prop.map((text) => text.split(/=(.*)/s).slice(0, 2))),
  };
}

async function main({ minutes, daemonArgs, properties }: Options): Promise<void> {
  requireLab('npm run soak');
  requireTools(TOOLS, say);
  const where = environment();
  say(describe(where));
  const testbed = await buildTestbed(daemonArgs, properties);
  let isWell = false;
  try {
    const samples: Both[] = [];
    const wrong = await soak(testbed, minutes * 60, samples);
    const path = writeResult('soak', where.date, {
      environment: where,
      minutes,
      daemonArgs,
      properties,
      wrong,
      samples,
    });
    say(`Every sample: ${path}`);
    isWell = wrong.length === 0;
    if (isWell) say('soak: books balanced, memory flat, no worker restarted');
    else throw new VxlaneError('soak_failed', wrong.join('; '));
  } finally {
    if (!isWell) process.stderr.write(complaints(testbed.lab.logs()));
    await testbed.lab.close();
  }
}

/** What the daemons logged as warnings and worse, the last of it. */
function complaints(logs: string): string {
  const lines = logs.split('\n').filter((line) => line !== '' && !line.startsWith('{"level":30'));
  return `${lines.slice(-LOG_LINES).join('\n')}\n`;
}

/** Answers all that is wrong in the end. */
async function soak(testbed: Testbed, seconds: number, samples: Both[]): Promise<string[]> {
  const before = await both(testbed);
  const turns = new Map<string, number>();
  const startMs = performance.now();
  const untilMs = startMs + seconds * 1000;
  const intervalMs = (Math.min(SAMPLE_S, seconds / SAMPLES_MIN) * 1000) | 0;
  let failure: unknown = null;
  let isOver = false;
  const loads = runLoads(testbed, untilMs, turns)
    .catch((error: unknown) => {
      failure = error;
    })
    .finally(() => {
      isOver = true;
    });
  for (let next = startMs + intervalMs; next <= untilMs; next += intervalMs) {
    await Promise.race([sleep(next - performance.now()), loads]);
    if (isOver) break;
    samples.push(await both(testbed));
    progress((performance.now() - startMs) / 1000, samples.at(-1)!);
  }
  await loads;
  const after = await quiet(testbed);
  say(`turns: ${[...turns].map(([name, count]) => `${name} ${count}`).join(', ')}`);
  if (failure !== null) return [`the load failed: ${messageOf(failure)}`];
  await proveTestbed(testbed);
  return NAMES.flatMap((name) =>
    [
      booksWrong(after[name].totals),
      memoryWrong(samples.map((one) => one[name])),
      descriptorsWrong(before[name], after[name]),
      restartsWrong(after[name]),
    ].flatMap((wrong) => (wrong === null ? [] : [`${name}: ${wrong}`])),
  );
}

async function both({ left, right }: Testbed): Promise<Both> {
  return { left: await sample(left), right: await sample(right) };
}

/** When nothing has moved for a second. */
async function quiet(testbed: Testbed): Promise<Both> {
  const deadline = performance.now() + QUIET_TIMEOUT_MS;
  let last = await both(testbed);
  while (performance.now() < deadline) {
    await sleep(1000);
    const now = await both(testbed);
    const stands = NAMES.every((name) => JSON.stringify(now[name].totals) === JSON.stringify(last[name].totals));
    if (stands) return now;
    last = now;
  }
  throw new VxlaneError('soak_restless', `frames still cross ${QUIET_TIMEOUT_MS / 1000} s after the load has ended`);
}

function progress(seconds: number, { left, right }: Both): void {
  const one = ({ rssMiB, totals, descriptors }: Sample) =>
    `${rssMiB.toFixed(0)} MiB, ${descriptors} fds, in ${totals.encapIn! + totals.decapIn!}, dropped ${totals.dropped}`;
  say(`${seconds.toFixed(0).padStart(5)} s  left: ${one(left)}  right: ${one(right)}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
