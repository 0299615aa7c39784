/**
 * `vxlane bench` and `npm run bench`: each case file (`*.bench.ts`) in a process of its own, so that one case's
 * compiled code and heap are not the next one's; all of them `--runs` times over, so that a disturbance hits one run of
 * each and not all runs of one. Then, with `--full`, how long a large `files` table takes to load (files-load.ts).
 */
import { execFileSync, fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describe, environment } from './environment.js';
import { progress } from './progress.js';
import { paint, printCase } from './report.js';
import type { CaseResult } from './results.js';
import { median, writeResult } from './results.js';

const CASE = '.bench.js';
const FILES_LOAD = 'files-load';
const QUICK = 'throughput';
const TIMEOUT_MS = 180_000;
const here = fileURLToPath(new URL('.', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    runs: { type: 'string' },
    time: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const all = readdirSync(here)
  .filter((file) => file.endsWith(CASE))
  .sort();
const known = [...all.map((file) => basename(file, CASE)), FILES_LOAD];
const isQuick = !values.full && positionals.length === 0;
const wanted = isQuick ? [QUICK] : values.full ? known : positionals;
const cases = all.filter((file) => wanted.includes(basename(file, CASE)));
const unknown = positionals.filter((name) => !known.includes(name));
const isBad = (values.full && (values.quick || positionals.length > 0)) || unknown.length > 0;

if (values.help || isBad) usage();
else await runAll(positive('runs', isQuick ? 1 : 5), positive('time', isQuick ? 100 : 200));

function usage(): void {
  const text =
    unknown.map((name) => `unknown case: ${name}\n`).join('') +
    'npm run bench -- [--quick | --full | CASE…] [--runs N] [--time MS] [--json]\n' +
    `  --quick  frames a second, in about ten seconds: ${QUICK}, one process (default)\n` +
    '  --full   every case; about ten minutes\n' +
    `  CASE     ${known.join(', ')}\n` +
    '  --runs   processes a case, the medians of which are taken (default 5, quick 1)\n' +
    '  --time   milliseconds a row is timed, and before that warmed up (default 200, quick 100)\n' +
    '  --json   print the result instead of tables, and write no file\n';
  (values.help ? process.stdout : process.stderr).write(text);
  process.exitCode = values.help ? 0 : 2;
}

function positive(name: 'runs' | 'time', otherwise: number): number {
  const value = Number(values[name] ?? otherwise);
  if (Number.isInteger(value) && value > 0) return value;
  process.stderr.write(`--${name}: "${values[name]}" is not a positive integer\n`);
  process.exit(2);
}

async function runAll(runs: number, timeMs: number): Promise<void> {
  const where = environment();
  say(describe(where));
  const results = new Map<string, CaseResult[]>(cases.map((file) => [file, []]));
  for (let run = 1; run <= runs; run++) {
    for (const [index, file] of cases.entries()) {
      progress(`run ${run} of ${runs}, case ${index + 1} of ${cases.length}: ${basename(file, CASE)}`);
      results.get(file)!.push(await runCase(file, timeMs));
    }
  }
  progress('');
  const summaries = [...results].map(([file, every]) => ({
    case: basename(file, CASE),
    ...summarise(every),
    runs: every,
  }));
  for (const summary of summaries) say(`\n${printCase(summary)}`);
  const filesLoad = wanted.includes(FILES_LOAD) ? loadFiles() : null;
  const result = { environment: where, timeMs, cases: summaries, filesLoad };
  if (values.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else say(`\nEvery run: ${writeResult('vxlane-bench', where.date, result, process.env.INIT_CWD ?? process.cwd())}`);
}

/** For people. */
function say(text: string): void {
  if (!values.json) process.stdout.write(`${text}\n`);
}

/** What files-load.ts prints, line by line. */
function loadFiles(): string[] {
  const argv = ['--expose-gc', `${here}${FILES_LOAD}.js`];
  const text = execFileSync(process.execPath, argv, { encoding: 'utf8', timeout: TIMEOUT_MS }).trimEnd();
  say(`\n${paint.bold('How long does a files table of a million MACs take to load?')}\n${text}`);
  return text.split('\n');
}

function runCase(file: string, timeMs: number): Promise<CaseResult> {
  const child = fork(`${here}${file}`, { env: { ...process.env, VXLANE_BENCH_MS: String(timeMs) } });
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  let result: CaseResult | null = null;
  child.on('message', (message) => {
    result = message as CaseResult;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (result !== null && code === 0) resolve(result);
      else reject(new Error(`${file} ended with ${signal ?? code} and no result`));
    });
  });
}

/** The median over the processes, row by row, and how far the processes lie apart. */
function summarise(results: readonly CaseResult[]): CaseResult {
  const [first] = results as [CaseResult, ...CaseResult[]];
  const rows = first.rows.map((row, index) => {
    const same = results.map((result) => result.rows[index]!);
    const medians = same.map((other) => other.median);
    const middle = median(medians);
    return {
      ...row,
      median: middle,
      fastest: Math.min(...same.map((other) => other.fastest)),
      net: row.net === null ? null : median(same.map((other) => other.net!)),
      ...(row.ratio == null ? {} : { ratio: median(same.map((other) => other.ratio!)) }),
      spread: (Math.max(...medians) - Math.min(...medians)) / 2 / middle,
      samples: same.reduce((sum, other) => sum + other.samples, 0),
    };
  });
  return { ...first, rows };
}
