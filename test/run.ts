/**
 * What `npm test` runs once everything is built: installs the Debian packages the tests use, then runs every test file.
 *
 *   node dist/test/run.js             all
 *   node dist/test/run.js wire fdb    the files whose path contains one of the words
 *
 * Files that show what depends on the engine (they import support/each-engine.js) run with the engine mmsg as well.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { arch, availableParallelism, constants, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../src/datapath/loop.js';
import { requireTools, type Tool } from '../src/demo/requirements.js';
import { messageOf } from '../src/errors.js';
import { probeUring } from '../src/system/uring.js';
import { spread } from './support/processes.js';

const BUILT = dirname(fileURLToPath(import.meta.url));
const ROOT = join(BUILT, '..', '..');
/** Processes that run side by side: they wait more than they compute. */
const AT_ONCE = availableParallelism() + 3;
/** Of a process, and of each test in it. */
const TIMEOUT_MS = 600_000;

/** test/packages.txt: package, program, purpose. */
function tools(): Tool[] {
  const lines = readFileSync(join(ROOT, 'test', 'packages.txt'), 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name, program] = line.split(/\s+/) as [string, string];
      return { program, package: name };
    });
}

/** Built test files whose path in dist/test contains one of the words; all without words. */
function testFiles(words: readonly string[]): string[] {
  const all = readdirSync(BUILT, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.test.js'));
  const wanted = all.filter((path) => words.length === 0 || words.some((word) => path.includes(word)));
  return wanted.sort();
}

/** Answers the exit status. Signals we get end the test runner too, and it ends the files. */
function runTests(programs: readonly string[], failures: string, engine: Engine): Promise<number> {
  const env = { ...process.env, VXLANE_TEST_ENGINE: engine };
  const reporters = [
    ['spec', 'stdout'],
    [join(BUILT, 'support', 'failures.js'), failures],
  ].flatMap(([name, to]) => [`--test-reporter=${name}`, `--test-reporter-destination=${to}`]);
  const options = ['--test', ...reporters, `--test-concurrency=${AT_ONCE}`, `--test-timeout=${TIMEOUT_MS}`];
  const child = spawn(process.execPath, [...options, ...programs], { cwd: ROOT, stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
  });
}

async function main(): Promise<number> {
  const files = testFiles(process.argv.slice(2));
  if (files.length === 0) {
    process.stderr.write(`no test file has ${process.argv.slice(2).join(' or ')} in its path\n`);
    return 2;
  }
  const who = process.getuid?.() === 0 ? 'root' : 'not root: end-to-end tests are skipped';
  const machine = `Linux ${release()} ${arch()}, ${availableParallelism()} cores, ${who}`;
  process.stdout.write(`Node ${process.version}, ${machine}; ${files.length} test files\n`);
  try {
    requireTools(tools(), (line) => process.stdout.write(`${line}\n`));
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  }
  const start = performance.now();
  const probe = probeUring();
  if (!probe.ok) process.stdout.write(`without io_uring: ${probe.reason}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'vxlane-test-'));
  try {
    const { programs, repeated } = spread(files, BUILT, folder, probe.ok);
    process.stdout.write(
      `${programs.length} processes; what depends on the engine again with mmsg: ${repeated} files\n`,
    );
    const failures = join(folder, 'failures');
    const status = await runTests(programs, failures, probe.ok ? 'uring' : 'mmsg');
    const seconds = Math.round((performance.now() - start) / 1000);
    process.stdout.write(status === 0 ? `\nAll tests passed (${seconds} s).\n` : `\nTests FAILED (${seconds} s).\n`);
    if (existsSync(failures)) process.stdout.write(readFileSync(failures, 'utf8'));
    return status;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

process.exitCode = await main();
