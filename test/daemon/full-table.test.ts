/** A forwarding table that is full of what must not be evicted. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { needsRoot } from '../support/root.js';
import { Fixture, OTHER_MAC } from './fixture.js';
import { startDaemon } from './running.js';

const FDB_SIZE = 16;

describe('a table full of static targets', { skip: needsRoot() }, () => {
  it('refuses one more, and a VNIC, and leaves nothing of them', async () => {
    const fixture = new Fixture();
    fixture.running = await startDaemon(fixture.directory.path, FDB_SIZE);
    const { daemon } = fixture;
    try {
      await daemon.createOverlay(fixture.overlay());
      for (let n = 0; n < FDB_SIZE; n++) {
        await daemon.setTarget('overlay0', `02:00:00:00:00:${n.toString(16)}`, { destination: 'drop' });
      }
      const before = fixture.leftBehind();
      await assert.rejects(daemon.setTarget('overlay0', OTHER_MAC, { destination: 'drop' }), { code: 'fdb_full' });
      await assert.rejects(daemon.createVnic(fixture.vnic()), { code: 'fdb_full' });
      assert.deepEqual(fixture.leftBehind(), before);
      assert.equal(daemon.targets('overlay0').length, FDB_SIZE);

      await daemon.deleteTarget('overlay0', '02:00:00:00:00:0');
      const { state } = await daemon.createVnic(fixture.vnic());
      assert.equal(state, 'up');
    } finally {
      for (const { name } of daemon.vnics()) await daemon.deleteVnic(name);
      await fixture.end();
    }
  });
});
