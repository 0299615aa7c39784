// Pages of the FDB are in the order in which people read MACs, whatever order its keys have in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { macFromNumber } from '../../src/address.js';
import { Datapath } from '../../src/datapath/datapath.js';
import { openUnderlay } from '../../src/system/udp.js';
import { OVERLAY } from '../support/core.js';
import { ENGINE } from '../support/engine.js';
import { PLAIN_UDP } from '../support/udp.js';

const DROP = { kind: 'drop', reason: 'drop_entry' } as const;
/** Of one host: no frame comes from a group, and the FDB has no entries for them. */
const MAC_MAX = 0xfeff_ffff_ffff;
const GROUP_BIT = 2 ** 40;

test('a walk over pages meets every MAC of its overlay once, in the order of their text', async () => {
  const log = { info() {}, warn() {}, error: (message: string) => assert.fail(message) };
  const datapath = await Datapath.start({ fdbSize: 256, workers: 1, busyPollUs: 0, engine: ENGINE, log });
  const udp = openUnderlay({ listen: { ip: '127.0.0.1', port: 0 }, ...PLAIN_UDP });
  try {
    const socket = datapath.addSocket(udp);
    const [overlay, other] = [23, 24].map((vni) => datapath.addOverlay({ ...OVERLAY, vni, socket })) as [
      number,
      number,
    ];
    for (const mac of ['00:00:00:00:00:00', '02:00:00:00:00:09']) datapath.fdbPut(other, mac, DROP);
    const macs = fc.uniqueArray(
      fc.oneof(
        fc.nat({ max: 300 }),
        fc
          .maxSafeNat()
          .map((value) => value % MAC_MAX)
          .map((value) => value - (Math.floor(value / GROUP_BIT) % 2) * GROUP_BIT),
        fc.constantFrom(0, MAC_MAX),
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(macs, fc.integer({ min: 1, max: 9 }), (numbers, limit) => {
        const put = numbers.map(macFromNumber);
        for (const mac of put) datapath.fdbPut(overlay, mac, DROP);
        const met: string[] = [];
        for (let page = datapath.fdbPage(overlay, null, limit); page.length > 0; ) {
          met.push(...page.map(({ mac }) => mac));
          page = datapath.fdbPage(overlay, met.at(-1)!, limit);
        }
        for (const mac of put) datapath.fdbRemove(overlay, mac);
        assert.deepEqual(met, put.toSorted());
      }),
    );
  } finally {
    await datapath.close();
    udp.close();
  }
});
