/** What the package publishes for authors of plugins: it is packed, it resolves, and its types hold. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as search from 'vxlane/search';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXPORTS = (
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, { types: string; default: string }>;
  }
).exports;

const directory = mkdtempSync(join(tmpdir(), 'vxlane-published-'));
after(() => rmSync(directory, { recursive: true }));

/** Paths of everything a package of this checkout holds. */
function packed(): Set<string> {
  const options = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const text = execFileSync('npm', options, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [{ files }] = JSON.parse(text) as [{ files: { path: string }[] }];
  return new Set(files.map(({ path }) => path));
}

/** A built file, and what it imports from beside it, over however many steps. */
function closure(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found;
  found.add(path);
  const suffix = path.endsWith('.d.ts') ? '.d.ts' : '.js';
  const code = readFileSync(join(ROOT, path), 'utf8').replaceAll(/\/\*.*?\*\//gs, '');
  const imports = code.matchAll(/(?:from|new URL\(|import\()\s*['"](\.[^'"]+)\.js['"]/g);
  for (const [, to] of imports) closure(join(dirname(path), `${to}${suffix}`), found);
  return found;
}

test('every file behind the published names is packed', () => {
  const files = packed();
  const entries = ['./search', './search/testing'].flatMap((name) => [EXPORTS[name]!.types, EXPORTS[name]!.default]);
  const needed = entries.flatMap((entry) => [...closure(join(entry))]);
  assert(needed.length > 20, `${needed.length} files`);
  assert.deepEqual(
    needed.filter((path) => !files.has(path)),
    [],
  );
});

test('the runtime of vxlane/search is small and works', () => {
  const names = ['API_VERSION', 'VXLAN_PORT', 'formatEndpoint', 'parseEndpoint', 'parseIp', 'parseMac'];
  assert.deepEqual(Object.keys(search).sort(), names);
  assert.equal(search.API_VERSION, 1);
  assert.equal(search.parseMac('DE-AD-BE-EF-0-1'), 'de:ad:be:ef:00:01');
});

/** What tsc has against this file of somebody else's project. */
function typeErrors(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
  const options = ['--noEmit', '--strict', '--allowJs', '--checkJs', '--module', 'nodenext', '--target', 'es2023'];
  try {
    execFileSync(compiler, [...options, '--types', 'node', name], { cwd: directory, encoding: 'utf8', stdio: 'pipe' });
    return '';
  } catch (thrown) {
    return (thrown as { stdout: string }).stdout;
  }
}

test('plugins in TypeScript and in JavaScript with JSDoc are checked against the published types', () => {
  const modules = join(directory, 'node_modules');
  execFileSync('mkdir', ['-p', join(modules, '@types')]);
  symlinkSync(ROOT, join(modules, 'vxlane'));
  symlinkSync(join(ROOT, 'node_modules', '@types', 'node'), join(modules, '@types', 'node'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');

  const typed = (answer: string) => `import type { DynamicPlugin } from 'vxlane/search';
    import { parseMac } from 'vxlane/search';
    import { conformance } from 'vxlane/search/testing';
    const plugin: DynamicPlugin = { name: 'x', mode: 'dynamic', properties: [],
      create: ({ put }) => ({
        start() { put(parseMac('1:2:3:4:5:6')!, 'drop'); }, stop() {}, lookup: () => ${answer} }) };
    export default plugin;
    export const cases = conformance({ plugin: './x.js', backend: () => ({ properties: {} }) });`;
  assert.equal(typeErrors('right.ts', typed(`({ target: 'drop' })`)), '');
  assert.match(typeErrors('wrong.ts', typed(`({ target: 'nowhere' })`)), /'"nowhere"' is not assignable|nowhere/);

  const example = readFileSync(join(ROOT, 'docs', 'examples', 'http.js'), 'utf8');
  assert.equal(typeErrors('http.js', example), '');
  assert.match(typeErrors('wrong.js', example.replace("mode: 'dynamic'", "mode: 'fast'")), /fast/);
});
