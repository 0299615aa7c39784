import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OVERLAY, read } from './reading.js';

/** Text, and what is said of it. */
const REFUSED: [name: string, text: string, problems: string[]][] = [
  ['an empty file', '# nothing\n', ['1:1: is empty: expected overlays and vnics ("overlays: {}" declares nothing)']],
  ['a tab', 'overlays:\n\tx: 1\n', ['2:1: tabs are not allowed as indentation']],
  ['two documents', 'overlays: {}\n---\nvnics: {}\n', ['2:1: a second document: expected one']],
  [
    'a key twice',
    'overlays: {}\nvnics: {}\noverlays: {}\n',
    ['3:1: overlays: is there already, on line 1: expected it once'],
  ],
  ['an alias of nothing', 'overlays: *x\n', ['1:11: overlays: *x is the alias of no anchor before it']],
  ['an alias of itself', 'overlays: &x { a: *x }\n', ['1:19: overlays.']],
  ['a tag nobody knows', 'overlays: !mine {}\n', ['1:11: unresolved tag: !mine']],
  ['another version of YAML', '%YAML 1.1\n---\noverlays: {}\n', ['1:1: is YAML 1.1: expected 1.2']],
  ['a key that is a list', '? [a]\n: 1\n', ['1:3: a key that is no name']],
  [
    'a key that would change what objects are',
    'overlays: { __proto__: {} }\n',
    ['1:13: overlays: a key that is no name'],
  ],
  ['a list', '- overlays\n', ['1:1: is a list: expected a mapping of overlays and vnics']],
  ['what is not closed', 'overlays: "\n', ['2:1: missing closing "quote']],
];

describe('YAML', () => {
  for (const [name, text, problems] of REFUSED) {
    test(`${name} is refused`, () => {
      const found = read(text);
      assert.equal(found.declaration, null);
      const starts = found.problems.map((problem, index) => problem.slice(0, problems[index]?.length));
      assert.deepEqual(starts, problems, found.problems.join('\n'));
    });
  }

  for (const [what, opening] of [
    ['flow lists', '['],
    ['flow mappings', '{a: '],
    ['block lists', '- '],
    ['keys', '? '],
  ] as const) {
    test(`a hundred thousand nested ${what} do not end the process`, () => {
      const { problems } = read(opening.repeat(100_000));
      assert.equal(problems.length, 1);
      assert.match(problems[0] as string, /^1:\d+: is nested more than 32 deep: nothing was read$/);
    });
  }

  test('a file that is too large is not looked at', () => {
    const { problems } = read(`overlays: {}\n#${' '.repeat(1 << 20)}`);
    assert.deepEqual(problems, ['1:1: is larger than 1048576 bytes: nothing was read']);
  });

  test('aliases of aliases are counted before they fill the memory', () => {
    const rows = Array.from(
      { length: 20 },
      (_, n) => `a${n}: &a${n} [${Array.from({ length: 10 }, () => n && `*a${n - 1}`)}]`,
    );
    const { problems } = read(rows.join('\n'));
    assert.match(problems.join('\n'), /more than 200000 values, aliases followed/);
  });

  test('keys are told apart in no more than linear time', () => {
    const rows = Array.from(
      { length: 20_000 },
      (_, n) => `      02:00:00:00:${(n >> 8).toString(16)}:${(n & 255).toString(16)}: drop`,
    );
    const { declaration, problems } = read(`${OVERLAY}    targets:\n${rows.join('\n')}\n`);
    assert.deepEqual(problems, []);
    assert.equal(declaration?.overlays.get('overlay0')?.targets.size, 20_000);
  });

  test('a MAC of digits is a MAC, not a number of minutes, and names may be numbers', () => {
    const vnics = 'vnics:\n  100: { overlay: overlay0, mac: 10:20:30:40:50:58 }\n';
    const { declaration } = read(`${OVERLAY}    targets: { 10:20:30:40:50:59: drop }\n${vnics}`);
    assert.equal(declaration?.vnics.get('100')?.mac, '10:20:30:40:50:58');
    assert.deepEqual([...(declaration?.overlays.get('overlay0')?.targets ?? [])], [['10:20:30:40:50:59', 'drop']]);
  });

  test('aliases are followed, and what is wrong behind one is told where it stands', () => {
    const text = `overlays:
  a: { vni: 1, search: files, properties: &here { vxlan/listen_ip: 10.0.0.1, files/config: /x } }
  b: { vni: 2, search: files, properties: *here }
`;
    const { declaration } = read(text);
    assert.deepEqual(declaration?.overlays.get('b')?.properties, declaration?.overlays.get('a')?.properties);
    const { problems } = read(text.replace('10.0.0.1', 'nowhere'));
    const what = 'properties.vxlan/listen_ip: is "nowhere": expected an IPv4 or IPv6 address';
    assert.deepEqual(problems, [`2:68: overlays.a.${what}`, `2:68: overlays.b.${what}`]);
  });
});
