/** How the page is used: by the keyboard, by eye and ear, with a token, and when the daemon goes. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { sameCounters } from './page-contents.js';
import { inner, PATIENCE_MS, type Parts, PORT, shows, URL_OF_PAGE } from './page-lab.js';
import { eventually, pingAll } from './support.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const TOKEN = 'a-token-of-this-test-alone';
/** What the keyboard has to reach: everything that can be pressed, typed into or scrolled. */
const REACHABLE = 'a[href], button, input, select, summary, [tabindex="0"]';

export async function keyboard({ page }: Parts): Promise<void> {
  // Marks stay: tables change in place.
  const wanted = (await page.evaluate(`(() => {
    const all = [...document.querySelectorAll(${JSON.stringify(REACHABLE)})].filter((each) => each.checkVisibility());
    for (const [index, each] of all.entries()) each.dataset.stop = String(index);
    document.activeElement.blur();
    return all.map((each) => each.outerHTML.slice(0, 80));
  })()`)) as string[];
  assert.ok(wanted.length > 20, `${wanted.length} places`);
  const reached = new Set<number>();
  for (let presses = 0; presses < wanted.length + 20; presses++) {
    await page.keyboard.press('Tab');
    const at = (await page.evaluate(`(() => {
      const { dataset: { stop }, outerHTML } = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return { stop, html: outerHTML.slice(0, 80), isSeen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
    })()`)) as { stop?: string; html: string; isSeen: boolean };
    if (at.stop === undefined) continue;
    assert.ok(at.isSeen, `no outline: ${at.html}`);
    reached.add(Number(at.stop));
  }
  assert.deepEqual(
    wanted.filter((_, index) => !reached.has(index)),
    [],
  );
  // The first stop leads past the head of the page.
  await page.evaluate('document.activeElement.blur(); window.scrollTo(0, 0)');
  await page.reload();
  await shows(page, '#connection', /^Live$/);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate('document.activeElement.className'), 'skip');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate('document.activeElement.id'), 'content');
}

export async function colours({ page }: Parts): Promise<void> {
  const seen = async () => ({
    ground: await page.evaluate('getComputedStyle(document.body).backgroundColor'),
    line: await page.locator('[data-chart=frames] .legend path').first().getAttribute('stroke'),
  });
  const light = await seen();
  await page.emulateMedia({ colorScheme: 'dark' });
  await eventually('the charts are drawn anew', async () => (await seen()).line !== light.line, PATIENCE_MS);
  assert.deepEqual([light.ground, (await seen()).ground], ['rgb(243, 245, 248)', 'rgb(14, 18, 24)']);
  await page.emulateMedia({ colorScheme: 'light' });
}

interface AxeResult {
  readonly violations: { readonly id: string; readonly nodes: { readonly html: string }[] }[];
}

/** What is wrong with the page for those who cannot see, or hold a mouse, by the rules of axe. */
async function violationsOf(page: Page): Promise<string[]> {
  const { violations } = (await page.evaluate('axe.run(document)')) as AxeResult;
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

/** `axe` is no file of the page, which its policy would refuse. */
async function withAxe(browser: Browser, look: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext({ bypassCSP: true, viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(URL_OF_PAGE);
  await page.addScriptTag({ path: AXE });
  await look(page);
  await context.close();
}

export async function accessible({ browser }: Parts): Promise<void> {
  await withAxe(browser, async (page) => {
    await shows(page, '#connection', /^Live$/);
    await shows(page, '#events-table', /overlay created/);
    await page.locator('[data-chart=frames] summary').click();
    for (const [colorScheme, width] of [
      ['light', 1440],
      ['dark', 1440],
      ['dark', 390],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      // The page hears of it before it is drawn.
      await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
      assert.deepEqual(await violationsOf(page), [], `${colorScheme}, ${width} wide`);
      assert.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= width, `wider than ${width}`);
    }
  });
}

export async function restart(parts: Parts): Promise<void> {
  const { page, one } = parts;
  await one.stopDaemon();
  await shows(page, '#connection', /^No answer since \d\d:\d\d:\d\d; trying again$/);
  assert.equal(await page.locator('body[data-stale]').count(), 1);
  await one.startDaemon('--http', `127.0.0.1:${PORT}`);
  await shows(page, '#connection', /^Live$/);
  assert.equal(await page.locator('body[data-stale]').count(), 0);
  await shows(page, '#events-text', /^Some events in between are not kept any more\.$/);
  await one.vxlane('create-vnic', '-l', 'green0', '-m', '02:00:00:00:08:78', '-t', 'late1');
  await shows(page, '#events-table', /vnic created *vnic late1/);
  await pingAll(one, inner(2));
  await sameCounters(parts);
}

export async function login({ page, one, lab, browser }: Parts): Promise<void> {
  const file = join(lab.dir, 'token');
  writeFileSync(file, TOKEN, { mode: 0o600 });
  await one.stopDaemon();
  await one.startDaemon('--http', `127.0.0.1:${PORT}`, '--http-token-file', file);
  await eventually('the form is there', () => page.locator('#login').isVisible(), PATIENCE_MS);
  assert.ok(await page.locator('#content').isHidden());
  assert.equal(await page.evaluate('document.activeElement.id'), 'token');
  await page.keyboard.type('another-token-that-is-wrong');
  await page.keyboard.press('Enter');
  await shows(page, '#login-refusal', /^That is not the token of this daemon\.$/);
  await page.fill('#token', TOKEN);
  await page.keyboard.press('Enter');
  await shows(page, '#connection', /^Live$/);
  assert.ok(await page.locator('#login').isHidden());
  await shows(page, '#events-table', /daemon started/);
  await one.vxlane('create-vnic', '-l', 'green0', '-m', '02:00:00:00:08:79', '-t', 'late2');
  await shows(page, '#events-table', /vnic created *vnic late2/);
  assert.doesNotMatch(page.url(), new RegExp(TOKEN));
  await page.reload();
  await shows(page, '#connection', /^Live$/);
  await page.getByRole('button', { name: 'Forget token' }).click();
  await eventually('the form is there again', () => page.locator('#login').isVisible(), PATIENCE_MS);
  assert.equal(await page.evaluate('sessionStorage.length'), 0);
  await withAxe(browser, async (other) => {
    await eventually('the form is there for others', () => other.locator('#login').isVisible(), PATIENCE_MS);
    assert.deepEqual(await violationsOf(other), []);
  });
}
