/** A search plugin that says that it floods elsewhere is asked where to. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture, MAC } from '../fixture.js';

/** Says so at each lookup, and while it is asked: it will never be done. Its sources cannot be read anew. */
const RESTLESS = `
  export default { name: 'restless', mode: 'dynamic', properties: [],
    create: (context) => {
      let asked = 0;
      return {
        start() {}, stop() {},
        reload() { throw new Error('the source is gone'); },
        lookup() { context.floodChanged(); return { target: { ip: '127.0.0.9', port: 10_000 + asked } }; },
        flood() {
          if (asked++ > 0) context.floodChanged();
          return { endpoints: [], unknown: false };
        },
      };
    } };`;

describe('a search plugin that floods elsewhere without end', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  it('is asked at a pace, and is no better for it when it could not read its sources anew', async () => {
    const { daemon, directory } = fixture();
    const path = join(directory.path, 'restless.mjs');
    writeFileSync(path, RESTLESS);
    await daemon.createOverlay(fixture().module(path, { 'plugin-isolation': 'thread' }));
    await daemon.reload();
    const failed = /search plugin restless: reload: the source is gone/;
    assert.match(daemon.overlay('overlay0').details, failed);
    /** How often it has been asked. */
    let mac = 0x10;
    const asked = async () => {
      const { destination } = await daemon.lookup('overlay0', MAC.replace(/..$/, (mac++).toString(16)));
      return Number(destination.replace(/.*:/, '')) - 10_000;
    };
    await asked();
    await until(async () => (await asked()) > 3);
    assert.match(daemon.overlay('overlay0').details, failed);
    const [before, since] = [await asked(), performance.now()];
    await sleep(1000);
    const questions = (await asked()) - before;
    const most = (performance.now() - since) / 100 + 2;
    assert.ok(questions <= most, `${questions} questions, ${most} at the most`);
  });
});
