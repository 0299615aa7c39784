// A VNIC for which the FDB has no room is refused by the datapath itself, which is then as it was.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Datapath } from '../../src/datapath/datapath.js';
import type { VnicConfig } from '../../src/datapath/types.js';
import { openUnderlay } from '../../src/system/udp.js';
import { OVERLAY } from '../support/core.js';
import { ENGINE } from '../support/engine.js';
import { PLAIN_UDP } from '../support/udp.js';

const FDB_SIZE = 16;
const macOf = (n: number): string => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;

test('a VNIC whose MAC finds no room in the FDB is refused, and nothing of it stays', async () => {
  const log = { info() {}, warn() {}, error: (message: string) => assert.fail(message) };
  const datapath = await Datapath.start({ fdbSize: FDB_SIZE, workers: 1, busyPollUs: 0, engine: ENGINE, log });
  const udp = openUnderlay({ listen: { ip: '127.0.0.1', port: 0 }, ...PLAIN_UDP });
  try {
    const overlay = datapath.addOverlay({ ...OVERLAY, socket: datapath.addSocket(udp) });
    const vnic = (n: number): VnicConfig => ({ overlay, fds: [], mac: macOf(n), allowAnyMac: true });
    const first = datapath.addVnic(vnic(0));
    for (let n = 1; n < FDB_SIZE; n++) {
      datapath.fdbPut(overlay, macOf(n), { kind: 'drop', reason: 'drop_entry' }, { isStatic: true });
    }
    const before = datapath.fdbPage(overlay, null, 2 * FDB_SIZE);
    for (let round = 0; round < 2000; round++) {
      assert.throws(() => datapath.addVnic(vnic(100)), { code: 'fdb_full' }); // more often than there are indexes
    }
    assert.deepEqual(datapath.fdbPage(overlay, null, 2 * FDB_SIZE), before);
    datapath.fdbRemove(overlay, macOf(1));
    const second = datapath.addVnic(vnic(100));
    assert.notEqual(second, first);
    assert.deepEqual(datapath.fdbGet(overlay, macOf(100))?.target, { kind: 'local', vnic: second });
  } finally {
    await datapath.close();
    udp.close();
  }
});
