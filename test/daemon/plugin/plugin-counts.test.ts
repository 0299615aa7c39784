/** What the statistics say of a search plugin: every question is counted, and how it ended. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LOOKUP_DEADLINE_MS } from '../../../src/search/host/host.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { Fixture } from '../fixture.js';

const PLUGIN = `
  export default { name: 'moody', mode: 'dynamic', properties: [],
    create: () => ({ start() {}, stop() {},
      lookup({ mac }) {
        if (mac.endsWith('ff')) throw new Error('not that one');
        return mac.endsWith('ee') ? new Promise(() => {}) : null;
      } }) };`;

describe('the counts of a search plugin', { skip: needsRoot() }, () => {
  it('are questions, faults, timeouts and deaths of all instances', async () => {
    const fixture = new Fixture();
    await fixture.start();
    const { daemon, running, directory } = fixture;
    const path = join(directory.path, 'moody.js');
    writeFileSync(path, PLUGIN);
    const counts = () => daemon.stats({ overlay: ['overlay0'] }).overlays[0]!.plugin;
    try {
      const { 'files/config': _, ...properties } = fixture.overlay().properties;
      await daemon.createOverlay({ ...fixture.overlay(), search: path, properties });
      assert.deepEqual(counts(), { name: 'moody', questions: 0, faults: 0, timeouts: 0, deaths: 0 });
      await daemon.lookup('overlay0', '02:00:00:00:00:01');
      await daemon.lookup('overlay0', '02:00:00:00:00:ff');
      assert.deepEqual(counts(), { name: 'moody', questions: 2, faults: 1, timeouts: 0, deaths: 0 });

      const hanging = daemon.lookup('overlay0', '02:00:00:00:00:ee');
      running.pass(LOOKUP_DEADLINE_MS);
      await hanging;
      assert.deepEqual(counts(), { name: 'moody', questions: 3, faults: 2, timeouts: 1, deaths: 0 });

      await daemon.lookup('overlay0', '02:00:00:00:01:ff');
      assert.deepEqual(counts(), { name: 'moody', questions: 4, faults: 3, timeouts: 1, deaths: 1 });
      await until(() => daemon.overlay('overlay0').status === 'ONLINE');
      await daemon.lookup('overlay0', '02:00:00:00:00:02');
      assert.equal(counts().questions, 5, 'the next instance goes on counting');
    } finally {
      for (const { name } of daemon.overlays()) await daemon.deleteOverlay(name);
      await fixture.end();
    }
  });

  it('are those of the plugin that serves: what a candidate did that was refused is not booked', async () => {
    const fixture = new Fixture();
    await fixture.start();
    const { daemon, directory } = fixture;
    const path = join(directory.path, 'moody.js');
    writeFileSync(path, PLUGIN);
    const candidate = join(directory.path, 'candidate.js');
    writeFileSync(candidate, PLUGIN.replace('start() {}', 'start() { process.exit(3); }'));
    const counts = () => daemon.stats({ overlay: ['overlay0'] }).overlays[0]!.plugin;
    try {
      const { 'files/config': _, ...properties } = fixture.overlay().properties;
      await daemon.createOverlay({ ...fixture.overlay(), search: path, properties });
      await daemon.lookup('overlay0', '02:00:00:00:00:ff');
      const before = { name: 'moody', questions: 1, faults: 1, timeouts: 0, deaths: 0 };
      assert.deepEqual(counts(), before);
      await assert.rejects(daemon.modifyOverlay('overlay0', { search: candidate }), /exited|ended|exit/);
      assert.deepEqual(counts(), before);

      writeFileSync(candidate, PLUGIN);
      await daemon.modifyOverlay('overlay0', { search: candidate });
      assert.equal(counts().faults, 1, 'what the one before it did stays');
    } finally {
      for (const { name } of daemon.overlays()) await daemon.deleteOverlay(name);
      await fixture.end();
    }
  });
});
