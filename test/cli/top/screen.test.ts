/** The screen of vxlane top, for any size, any names, and after any keys. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TopModel } from '../../../src/cli/top/model.js';
import { roomFor, screenOf, shortNumber, sparkline } from '../../../src/cli/top/screen.js';
import { chosenRows, press, startState, type TopState } from '../../../src/cli/top/state.js';
import { VIEW_NAMES } from '../../../src/cli/top/views.js';
import type { StatsView } from '../../../src/control/protocol.js';
import { statsOf } from './stats.js';

const ABOUT = {
  daemon: { version: '0.1.0', pid: 4711, uptimeSeconds: 185, fdbEntries: 3, fdbSize: 65_536 },
  overlays: 1,
  problems: 0,
};
const PLAIN = { paint: (_: unknown, text: string) => text, isUnicode: true };
const RED = { paint: (_: unknown, text: string) => `\u001b[31m${text}\u001b[39m`, isUnicode: false };
const SIZE = { columns: 80, rows: 24 };

function sampleOf(before: StatsView, after: StatsView) {
  const model = new TopModel();
  model.add(before, 0);
  return model.add(after, 1000)!;
}

/** One overlay a name, the first with the most frames. */
function named(names: readonly string[]): StatsView {
  const { overlays } = statsOf(0);
  const all = names.map((name, at) => ({ ...overlays[0]!, name, encap: { frames: names.length - at, bytes: 0 } }));
  return statsOf(0, 'ov0', { overlays: all });
}

const NOTHING = statsOf(0, 'ov0', { overlays: [], vnics: [], endpoints: [], drops: [] });
const SAMPLE = sampleOf(statsOf(0), statsOf(12_345));

function typed(state: TopState, keys: readonly string[], rows = 100, room = 10): TopState {
  for (const key of keys) state = press(state, key, rows, room) as TopState;
  return state;
}

const shown = (state: TopState, sample = SAMPLE) => screenOf(state, sample, ABOUT, SIZE, PLAIN);

describe('vxlane top: the screen', () => {
  test('as it is', () => {
    assert.deepEqual(
      shown(startState('overlays'))
        .slice(0, 6)
        .map((line) => line.trimEnd()),
      [
        'vxlane 0.1.0: all is well, 1 overlay, FDB 3 of 65536, up 3m05s, pid 4711',
        'encap 12.3k/s 9.88Mbit/s  decap 37.0k/s 29.6Mbit/s  drops 12.3k/s',
        '[1 overlays] 2 vnics  3 endpoints  4 drops  5 plugins',
        'OVERLAY   ENCAP/S↓ ENC-BIT/S  DECAP/S  DEC-BIT/S  DROPS/S  frames/s, both ways',
        'ov0         12.3k      9.88M    37.0k      29.6M    12.3k                      █',
        '',
      ],
    );
  });

  test('every line is as wide as the terminal, and there are as many as it has', () => {
    const name = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 1, maxLength: 60 }));
    const frames = fc.oneof(fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER));
    const keys = fc.array(fc.constantFrom(...'12345<>r/ab? ', 'tab', 'return', 'escape', 'down', 'end', 'pageup'));
    const columns = fc.integer({ min: 40, max: 200 });
    const size = fc.record({ columns, rows: fc.integer({ min: 1, max: 60 }) });
    const cases = fc.tuple(name, frames, keys, size, fc.constantFrom(PLAIN, RED), fc.boolean());
    fc.assert(
      fc.property(cases, ([of, count, pressed, terminal, style, isFirst]) => {
        const { overlays, drops } = statsOf(count, of);
        const more = { overlays: [{ ...overlays[0]!, plugin: { ...overlays[0]!.plugin, name: of } }] };
        const after = statsOf(count, of, { ...more, drops: drops.map((drop) => ({ ...drop, text: of })) });
        const sample = isFirst ? null : sampleOf(statsOf(0, of), after);
        const state = typed(startState('overlays'), pressed);
        const lines = screenOf(state, sample, ABOUT, terminal, style);
        assert.equal(lines.length, terminal.rows);
        for (const line of lines) {
          const text = line.replaceAll('\u001b[31m', '').replaceAll('\u001b[39m', '');
          assert.match(text, style.isUnicode ? /^[ -~▁▂▃▄▅▆▇█↑↓]*$/u : /^[ -~]*$/);
          assert.equal(text.length, terminal.columns, JSON.stringify(text));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a narrow terminal keeps the name, the frames and the drops', () => {
    const [, , , head, row] = screenOf(startState('overlays'), SAMPLE, ABOUT, { columns: 40, rows: 10 }, PLAIN);
    assert.match(head!, /^OVERLAY +ENCAP\/S↓ +DECAP\/S +DROPS\/S /);
    assert.match(row!, /^ov0 +12\.3k +37\.0k +12\.3k +█$/);
  });

  test('a name that is too long is cut, and says so', () => {
    const sample = sampleOf(named([]), named(['x'.repeat(100)]));
    assert.match(shown(startState('overlays'), sample)[4]!, /^x{7,}~ +1 /);
  });

  test('before there are rates it says so; without rows, too', () => {
    assert.match(screenOf(startState('overlays'), null, ABOUT, SIZE, PLAIN)[4]!, /^measuring/);
    assert.match(shown(startState('overlays'), sampleOf(NOTHING, NOTHING)).at(-1)!, /^no rows /);
  });

  test('what is wrong is counted', () => {
    const [line] = screenOf(startState('overlays'), SAMPLE, { ...ABOUT, problems: 2 }, SIZE, PLAIN);
    assert.match(line!, /2 problems \(vxlane status\)/);
  });
});

describe('vxlane top: keys', () => {
  test('choose a view', () => {
    for (const [index, view] of VIEW_NAMES.entries()) {
      assert.ok(shown(typed(startState('overlays'), [String(index + 1)]))[2]!.includes(`[${index + 1} ${view}]`));
    }
    assert.equal(typed(startState('plugins'), ['tab']).view, 'overlays');
    assert.equal(typed(startState('overlays'), ['shift-tab']).view, 'plugins');
  });

  test('sort by another column, and the other way round', () => {
    const sample = sampleOf(named([]), named(['b', 'c', 'a']));
    const order = (...keys: string[]) =>
      chosenRows(typed(startState('overlays'), keys), sample)
        .map(({ key }) => key)
        .join('');
    assert.equal(order(), 'bca', 'the most frames first');
    assert.equal(order('r'), 'acb');
    assert.equal(order('<'), 'abc', 'by name');
    assert.equal(order('left', 'r'), 'cba');
    assert.equal(order('<', '>'), 'bca');
    assert.equal(order('>', '>'), 'abc', 'what is equal stands by name');
  });

  test('show only what has a text, whatever its case', () => {
    const sample = sampleOf(named([]), named(['blue', 'red', 'blue2']));
    const typing = typed(startState('overlays'), [...'/BLqUE'].concat('backspace', 'backspace', 'backspace', ...'UE'));
    assert.equal(typing.filter, 'BLUE');
    assert.deepEqual(
      chosenRows(typing, sample).map(({ key }) => key),
      ['blue', 'blue2'],
    );
    assert.ok(shown(typing, sample)[2]!.includes('/BLUE_'));
    const kept = typed(typing, ['return']);
    assert.ok(shown(kept, sample)[2]!.trimEnd().endsWith('/BLUE'));
    assert.equal(typed(kept, ['/', 'x', 'escape']).filter, 'BLUE', 'undone');
    assert.equal(typed(kept, ['escape']).filter, '');
  });

  test('scroll no further than there are rows', () => {
    const size = { columns: 80, rows: 9 };
    const sample = sampleOf(named([]), named([...'abcdefghij']));
    const firstAfter = (...keys: string[]) => {
      const state = typed(startState('overlays'), keys, 10, roomFor(size));
      return screenOf(state, sample, ABOUT, size, PLAIN)[4]![0];
    };
    assert.equal(firstAfter('down'), 'b');
    assert.equal(firstAfter('up'), 'a');
    assert.equal(firstAfter('pagedown'), 'e');
    assert.equal(firstAfter('end'), 'g');
    assert.equal(firstAfter('end', 'down', 'up'), 'f');
    assert.equal(firstAfter('end', 'home'), 'a');
  });

  test('quit, but not while a filter is typed', () => {
    assert.equal(press(startState('overlays'), 'q', 0, 0), 'quit');
    assert.equal(typed(startState('overlays'), ['/', 'q']).filter, 'q');
    assert.equal(press(typed(startState('overlays'), ['/']), 'ctrl-c', 0, 0), 'quit');
    assert.equal(press(typed(startState('overlays'), ['?']), 'q', 0, 0), 'quit');
  });

  test('show the keys, and go back', () => {
    const help = typed(startState('overlays'), ['?']);
    assert.ok(shown(help).some((line) => line.startsWith('space ')));
    assert.equal(typed(help, ['x']).isHelp, false);
  });

  test('pause, and go on', () => {
    assert.ok(shown(typed(startState('overlays'), [' ']))[2]!.includes('PAUSED'));
    assert.equal(typed(startState('overlays'), [' ', ' ']).isPaused, false);
  });
});

test('numbers have three digits that count', () => {
  const cases: [number, string][] = [
    ...([
      [0, '0'],
      [999, '999'],
      [999.6, '1.00k'],
      [1000, '1.00k'],
      [9996, '10.0k'],
      [99_960, '100k'],
    ] as const),
    ...([
      [999_499, '999k'],
      [999_500, '1.00M'],
      [1.5e9, '1.50G'],
    ] as const),
  ].map(([value, text]) => [value, text]);
  for (const [value, text] of cases) assert.equal(shortNumber(value), text);
});

test('a sparkline ends at the right, shows something of the least, and nothing of nothing', () => {
  assert.equal(sparkline([0, 1, 1000], 5, true), '   ▁█');
  assert.equal(sparkline([1, 2, 3, 4], 2, true), '▆█');
  assert.equal(sparkline([0, 4, 8], 3, false), ' =@');
  assert.equal(sparkline([], 3, true), '   ');
});
