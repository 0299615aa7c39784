import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Targets } from '../../../src/daemon/forwarding/targets.js';
import { LISTEN, MAC, PEER } from '../harness.js';
import { OVERLAY, RecordingDatapath } from '../recording-datapath.js';

function targetsOver(fdb: RecordingDatapath, options: { fdbSize?: number; anyMacVnic?: () => number | null } = {}) {
  return new Targets({
    fdb,
    overlay: OVERLAY,
    fdbSize: options.fdbSize ?? 16,
    isOwn: ({ ip }) => ip === LISTEN.ip,
    anyMacVnic: options.anyMacVnic ?? (() => null),
    nowMs: 0,
  });
}

const macOf = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;

describe('targets', () => {
  it('of the own endpoint follow the any-mac VNIC as it comes and goes', () => {
    const fdb = new RecordingDatapath();
    let vnic: number | null = null;
    const targets = targetsOver(fdb, { anyMacVnic: () => vnic });
    targets.put(MAC, LISTEN, 0);
    targets.putStatic(macOf(1), LISTEN, 0);
    targets.put(macOf(2), PEER, 0);
    assert.deepEqual(fdb.fdb.get(MAC)?.target, { kind: 'drop', reason: 'no_local_port' });
    vnic = 3;
    targets.redirectOwn();
    assert.deepEqual(fdb.fdb.get(MAC)?.target, { kind: 'local', vnic: 3 });
    assert.deepEqual(fdb.fdb.get(macOf(1)), {
      mac: macOf(1),
      target: { kind: 'local', vnic: 3 },
      isStatic: true,
      isLearned: false,
      heardAtMs: null,
      usedAtMs: null,
    });
    vnic = null;
    targets.redirectOwn();
    assert.deepEqual(fdb.fdb.get(MAC)?.target, { kind: 'drop', reason: 'no_local_port' });
    assert.deepEqual(fdb.fdb.get(macOf(2))?.target, { kind: 'remote', endpoint: PEER });
    fdb.fdb.delete(MAC);
    targets.redirectOwn();
    assert.equal(fdb.fdb.has(MAC), false, 'what was evicted stays out');
  });

  it('that the table has no room for are not remembered', () => {
    const fdb = new RecordingDatapath();
    fdb.capacity = 0;
    const targets = targetsOver(fdb);
    assert.equal(targets.putStatic(MAC, PEER, 0), false);
    assert.equal(targets.put(MAC, PEER, 0, 1000), false);
    assert.equal(targets.decision(MAC), undefined);
    targets.tick(10_000);
  });

  it('that the table has evicted do not pile up', () => {
    const fdb = new RecordingDatapath();
    const targets = targetsOver(fdb, { fdbSize: 4 });
    for (let n = 0; n < 200; n++) {
      targets.put(macOf(n), PEER, n);
      if (n >= 4) fdb.fdb.delete(macOf(n - 4)); // as the table does when it is full
    }
    const known = Array.from({ length: 200 }, (_, n) => targets.decision(macOf(n))).filter(
      (each) => each !== undefined,
    );
    assert(known.length <= 8, `${known.length} decisions for a table of 4`);
    assert.equal(targets.decision(macOf(199))?.atMs, 199);
  });

  it('that were refused can be told apart', () => {
    const fdb = new RecordingDatapath();
    const targets = targetsOver(fdb);
    targets.put(macOf(1), 'no_such_mac', 0, 60_000);
    targets.put(macOf(2), 'lookup_failed', 0, 60_000);
    targets.put(macOf(3), 'drop', 0);
    targets.put(macOf(4), PEER, 0);
    assert.deepEqual(targets.refused(), [macOf(1), macOf(2)]);
  });
});
