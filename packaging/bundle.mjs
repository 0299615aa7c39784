/**
 * Puts what a start loads into a few files: Node takes longer to find and read hundreds of modules than the daemon takes
 * for all else (docs/decisions/0034-bundles.md). Of what tsc made of an entry nothing stays but to load its bundle, so
 * that paths are as they were; everything else in dist/ is there for who imports it. Run after tsc.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

/** Where processes and threads of vxlane begin. Bundles are called as these files are. */
const ENTRIES = [
  'src/main',
  'src/datapath/worker',
  'src/search/host/entry',
  'src/search/host/process-entry',
  'src/search/plugins/files/read-thread',
];
/** Of all bundles: whatever is in them finds its way from here. */
const BUNDLES = 'dist/src/bundle';
/** koffi is native code, and pino-pretty is for terminals. */
const EXTERNAL = ['koffi', 'pino-pretty'];
/** Packages that are CommonJS call it for what is Node's own. */
const REQUIRE = `import { createRequire as requireFrom } from 'node:module';
const require = requireFrom(import.meta.url);`;

/** A module finds its neighbours where tsc has put it, wherever its code is now. */
const ownPlaces = {
  name: 'own places',
  /** @param {import('esbuild').PluginBuild} building */
  setup(building) {
    building.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const compiled = resolve('dist', relative('.', path).replace(/\.ts$/, '.js'));
      const url = `new URL('${relative(BUNDLES, compiled)}', import.meta.url).href`;
      return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url), loader: 'ts' };
    });
  },
};

rmSync(BUNDLES, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: ENTRIES.map((entry) => `${entry}.ts`),
  outdir: BUNDLES,
  entryNames: '[name]',
  chunkNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  mainFields: ['module', 'main'],
  external: EXTERNAL,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'eof',
  banner: { js: REQUIRE },
  plugins: [ownPlaces],
  logLevel: 'warning',
  metafile: true,
});

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

const packages = Object.keys(metafile.inputs).flatMap(
  (path) => /^(?:.*node_modules\/(?:@[^/]+\/)?[^/]+)/.exec(path) ?? [],
);
const licences = [...new Set(packages)].filter((directory) => existsSync(join(directory, 'package.json'))).sort();
writeFileSync(join(BUNDLES, 'LICENCES.txt'), licences.map(licenceOf).join('\n\n'));
