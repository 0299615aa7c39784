/** What the package publishes to other people's programs, as they would see it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDirectory } from './open-directory.js';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** By the name that others import, as `./search`. */
export const EXPORTS = (
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, { types: string; default: string }>;
  }
).exports;

/** Paths of everything a package of this checkout holds. */
export function packed(): Set<string> {
  const options = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const text = execFileSync('npm', options, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [{ files }] = JSON.parse(text) as [{ files: { path: string }[] }];
  return new Set(files.map(({ path }) => path));
}

/** A built file, and what it imports from beside it, over however many steps. */
export function closure(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found;
  found.add(path);
  const suffix = path.endsWith('.d.ts') ? '.d.ts' : '.js';
  const imports = withoutComments(path).matchAll(/(?:from|new URL\(|import\()\s*['"](\.[^'"]+)\.js['"]/g);
  for (const [, to] of imports) closure(join(dirname(path), `${to}${suffix}`), found);
  return found;
}

/** Names of the packages that a built file imports, and all that it imports from beside it. */
export function packagesOf(path: string): Set<string> {
  const all = [...closure(path)].flatMap((each) => [...withoutComments(each).matchAll(/from ['"]([^.'"][^'"]*)['"]/g)]);
  return new Set(all.map(([, name]) => name!).filter((name) => !name.startsWith('node:')));
}

function withoutComments(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8').replaceAll(/\/\*.*?\*\//gs, '');
}

/** A project of somebody else, with this checkout as its dependency. */
export class OtherProject implements Disposable {
  readonly directory = openDirectory('published');

  constructor() {
    const modules = join(this.directory, 'node_modules');
    mkdirSync(join(modules, '@types'), { recursive: true });
    symlinkSync(ROOT, join(modules, 'vxlane'));
    symlinkSync(join(ROOT, 'node_modules', '@types', 'node'), join(modules, '@types', 'node'));
    writeFileSync(join(this.directory, 'package.json'), '{ "type": "module" }');
  }

  /** What tsc has against each of these files of it, by name. */
  typeErrors<Name extends string>(texts: Readonly<Record<Name, string>>): Record<Name, string> {
    const names = Object.keys(texts) as Name[];
    for (const name of names) writeFileSync(join(this.directory, name), texts[name]);
    const complaints = this.#compile(names).split(/^(?=\S)/m);
    const of = (name: string) => complaints.filter((each) => each.startsWith(`${name}(`)).join('');
    return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<Name, string>;
  }

  #compile(names: readonly string[]): string {
    const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
    const options = ['--noEmit', '--strict', '--allowJs', '--checkJs', '--module', 'nodenext', '--target', 'es2023'];
    try {
      const run = { cwd: this.directory, encoding: 'utf8', stdio: 'pipe' } as const;
      return execFileSync(compiler, [...options, '--types', 'node', ...names], run);
    } catch (thrown) {
      return (thrown as { stdout: string }).stdout;
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}
