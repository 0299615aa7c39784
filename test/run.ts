/**
 * What `npm test` runs once everything is built: installs the Debian packages the tests use, then runs every test file.
 *
 *   node dist/test/run.js             all
 *   node dist/test/run.js wire fdb    the files whose path contains one of the words
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { arch, availableParallelism, constants, release } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireTools, type Tool } from '../src/demo/requirements.js';
import { messageOf } from '../src/errors.js';

const BUILT = dirname(fileURLToPath(import.meta.url));
const ROOT = join(BUILT, '..', '..');
/** Of a file, and of each test in it. */
const TIMEOUT_MS = 300_000;

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

/**
 * Built test files under dist/test whose path contains one of the words (all without words), as node needs them named.
 */
function testFiles(words: readonly string[]): string[] {
  const all = readdirSync(BUILT, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.test.js'));
  const wanted = all.filter((path) => words.length === 0 || words.some((word) => path.includes(word)));
  return wanted.sort().map((path) => relative(ROOT, join(BUILT, path)));
}

/** Runs node's test runner; answers its exit status. Signals we get end it too, and it ends the files. */
function runTests(files: readonly string[]): Promise<number> {
  const options = ['--test', '--test-reporter=spec', '--test-concurrency=2', `--test-timeout=${TIMEOUT_MS}`];
  const child = spawn(process.execPath, [...options, ...files], { cwd: ROOT, stdio: 'inherit' });
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
  const status = await runTests(files);
  const seconds = Math.round((performance.now() - start) / 1000);
  process.stdout.write(status === 0 ? `\nAll tests passed (${seconds} s).\n` : `\nTests FAILED (${seconds} s).\n`);
  return status;
}

process.exitCode = await main();
