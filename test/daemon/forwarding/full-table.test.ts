/** A forwarding table that is full of what must not be evicted. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { macFromNumber } from '../../../src/address.js';
import { WATCH_EVERY_MS } from '../../../src/daemon/clockwork.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { Fixture, OTHER_MAC } from '../fixture.js';
import { startDaemon } from '../running.js';

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
      assert.equal(daemon.targets('overlay0').targets.length, FDB_SIZE);

      await daemon.deleteTarget('overlay0', '02:00:00:00:00:0');
      const { state } = await daemon.createVnic(fixture.vnic());
      assert.equal(state, 'up');
    } finally {
      for (const { name } of daemon.vnics()) await daemon.deleteVnic(name);
      await fixture.end();
    }
  });

  it('after a restart with a smaller one: the overlay is DEGRADED until the lost targets have room', async () => {
    const fixture = new Fixture();
    fixture.running = await startDaemon(fixture.directory.path, FDB_SIZE * 2);
    try {
      await fixture.daemon.createOverlay(fixture.overlay());
      for (let n = 0; n < FDB_SIZE + 1; n++) {
        await fixture.daemon.setTarget('overlay0', macFromNumber(0x02_00_00_00_00_00 + n), { destination: 'drop' });
      }
      await fixture.running.stop();
      fixture.running = await startDaemon(fixture.directory.path, FDB_SIZE);
      const { log, daemon } = fixture.running;
      assert.equal(log.lines.filter((line) => line === 'warn a static target is not in effect').length, 1);
      assert.match(daemon.overlay('overlay0').details, /^static targets not in effect: 1: .* full of static targets/);
      await daemon.deleteTarget('overlay0', '02:00:00:00:00:00');
      fixture.running.pass(WATCH_EVERY_MS);
      await until(() => daemon.overlay('overlay0').status === 'ONLINE');
      const { verdict, source } = await daemon.lookup('overlay0', macFromNumber(0x02_00_00_00_00_00 + FDB_SIZE));
      assert.deepEqual({ verdict, source }, { verdict: 'drop', source: 'static' });
    } finally {
      await fixture.end();
    }
  });
});
