/**
 * Puts what a start loads into a few files: Node takes longer to find and read hundreds of modules than the daemon takes
 * for all else (docs/decisions/0034-bundles.md). Of what tsc made of an entry nothing stays but to load its bundle, so
 * that paths are as they were; everything else in dist/ is there for who imports it. Run after tsc.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

/** Where the command line and a thread begin that load some things later. Bundles are called as these files are. */
const ENTRIES = ['src/main', 'src/search/plugins/files/read-thread'];
/** Where other threads and processes of plugins begin: one file each, which Node reads without looking for others. */
const SCRIPTS = ['src/datapath/worker', 'src/search/host/entry', 'src/search/host/process-entry'];
/** Of all bundles: whatever is in them finds its way from here. */
const BUNDLES = 'dist/src/bundle';
/** koffi is native code, and pino-pretty is for terminals. */
const EXTERNAL = ['koffi', 'pino-pretty'];
/** Packages that are CommonJS call it for what is Node's own. */
const REQUIRE = `import { createRequire as requireFrom } from 'node:module';
const require = requireFrom(import.meta.url);`;

/** What a module calls its own address, in the script of the daemon. */
const SCRIPT_URL = 'scriptUrl';

/** A module finds its neighbours where tsc has put it, wherever its code is now. */
const ownPlaces = (/** @type {string} */ bundleUrl) => ({
  name: 'own places',
  /** @param {import('esbuild').PluginBuild} building */
  setup(building) {
    building.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const compiled = resolve('dist', relative('.', path).replace(/\.ts$/, '.js'));
      const url = `new URL('${relative(BUNDLES, compiled)}', ${bundleUrl}).href`;
      return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url), loader: 'ts' };
    });
  },
});

/** Of src/errors.ts there is one, which the command line gives to the daemon (src/daemon/program.ts). */
const sharedErrors = {
  name: 'shared errors',
  /** @param {import('esbuild').PluginBuild} building */
  setup(building) {
    const shared = resolve('src/errors.js');
    building.onResolve({ filter: /errors\.js$/ }, ({ resolveDir, path }) =>
      resolve(resolveDir, path) === shared ? { path: 'vxlane:errors', external: true } : null,
    );
  },
};

/** @type {import('esbuild').BuildOptions & { metafile: true }} */
const COMMON = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  mainFields: ['module', 'main'],
  external: EXTERNAL,
  // Names stay as they are.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'eof',
  logLevel: 'warning',
  metafile: true,
};

rmSync(BUNDLES, { recursive: true, force: true });
const modules = build({
  ...COMMON,
  entryPoints: ENTRIES.map((entry) => `${entry}.ts`),
  outdir: BUNDLES,
  entryNames: '[name]',
  chunkNames: '[name]-[hash]',
  splitting: true,
  format: 'esm',
  banner: { js: REQUIRE },
  plugins: [ownPlaces('import.meta.url')],
});
/** @type {import('esbuild').BuildOptions & { metafile: true }} */
const SCRIPT = {
  ...COMMON,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { 'import.meta.url': SCRIPT_URL },
};
const scripts = build({
  ...SCRIPT,
  entryPoints: SCRIPTS.map((entry) => `${entry}.ts`),
  outdir: BUNDLES,
  entryNames: '[name]',
  banner: { js: `'use strict';const ${SCRIPT_URL} = require('node:url').pathToFileURL(__filename).href;` },
  plugins: [ownPlaces(SCRIPT_URL)],
});
// One script, because V8 gives out what it has compiled of a script, and not of modules.
const daemon = build({
  ...SCRIPT,
  entryPoints: { daemon: 'src/daemon/main.ts' },
  outdir: BUNDLES,
  banner: { js: `(function (exports, require, module, ${SCRIPT_URL}) {` },
  footer: { js: '})' },
  plugins: [sharedErrors, ownPlaces(SCRIPT_URL)],
});
const made = await Promise.all([modules, scripts, daemon]);
const inputs = made.flatMap(({ metafile }) => Object.keys(metafile.inputs));

// Scripts are started from where they are: what tsc made of them nobody loads.
for (const entry of SCRIPTS) {
  for (const suffix of ['.js', '.js.map']) rmSync(join('dist', entry + suffix), { force: true });
}

for (const entry of ENTRIES) {
  const path = join('dist', `${entry}.js`);
  const bundle = relative(dirname(path), join(BUNDLES, `${basename(entry)}.js`));
  const interpreter = entry === 'src/main' ? '#!/usr/bin/env node\n' : '';
  writeFileSync(path, `${interpreter}import './${bundle}';\n`);
  rmSync(`${path}.map`);
}

/** Of a package that is in a bundle, what its licence wants to be told with every copy. */
function licenceOf(/** @type {string} */ directory) {
  const file = readdirSync(directory).find((name) => /^licen[cs]e/i.test(name));
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const text = file === undefined ? '' : `\n${readFileSync(join(directory, file), 'utf8').trim()}\n`;
  return `${name} ${version}: ${license}\n${text}`;
}

const packages = inputs.flatMap((path) => /^(?:.*node_modules\/(?:@[^/]+\/)?[^/]+)/.exec(path) ?? []);
const licences = [...new Set(packages)].filter((directory) => existsSync(join(directory, 'package.json'))).sort();
writeFileSync(join(BUNDLES, 'LICENCES.txt'), licences.map(licenceOf).join('\n\n'));
