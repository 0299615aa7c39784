/** A search plugin that ends and is started again. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture, MAC } from '../fixture.js';

/** Its start takes the time of many ticks. */
const SLOW = `
  import { setTimeout } from 'node:timers/promises';
  export default { name: 'slow', mode: 'dynamic', properties: [],
    create: () => ({ start: () => setTimeout(300), stop() {}, lookup: () => process.exit(1) }) };`;

/** Starts once. */
const ONCE = `
  import { existsSync, writeFileSync } from 'node:fs';
  const at = (name) => new URL('./' + name, import.meta.url);
  export default { name: 'once', mode: 'dynamic', properties: [], create: () => ({
    start() {
      const isFirst = !existsSync(at('first'));
      writeFileSync(at(isFirst ? 'first' : 'second'), '');
      return isFirst ? undefined : new Promise(() => setInterval(() => {}, 1000));
    }, stop() {}, lookup: () => process.exit(1) }) };`;

describe('a search plugin that ends', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  it('is started once, however long that takes, and the log says once that the overlay is up', async () => {
    const { daemon, directory, running } = fixture();
    const path = join(directory.path, 'slow.mjs');
    writeFileSync(path, SLOW);
    await daemon.createOverlay(fixture().module(path));
    const before = running.log.lines.length;
    await daemon.lookup('overlay0', MAC);
    await until(() => daemon.overlay('overlay0').status !== 'ONLINE');
    await until(() => daemon.overlay('overlay0').status === 'ONLINE');
    const told = running.log.lines.splice(before).map((line) => line.replace(/ \{.*/, ''));
    assert.deepEqual(
      told.filter((line) => line !== 'warn overlay is DEGRADED' && line !== 'info overlay is ONLINE again'),
      ['error search plugin ended', 'info search plugin serves', 'info overlay is up'],
    );
  });

  it('and does not come back keeps a reload waiting for ten seconds, not for as long as it takes', async () => {
    const { daemon, directory, running } = fixture();
    const path = join(directory.path, 'once.mjs');
    writeFileSync(path, ONCE); // it writes, which a process may not
    await daemon.createOverlay(fixture().module(path, { 'plugin-isolation': 'thread' }));
    await daemon.lookup('overlay0', MAC);
    await until(() => daemon.overlay('overlay0').status !== 'ONLINE');
    const reloaded = daemon.reload();
    await until(() => existsSync(join(directory.path, 'second')));
    running.pass(10_000);
    const { overlays } = await reloaded;
    assert.equal(overlays[0]?.status, 'DEGRADED');
    assert(running.log.lines.includes('warn search plugins are still starting'));
    running.log.lines.splice(0);
  });
});
