import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../../../src/search/api.js';
import { deferred, dropped, harness, MAC, miss, PEER, remote, settled } from '../harness.js';

const failures = {
  throws: () => {
    throw new Error('no table');
  },
  rejects: async () => {
    throw new Error('no table');
  },
} as const;

describe('a lookup that fails', () => {
  for (const [how, lookup] of Object.entries(failures)) {
    it(`${how}: lookup_failed for a second, and the overlay says why`, async () => {
      const { upcalls, fdb, health, pass } = await harness({ lookup });
      upcalls.handle(miss(MAC));
      await settled();
      assert.deepEqual(fdb(MAC), dropped('lookup_failed'));
      assert.equal(health.details, `search plugin small: lookup of ${MAC}: no table`);
      await pass(1200);
      assert.equal(fdb(MAC), undefined);
      assert.equal(health.status, 'DEGRADED');
    });
  }

  it('is forgiven when a later one succeeds', async () => {
    let isBroken = true;
    const { upcalls, health, pass } = await harness({
      lookup() {
        if (isBroken) throw new Error('no table');
        return null;
      },
    });
    upcalls.handle(miss(MAC));
    await pass(1200);
    isBroken = false;
    upcalls.handle(miss(MAC));
    await settled();
    assert.equal(health.status, 'ONLINE');
  });

  it('does not forgive what the plugin itself has said', async () => {
    const { upcalls, context, health } = await harness({ lookup: () => null });
    context.degrade('the table is old');
    upcalls.handle(miss(MAC));
    await settled();
    assert.equal(health.details, 'the table is old');
    context.restore();
    assert.equal(health.status, 'ONLINE');
  });

  it('hangs: nothing is decided, the overlay says so at the deadline, and the next upcall asks again', async () => {
    let asked = 0;
    const { upcalls, fdb, health, pass } = await harness({
      lookup() {
        asked++;
        return new Promise<null>(() => {});
      },
    });
    upcalls.handle(miss(MAC));
    await pass(2900);
    assert.equal(health.status, 'ONLINE');
    await pass(100);
    assert.equal(health.details, `search plugin small: lookup of ${MAC}: no answer within 3 s`);
    assert.equal(fdb(MAC), undefined);
    upcalls.handle(miss(MAC));
    await settled();
    assert.equal(asked, 2);
  });

  it('hangs while the datapath already waits anew: asked again for those frames', async () => {
    let asked = 0;
    const { upcalls, fdb, pass } = await harness({
      lookup: () => (++asked === 1 ? new Promise<null>(() => {}) : { target: PEER }),
    });
    upcalls.handle(miss(MAC));
    await pass(2990);
    upcalls.handle(miss(MAC));
    await pass(10);
    assert.equal(asked, 2);
    assert.deepEqual(fdb(MAC), remote(PEER));
  });

  it('answers after the deadline: ignored', async () => {
    const answer = deferred<Answer | null>();
    const { upcalls, fdb, pass } = await harness({ lookup: () => answer.promise });
    upcalls.handle(miss(MAC));
    await pass(3000);
    answer.resolve({ target: PEER });
    await settled();
    assert.equal(fdb(MAC), undefined);
  });

  it('costs nothing of a destination that is known', async () => {
    const { upcalls, context, fdb } = await harness({ lookup: failures.throws });
    context.put(MAC, PEER);
    upcalls.handle(miss('de:ad:be:ef:00:99'));
    await settled();
    assert.deepEqual(fdb(MAC), remote(PEER));
  });

  it('for want of a running plugin: lookup_failed', async () => {
    const { upcalls, fdb, health } = await harness({}, { hasPlugin: false });
    upcalls.handle(miss(MAC));
    await settled();
    assert.deepEqual(fdb(MAC), dropped('lookup_failed'));
    assert.equal(health.status, 'ONLINE', 'why it is not running is said where it is started');
  });
});
