/** `vxlane bench e2e` as a user runs it: a real comparison, and the page it leaves in a real browser. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needsRoot } from '../support/root.js';

const VXLANE = fileURLToPath(new URL('../../src/main.js', import.meta.url));
/** Looks at what was drawn, in the page itself: which canvas has how many colours. */
const INSPECT = `<script type="module">
  await new Promise((resolve) => setTimeout(resolve, 500));
  const colours = [...document.querySelectorAll('canvas')].map((canvas) => {
    const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return new Set(pixels).size;
  });
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
  document.title = JSON.stringify({ colours, loaded });
</script>`;

describe('vxlane bench e2e', { skip: needsRoot() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'vxlane-bench-'));
  const bench = (...args: string[]): string =>
    execFileSync(process.execPath, [VXLANE, 'bench', 'e2e', '--runs', '1', '--time', '1000', ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
  let printed: string;
  before(() => {
    printed = bench('tcp1', 'ping');
  });
  after(() => rmSync(folder, { recursive: true }));

  const file = (extension: string) => join(folder, readdirSync(folder).find((name) => name.endsWith(extension))!);

  it('measures the kernel and vxlane in turns, and prints medians, ratios and bars', () => {
    assert.match(printed, /^ratio \(lowest … highest\) +vxlane \/ kernel vxlan$/m);
    for (const contender of ['kernel vxlan', 'vxlane'])
      assert.equal(printed.match(new RegExp(`^${contender} +█+.* \\d`, 'gm'))?.length, contender === 'vxlane' ? 4 : 3);
    const { turns } = JSON.parse(readFileSync(file('.json'), 'utf8')) as { turns: { contender: string }[] };
    assert.deepEqual(
      turns.map(({ contender }) => contender),
      ['kernel', 'vxlane'],
    );
  });

  it('leaves a page that draws a chart a metric and loads nothing', () => {
    const copy = join(folder, 'inspected.html');
    writeFileSync(copy, readFileSync(file('.html'), 'utf8') + INSPECT);
    const browser = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${join(folder, 'browser')}`];
    const dom = execFileSync('chromium', [...browser, '--virtual-time-budget=5000', '--dump-dom', `file://${copy}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 60_000,
    });
    const { colours, loaded } = JSON.parse(/<title>(.*)<\/title>/.exec(dom)?.[1] ?? '');
    assert.equal(colours.length, 4);
    for (const count of colours) assert(count > 4, `a canvas of ${count} colours: nothing was drawn`);
    assert.deepEqual(loaded, []);
  });

  it('--json prints the result alone, and leaves no file', () => {
    const before = readdirSync(folder);
    const result = JSON.parse(bench('--json', 'ping')) as { summary: { row: string; medians: object }[] };
    assert.deepEqual(
      result.summary.map(({ row, medians }) => [row, Object.keys(medians)]),
      [['ping', ['kernel', 'vxlane']]],
    );
    assert.deepEqual(readdirSync(folder), before);
  });
});
