/** Where the figures come from: without it they mean nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface Environment {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly v8: string;
  readonly asc: string;
  /** Abbreviated, with `+` when the tree has changes; null outside a Git checkout. */
  readonly commit: string | null;
  readonly version: string;
  /** Load average of the last minute: much above 0 at the start means that the figures are disturbed. */
  readonly load: number;
}

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export function environment(): Environment {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    v8: process.versions.v8,
    asc: compilerVersion(),
    commit: commit(),
    version: versionOf(`${ROOT}package.json`),
    load: loadavg()[0] ?? 0,
  };
}

/** One line for people. */
export function describe(where: Environment): string {
  const machine = `${where.cores} × ${where.cpu}, ${where.memoryGiB} GiB, Linux ${where.kernel}`;
  const build = `Node ${where.node}, asc ${where.asc}, vxlane ${where.version} (${where.commit ?? 'no Git checkout'})`;
  return `${machine}\n${build}, ${where.date}, load ${where.load.toFixed(2)}`;
}

/** Of the compiler that is installed; where none is, as in a package, those that it was built with. */
function compilerVersion(): string {
  try {
    return versionOf(createRequire(import.meta.url).resolve('assemblyscript/package.json'));
  } catch {
    const { devDependencies } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    return devDependencies.assemblyscript ?? 'unknown';
  }
}

function versionOf(packageJson: string): string {
  return (JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string }).version;
}

function commit(): string | null {
  try {
    const id = git('rev-parse', '--short', 'HEAD');
    return git('status', '--porcelain', '--untracked-files=no') === '' ? id : `${id}+`;
  } catch {
    return null;
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
