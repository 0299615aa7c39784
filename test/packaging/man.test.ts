/** The manual pages: man finds nothing to complain of, and what is in the tables is on the page. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { manPages } from '../../packaging/man-pages.js';
import { escaped, type Page, roffOf } from '../../packaging/roff.js';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { OVERLAY_PROPERTIES } from '../../src/overlay-properties/overlay-properties.js';
import { plugins } from '../../src/search/registry.js';

const isHere = spawnSync('man', ['--version']).error === undefined;

describe('manual pages', { skip: isHere ? false : 'man is not installed: apt-get install man-db' }, () => {
  let directory: string;
  let pages: Map<string, string>;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vxlane-man-'));
    pages = new Map((await manPages()).map((page) => [page.name, render(page)]));
  });
  after(() => rmSync(directory, { recursive: true }));

  /** As a reader sees it, on lines of any length. Fails on a warning. */
  function render(page: Page): string {
    const file = join(directory, `${page.name}.${page.section}`);
    writeFileSync(file, roffOf(page));
    const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', MANWIDTH: '5000', MAN_KEEP_FORMATTING: '' };
    const { status, stdout, stderr } = spawnSync('man', ['--warnings', '--local-file', file], {
      env,
      encoding: 'utf8',
    });
    assert.deepEqual([status, stderr], [0, ''], page.name);
    return stdout;
  }

  test('there is a page for the program, each command and the configuration file', () => {
    const names = Object.keys(COMMANDS).map((name) => `vxlane-${name.replaceAll(' ', '-')}`);
    assert.deepEqual([...pages.keys()], ['vxlane', ...names, 'vxlane.yaml']);
    for (const name of names) assert.ok(pages.get('vxlane')?.includes(`${name}(1)`), name);
  });

  test('the page of a command has its sentence, its example and each option with its help', async () => {
    for (const [name, load] of Object.entries(COMMANDS)) {
      const { sentence, example, options } = await load();
      const page = pages.get(`vxlane-${name.replaceAll(' ', '-')}`) as string;
      for (const text of [sentence, example]) assert.ok(page.includes(text), `${name}: ${text}`);
      for (const [option, { help }] of Object.entries(options)) {
        assert.match(page, new RegExp(`(^| )--${option}\\b`, 'm'), name);
        assert.ok(page.includes(help), `${name} --${option}: ${help}`);
      }
    }
  });

  test('vxlane.yaml(5) has every property, and the keys beside them', () => {
    const page = pages.get('vxlane.yaml') as string;
    const specs = [...OVERLAY_PROPERTIES, ...[...plugins.values()].flatMap(({ properties }) => properties)];
    for (const { name, help } of specs) assert.ok(page.includes(name) && page.includes(help), `${name}: ${help}`);
    for (const key of ['overlays.NAME.vni', 'overlays.NAME.targets', 'vnics.NAME.allow_any_mac']) {
      assert.ok(page.includes(key), key);
    }
  });

  test('no text is taken for a macro', () => {
    const texts = [
      '.SH a dot',
      "'br an apostrophe",
      'a \\fBbackslash\\fR \\n(.x',
      '"quotes" -dashes- …é–',
      '%!@#$^&*~`|',
    ];
    const page = render({
      ...{ name: 'odd', section: 1, source: 'odd "1"', sentence: "'odd", synopsis: escaped('.odd') },
      sections: [
        ['A "TITLE"', texts.map((text) => ({ kind: 'text', text }))],
        ['TERMS', [{ kind: 'terms', terms: texts.map((text) => ({ term: escaped(text), text })) }]],
        ['LINES', [{ kind: 'example', lines: texts }]],
      ],
    });
    for (const text of texts) assert.equal(page.split(text).length, 5, `${text} in\n${page}`);
    assert.match(page, /^A "TITLE"$/m);
  });
});
