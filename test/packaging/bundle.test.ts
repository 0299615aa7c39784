import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { stackOf } from '../../src/stack.js';
import { openDirectory } from '../support/open-directory.js';

const SRC = new URL('../../src/', import.meta.url).href;
interface Made {
  wrong(): never;
}
/** Tells what each thread imports, and loads it as Node does. */
const TELLING = `export async function load(url, context, next) {
  process._rawDebug(url);
  return next(url, context);
}`;
const module = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`;
const HOOK = module(`import { register } from 'node:module'; register(${JSON.stringify(module(TELLING))});`);
/** A directive is one only before all statements of its script or function. */
const STRICT = /^(?:\(function \([\w, ]*\) \{\s*)?['"]use strict['"];/;
const NOT_ASCII = /[^\0-\x7f]/;
/** Not those in strings, of which compilers of schemas make code that stands alone. */
const REQUIRED = /(?<!["'`.\w])require\("([^"]+)"\)/g;
const IMPORTED = /(?<!["'`.\w])import\("([^"]+)"\)/g;

describe('bundles', () => {
  const directory = openDirectory('bundle');
  after(() => rmSync(directory, { recursive: true }));

  it('are all that processes and threads load, beside what is native code', () => {
    const hosts = join(directory, 'hosts.json');
    writeFileSync(hosts, '{}', { mode: 0o600 });
    const properties = { 'vxlan/listen_ip': '127.0.0.1', 'files/config': hosts };
    const config = join(directory, 'vxlane.yaml');
    writeFileSync(config, JSON.stringify({ overlays: { o: { vni: 1, search: 'files', properties } } }), {
      mode: 0o600,
    });
    const main = fileURLToPath(`${SRC}main.js`);
    const argv = ['--import', HOOK, main, 'daemon', '--check', '--deep', '--config', config];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    assert.deepEqual({ status, stdout }, { status: 0, stdout: `${config} is right: overlays: 1, VNICs: 0\n` }, stderr);
    const loaded = stderr.split('\n').filter((line) => line.startsWith('file:') && !/koffi|koromix/.test(line));
    assert.ok(loaded.includes(`${SRC}bundle/main.js`), stderr);
    const others = loaded.filter((url) => !url.startsWith(`${SRC}bundle/`) && url !== `${SRC}main.js`);
    assert.deepEqual(others, []);
  });

  for (const [script, others] of [
    ['daemon', ['koffi', 'vxlane:errors']],
    ['worker', ['koffi']],
    ['entry', []],
    ['process-entry', []],
  ] as const) {
    it(`${script}.cjs is strict, of ASCII, and requires nothing but Node and native code`, () => {
      const text = readFileSync(new URL(`bundle/${script}.cjs`, SRC), 'utf8');
      assert.match(text, STRICT);
      const [code] = text.split('/*! Bundled license information:');
      assert.doesNotMatch(code!, NOT_ASCII);
      const required = [...code!.matchAll(REQUIRED)].map(([, name]) => name!);
      assert.ok(required.length > 0);
      assert.deepEqual([...new Set(required.filter((name) => !isBuiltin(name)))].sort(), others);
      const loadedLater = [...code!.matchAll(IMPORTED)].map(([, name]) => name!);
      assert.deepEqual(loadedLater, []); // with kept code the daemon's script cannot
    });
  }

  it('do not hide where a bug is', async () => {
    const source = join(directory, 'source.ts');
    writeFileSync(source, '// one line\nexport const wrong: () => never = () => {\n  throw new Error("so");\n};\n');
    mkdirSync(join(directory, 'bundle'));
    for (const [format, name] of [
      ['esm', 'made.js'],
      ['cjs', 'made.cjs'],
    ] as const) {
      const outfile = join(directory, 'bundle', name);
      await build({ entryPoints: [source], outfile, format, sourcemap: 'linked', banner: { js: '//\n//\n//' } });
      const made = (await import(pathToFileURL(outfile).href)) as Made & { default?: Made };
      const { wrong } = made.default ?? made;
      assert.throws(wrong, (thrown) => {
        assert.match(stackOf(thrown), new RegExp(`^Error: so\n.*\\(?${source}:3:9\\)?\n`));
        return true;
      });
    }
    const elsewhere = new Error('of no bundle');
    assert.equal(stackOf(elsewhere), elsewhere.stack);
    assert.equal(stackOf('no error'), 'no error');
  });
});
