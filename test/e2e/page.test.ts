/** The page in a real browser, beside a daemon that carries frames: what it shows is what the daemon says. */
import assert from 'node:assert/strict';
import { charts, counters, events, hostile, map, targets, trace } from './page-contents.js';
import { browserOn, complaintsOf, inner, PATIENCE_MS, pageLab, shows, URL_OF_PAGE } from './page-lab.js';
import { accessible, colours, keyboard, login, restart } from './page-use.js';
import { labTest, pingAll } from './support.js';

labTest('the page shows what the daemon says', async ({ lab, step, note }) => {
  const { hosts, startFirst } = await pageLab(lab);
  const [one] = hosts;
  await startFirst();
  await pingAll(one, inner(2));
  await pingAll(one, inner(3));
  const browser = await browserOn(lab, one);
  try {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const complaints = complaintsOf(page);
    const asked: string[] = [];
    page.on('request', (request) => void asked.push(request.url()));
    await page.goto(URL_OF_PAGE);
    await shows(page, '#connection', /^Live$/);
    const parts = { page, one, lab, browser };
    await step('counters are those of show-stats', () => counters(parts));
    await step('the map has an edge for each peer, with its rate, and with its loss', () => map(parts));
    await step('charts are of the history of the daemon, also in words and as a table', () => charts(parts));
    await step('targets are found by parts of a MAC in any spelling', () => targets(parts));
    await step('an event appears as it happens', () => events(parts));
    await step('the trace of a frame ends as `vxlane trace` says', () => trace(parts));
    await step('what plugins and paths say stays text', () => hostile(parts));
    await step('the keyboard reaches everything, and one sees where it is', () => keyboard(parts));
    await step('it has the colours that the desktop wants', () => colours(parts));
    await step('axe finds nothing, light or dark, wide or narrow', () => accessible(parts));
    await step('a daemon that is away is told of, and one that comes back is shown', () => restart(parts));
    await step('where a token is asked for, nothing is shown without it', () => login(parts));
    assert.deepEqual(complaints, []);
    assert.deepEqual(
      asked.filter((url) => !url.startsWith(URL_OF_PAGE)),
      [],
    );
    note(`${new Set(asked.filter((url) => !url.includes('/v1/'))).size} files`);
  } finally {
    await browser.close();
  }
});
