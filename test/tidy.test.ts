// Style is a test: the shape of the Wasm module, lengths, words, scripts. A failure says file:line.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { files, read, root, sources } from './support/tree.js';

const LINE_LENGTH_MAX = 120;
/** A guide: a file with one idea that needs more says why in LONG_FILES. Do not cut it into shards. */
const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;

/** Files that may be longer, each with its reason. */
const LONG_FILES: Readonly<Record<string, string>> = {
  'assembly/layout.ts': 'one table: every offset of the shared memory follows from the one before it',
  'src/datapath/types.ts': 'one vocabulary: what the datapath and its users hand to each other',
  'src/errors.ts': 'one table: what is said to people is worded in one place',
  'src/daemon/overlay/attachment.ts': 'one object: all that lives while the socket of an overlay is open',
  'src/daemon/overlay/vnic.ts': 'one object from its creation to its end, half of it what others may ask of it',
  'src/daemon/daemon.ts': 'one controller: a method for each route of the control API, a few lines each',
  'src/datapath/datapath.ts': 'one interface: all that other rooms may ask of the datapath, a few lines each',
  'src/datapath/tables.ts': 'the one writer of the fixed tables, a few lines for each of their fields',
  'src/daemon/forwarding/learner.ts': 'one judge: whatever is heard of a MAC ends in one of its rules',
  'src/daemon/plugin/plugin-slot.ts': 'one machine: whatever starts, swaps or ends a plugin changes the same state',
  'test/search/wrong-plugins/wrong.test.ts': 'one table: a row for each mistake',
  'test/tidy-imports.test.ts': 'one table: a row for each room, what it may import',
  'test/daemon/process.test.ts': 'one process: each test asks another thing of the same start, and of the same end',
};

test('the release module imports its memory and nothing else, and has no data section', () => {
  const module = new WebAssembly.Module(readFileSync(join(root, 'build/release.wasm')));
  assert.deepEqual(
    WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from}.${name}`),
    ['env.memory'],
  );
  assert.equal(sectionIds(readFileSync(join(root, 'build/release.wasm'))).includes(11), false, 'section 11 is data');
});

/** The section ids of a Wasm binary, in order. */
function sectionIds(wasm: Buffer): number[] {
  const ids: number[] = [];
  for (let at = 8; at < wasm.length; ) {
    ids.push(wasm[at++]!);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = wasm[at++]!;
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  return ids;
}

test('the release module exports what assembly/index.ts lists, and the host calls every export', () => {
  const module = new WebAssembly.Module(readFileSync(join(root, 'build/release.wasm')));
  const exported = WebAssembly.Module.exports(module)
    .map(({ name }) => name)
    .filter((name) => name !== 'memory');
  const index = read('assembly/index.ts');
  const host = sources
    .filter((path) => path.startsWith('src/datapath/'))
    .map(read)
    .join('\n');
  for (const name of exported) {
    assert.match(index, new RegExp(`\\b${name}\\b`), `${name} is not in assembly/index.ts`);
    assert.ok(host.includes(`.${name}(`), `no file of src/datapath calls ${name}`);
  }
});

test('lines, functions and files have a bounded length', () => {
  const wrong = sources.flatMap((path) => {
    const lines = read(path).split('\n');
    const long = lines.flatMap((text, index) =>
      text.length > LINE_LENGTH_MAX ? [`${path}:${index + 1} is too long`] : [],
    );
    if (lines.length > FILE_LINES_MAX && LONG_FILES[path] === undefined) long.push(`${path} has ${lines.length} lines`);
    return [...long, ...longFunctions(path, lines)];
  });
  const unneeded = Object.keys(LONG_FILES).filter((path) => read(path).split('\n').length <= FILE_LINES_MAX);
  assert.deepEqual(wrong.concat(unneeded.map((path) => `${path} is no longer long: take it off the list`)), []);
});

/** Functions and methods, found by their indentation: the formatter closes each on a line of its own. */
function longFunctions(path: string, lines: readonly string[]): string[] {
  if (path.startsWith('test/') || path === 'src/datapath/loop.ts') return [];
  const found: string[] = [];
  for (const [start, text] of lines.entries()) {
    const head = /^(\s*)(?:export |async |static |private |function |#?\w+\()[^;]*\{$/.exec(text);
    if (head === null || /\b(class|interface|enum|namespace)\b| = \{$/.test(text)) continue;
    const end = lines.indexOf(`${head[1]}}`, start);
    if (end - start > FUNCTION_LINES_MAX) found.push(`${path}:${start + 1} is ${end - start} lines long`);
  }
  return found;
}

// Each with what to write instead. Built from pieces so that this file does not contain them.
const BANNED: readonly [word: RegExp, instead: string][] = [
  [new RegExp(`\\b${'TO'}${'DO'}\\b|\\b${'FIX'}${'ME'}\\b|\\b${'XX'}${'X'}\\b`), 'do it, or write an issue'],
  [new RegExp(`\\b${'pack'}${'et'} (is|goes|arrives)\\b`), 'frame (Ethernet) or datagram (UDP)'],
  [new RegExp(`\\b(${'black'}${'list'}|${'white'}${'list'})`, 'i'), 'deny list, allow list'],
  [new RegExp(`\\b${'simp'}${'ly'}\\b|\\b${'obvious'}${'ly'}\\b`, 'i'), 'leave it out'],
  [new RegExp(`@ts-${'nocheck'}|eslint-${'disable'}`), 'mend the code'],
  [new RegExp(`\\b(test|it)\\.${'only'}\\(`), 'run the one file instead'],
];

test('no banned words', () => {
  const prose = files.filter((path) => /\.(ts|md|mjs|sh)$/.test(path));
  const wrong = prose.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((text, index) =>
        BANNED.filter(([word]) => word.test(text)).map(
          ([, instead]) => `${path}:${index + 1}: write instead: ${instead}`,
        ),
      ),
  );
  assert.deepEqual(wrong, []);
});

test('every script of package.json names files that exist or are built', () => {
  const scripts = Object.values((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts);
  const known = new Set(files);
  for (const script of scripts) {
    for (const [, path] of script.matchAll(/\b((?:assembly|test|bench|packaging|src)\/[\w/.-]+\.ts)\b/g)) {
      assert.ok(known.has(path!), `${path} of "${script}"`);
    }
    for (const [, built] of script.matchAll(/node dist\/([\w/.-]+)\.js/g)) {
      assert.ok(known.has(`${built}.ts`), `dist/${built}.js of "${script}"`);
    }
  }
});

test('every drop reason of the layout has a sentence, and is used by the datapath or the daemon', () => {
  const layout = read('assembly/layout.ts');
  const reasons = /export enum Drop \{([^}]*)\}/
    .exec(layout)![1]!
    .match(/\w+/g)!
    .filter((name) => name !== 'none');
  const texts = read('src/datapath/drops.ts');
  const users = sources
    .filter((path) => /^(assembly\/(wire|datapath|engine)|src\/daemon)\//.test(path))
    .map(read)
    .join('\n');
  for (const reason of reasons) {
    assert.match(texts, new RegExp(`\\b${reason}: ['"]`), `${reason} has no text`);
    assert.match(users, new RegExp(`Drop\\.${reason}\\b|'${reason}'`), `${reason} is never used`);
  }
});

// The stamp that host and module compare is a sum of table bases and this version, so a change inside a record needs a
// new version. Whoever changes the layout raises LAYOUT_VERSION and puts the new digest here.
const LAYOUT_DIGEST = '2da00834272cac62';

test('a changed layout has a new version', () => {
  const code = read('assembly/layout.ts')
    .replaceAll(/\/\/.*/g, '')
    .replaceAll(/\s+/g, '');
  const digest = createHash('sha256').update(code).digest('hex').slice(0, 16);
  assert.equal(digest, LAYOUT_DIGEST, 'raise LAYOUT_VERSION in assembly/layout.ts, then record this digest');
});
