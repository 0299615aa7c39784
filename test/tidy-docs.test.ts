// Documents are held to the tree they speak of: links lead somewhere, files and scripts that are named exist, lists are
// whole, lines of prose fit a window. A failure says file:line.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { DROP_TEXT, isExpectedDrop } from '../src/datapath/drops.js';
import { plugins } from '../src/search/registry.js';
import { files, read, root } from './support/tree.js';

const PROSE_LENGTH_MAX = 160;

const documents = files.filter((path) => path.endsWith('.md'));
const scripts = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
};

interface Line {
  readonly text: string;
  /** 1-based. */
  readonly number: number;
}

/** The lines outside of fenced blocks: drawings, commands and what they print. */
function linesOf(path: string): Line[] {
  let isFenced = false;
  return read(path)
    .split('\n')
    .map((text, index) => ({ text, number: index + 1 }))
    .filter(({ text }) => {
      const isFence = /^\s*```/.test(text);
      if (isFence) isFenced = !isFenced;
      return !isFenced && !isFence;
    });
}

/** What stands in the parentheses that open before `start`. */
function argumentsAt(text: string, start: number): string {
  let depth = 1;
  let end = start;
  for (; depth > 0 && end < text.length; end++)
    depth += '([{'.includes(text[end]!) ? 1 : ')]}'.includes(text[end]!) ? -1 : 0;
  return text.slice(start, end - 1);
}

test('docs/log.md names every key that the daemon and the datapath log', () => {
  const documented = new Set([...read('docs/log.md').matchAll(/`([a-zA-Z]+)`/g)].map(([, key]) => key));
  const logging = files.filter((path) => /^src\/(daemon|datapath|control)\/.*\.ts$/.test(path));
  const keys = logging.flatMap((path) => {
    const text = read(path);
    return [...text.matchAll(/\blog\.(?:debug|info|warn|error|fatal)\(/g)].flatMap((call) => {
      const fields = /\{ (.*) \}$/s.exec(argumentsAt(text, call.index + call[0].length))?.[1] ?? '';
      const named = fields.split(/,\s+/).flatMap((field) => /^(\w+)(?=:|$)/.exec(field.trim())?.[1] ?? []);
      return named.map((key) => ({ path, key }));
    });
  });
  assert(keys.length > 50, `${keys.length} keys were found`);
  assert.deepEqual(
    keys.filter(({ key }) => !documented.has(key)),
    [],
  );
});

test('lines of prose fit a window', () => {
  const wrong = documents.flatMap((path) =>
    linesOf(path)
      .filter(({ text }) => text.length > PROSE_LENGTH_MAX && !text.startsWith('|'))
      .map(({ text, number }) => `${path}:${number} is ${text.length} long`),
  );
  assert.deepEqual(wrong, []);
});

/** The anchor that a heading gets where Markdown is shown. */
function anchorOf(heading: string): string {
  return heading
    .replaceAll(/[`*]|\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

function anchorsOf(path: string): Set<string> {
  const headings = linesOf(path).flatMap(({ text }) => /^#+\s+(.*)$/.exec(text)?.[1] ?? []);
  return new Set(headings.map(anchorOf));
}

test('links of documents lead to files and headings that are there', () => {
  const wrong: string[] = [];
  for (const path of documents) {
    for (const { text, number } of linesOf(path)) {
      for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(link!)) continue;
        const [file, anchor] = link!.split('#') as [string, string?];
        const target = file === '' ? path : normalize(join(dirname(path), file));
        if (!existsSync(join(root, target))) wrong.push(`${path}:${number}: ${link} is not there`);
        else if (anchor !== undefined && !anchorsOf(target).has(anchor)) {
          wrong.push(`${path}:${number}: ${target} has no heading #${anchor}`);
        }
      }
    }
  }
  assert.deepEqual(wrong, []);
});

/** What a document may call a file: its path from the root, from the document's folder, or the end of its path. */
function isThere(named: string, document: string): boolean {
  const nearby = normalize(join(dirname(document), named));
  return files.some((path) => path === named || path === nearby || path.endsWith(`/${named}`));
}

/** `a/{b,c}.ts` is a/b.ts and a/c.ts. */
function alternatives(name: string): string[] {
  const found = /^(.*)\{([^}]*)\}(.*)$/.exec(name);
  if (found === null) return [name];
  return found[2]!.split(',').map((each) => `${found[1]}${each}${found[3]}`);
}

test('sources that a document names are there', () => {
  const wrong: string[] = [];
  for (const path of documents.filter((each) => each !== 'CHANGELOG.md')) {
    for (const { text, number } of linesOf(path)) {
      for (const [, name] of text.matchAll(/`([\w./{},-]+\.ts)`/g)) {
        const missing = alternatives(name!).filter((each) => !isThere(each, path));
        wrong.push(...missing.map((each) => `${path}:${number}: there is no ${each}`));
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test('docs/conformance.md names tests that exist, in every row of what is built', () => {
  const rows = linesOf('docs/conformance.md').filter(({ text }) => /^\| (?!---|§)/.test(text));
  assert.ok(rows.length > 50, `${rows.length} rows`);
  const wrong = rows.flatMap(({ text, number }) => {
    const cells = text.split(' | ');
    const named = [...cells.at(-1)!.matchAll(/`([\w/-]+)`: (.*?)(?=; `|\s*\|$)/g)];
    if (named.length === 0 && !cells[2]!.startsWith('not built')) return [`line ${number} names no test`];
    return named
      .filter(([, file, title]) => !titled(`test/${file}.test.ts`).includes(title!))
      .map(([, file, title]) => `line ${number}: test/${file}.test.ts has no "${title}"`);
  });
  assert.deepEqual(wrong, []);
});

/**
 * The text of a test file, as titles are read; '' when it is not there. What runs the suite of search plugins has the
 * titles of its cases.
 */
function titled(path: string): string {
  const cases = path.startsWith('test/search/conformance/') ? 'src/search/testing/cases-' : null;
  const texts = files.filter((each) => each === path || (cases !== null && each.startsWith(cases))).map(read);
  return texts.join('').replaceAll("\\'", "'");
}

test('docs/troubleshooting.md says of every drop reason what it means, and which are expected', () => {
  const rows = linesOf('docs/troubleshooting.md').filter(({ text }) => text.startsWith('| `'));
  const reasons = rows.map(({ text }) => [...text.split(' | ')[0]!.matchAll(/`(\w+)`/g)].map(([, reason]) => reason!));
  assert.deepEqual(reasons.flat().sort(), Object.keys(DROP_TEXT).sort());
  const expected = (Object.keys(DROP_TEXT) as (keyof typeof DROP_TEXT)[]).filter(isExpectedDrop);
  assert.deepEqual(reasons[0]!.sort(), expected.sort());
  assert.match(rows[0]!.text, /expected: nothing is wrong/);
});

test('npm scripts that a document names are in package.json', () => {
  const wrong = documents.flatMap((path) =>
    [...read(path).matchAll(/npm run (?:--silent )?(\w[\w:-]*\w)/g)]
      .filter(([, name]) => scripts.scripts[name!] === undefined)
      .map(([, name]) => `${path}: npm run ${name}`),
  );
  assert.deepEqual(wrong, []);
});

/** The text below a heading, up to the next of its kind. */
function section(path: string, heading: string): string {
  const found = new RegExp(`^## ${heading}\\n([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, 'm').exec(read(path));
  assert.ok(found !== null, `${path} has no section ${heading}`);
  return found[1]!;
}

test('README names every dependency, every search plugin and every room', () => {
  const named = section('README.md', 'Dependencies');
  for (const name of Object.keys(scripts.dependencies)) assert.ok(named.includes(`\`${name}\``), `${name} in README`);
  const does = section('README.md', 'What it does and what it does not');
  for (const name of plugins.keys()) assert.ok(does.includes(`\`${name}\``), `search plugin ${name} in README`);
  const rooms = section('README.md', 'Where things are');
  for (const path of files.filter((each) => /^src\/[\w-]+\/README\.md$/.test(each))) {
    assert.ok(rooms.includes(`(${path})`), `${path} in README`);
  }
});

test('test/README names every folder of tests', () => {
  const table = read('test/README.md');
  const folders = readdirSync(join(root, 'test'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) assert.match(table, new RegExp(`\`[^\`]*\\b${name}/`), `${name}/ in test/README.md`);
});

test('every decision says its status, context, decision and consequences on one screen', () => {
  for (const path of documents.filter((each) => each.startsWith('docs/decisions/'))) {
    const text = read(path);
    assert.ok(text.split('\n').length <= 60, `${path} is longer than a screen`);
    for (const part of ['Status: ', '## Context', '## Decision', '## Consequences']) {
      assert.ok(text.includes(`\n${part}`), `${path} has no ${part}`);
    }
  }
});
