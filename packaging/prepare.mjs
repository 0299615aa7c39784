/**
 * What npm runs behind `npm install`, and again behind `npm link`: builds, unless what is built is what these sources
 * gave and nobody has touched it since. Plain JavaScript, because nothing is built yet.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = ['assembly', 'src', 'bench', 'packaging', 'test', 'web'];
const SETTINGS = ['package.json', 'package-lock.json', 'tsconfig.json', 'asconfig.json'];
/** Of both, when the last build here was done. */
const STAMP = 'build/stamp';
/** What the compiler of the datapath writes, beside what others put there. */
const MODULES = /\.(wasm|js|d\.ts)$/;

/** @param {string} directory */
function below(directory) {
  if (!existsSync(directory)) return [];
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((path) => join(directory, path));
  return paths.filter((path) => statSync(path).isFile());
}

function digest() {
  const modules = existsSync('build') ? readdirSync('build').filter((name) => MODULES.test(name)) : [];
  const built = [...below('dist'), ...modules.map((name) => join('build', name))];
  const hash = createHash('sha256');
  for (const path of [...SOURCES.flatMap(below), ...SETTINGS.filter(existsSync), ...built].sort()) {
    hash.update(`${path}\0`).update(createHash('sha256').update(readFileSync(path)).digest());
  }
  return hash.digest('hex');
}

if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== digest()) {
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(STAMP, digest());
}
