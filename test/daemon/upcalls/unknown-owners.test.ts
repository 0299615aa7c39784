/** Requests of VNICs for addresses that the plugin knows no owner of. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipBytes } from '../../../src/address.js';
import { arpAnnouncement } from '../../../src/proxy/arp.js';
import { unsolicitedAdvertisement } from '../../../src/proxy/ndp.js';
import { harness, OWN_MAC, proxyRecord, settled } from '../harness.js';

/** Of OWN_MAC at 10.55.55.2 for 10.55.55.3. */
function arpRequest(): Uint8Array {
  const frame = arpAnnouncement('10.55.55.2', OWN_MAC);
  frame.set(ipBytes('10.55.55.3'), 14 + 24);
  return frame;
}

/** Of OWN_MAC at fe80::3 for fe80::4: the proxy reads addresses alone. */
function solicitation(): Uint8Array {
  const frame = unsolicitedAdvertisement('fe80::4', OWN_MAC, { router: false });
  frame.set(ipBytes('fe80::3'), 14 + 8);
  return frame;
}

describe('requests for addresses without a known owner', () => {
  for (const [kind, frame, reason] of [
    ['arp', arpRequest, 'arp_unknown'],
    ['ndp', solicitation, 'ndp_unknown'],
  ] as const) {
    it(`${kind}: are flooded where the plugin wants that, else dropped; the asker's address is heard`, async () => {
      for (const floodsUnknownOwners of [true, false]) {
        const h = await harness({ [kind]: () => null }, { floodsUnknownOwners });
        h.upcalls.handle(proxyRecord(kind, frame()));
        await settled();
        const ends = [h.datapath.answered, ...h.datapath.drops.map((drop) => drop.reason)];
        assert.deepEqual(ends, floodsUnknownOwners ? [1] : [0, reason]);
        assert.equal(h.datapath.flooded.length, floodsUnknownOwners ? 1 : 0);
        assert.deepEqual(h.heard, [`${OWN_MAC} ${kind === 'arp' ? '10.55.55.2' : 'fe80::3'}`]);
      }
    });
  }

  it('arp: in the name of another MAC than the frame comes from say nothing of that one', async () => {
    const h = await harness({ arp: () => null });
    h.upcalls.handle(proxyRecord('arp', arpRequest(), 'de:ad:be:ef:00:66'));
    await settled();
    assert.deepEqual(h.heard, []);
  });
});
