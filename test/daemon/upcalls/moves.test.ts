/** What moved here: the plugin is told, and frames end as they would if it did not want to know. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arpAnnouncement } from '../../../src/proxy/arp.js';
import { unsolicitedAdvertisement } from '../../../src/proxy/ndp.js';
import type { Move } from '../../../src/search/api.js';
import { harness, MAC, OWN_MAC, PEER, proxyRecord, settled } from '../harness.js';

describe('a plugin that hears of moves', () => {
  it('is told of gratuitous ARP and unsolicited advertisements, which nobody answers', async () => {
    const told: Move[] = [];
    const h = await harness({ moved: (move) => void told.push(move) });
    h.upcalls.handle(proxyRecord('announcement', arpAnnouncement('10.55.55.2', OWN_MAC)));
    const advertisement = unsolicitedAdvertisement('fe80::3', OWN_MAC, { router: false });
    h.upcalls.handle(proxyRecord('announcement', advertisement));
    await settled();
    assert.deepEqual(told, [
      { mac: OWN_MAC, ip: '10.55.55.2' },
      { mac: OWN_MAC, ip: 'fe80::3' },
    ]);
    assert.deepEqual(
      h.datapath.drops.map(({ reason }) => reason),
      ['arp_gratuitous', 'no_flood_list'],
    );
  });

  it('is told of them where they are flooded as well', async () => {
    const told: Move[] = [];
    const h = await harness({ moved: (move) => void told.push(move) }, { floodsUnknownOwners: true });
    h.upcalls.handle(proxyRecord('announcement', arpAnnouncement('10.55.55.2', OWN_MAC)));
    await settled();
    assert.deepEqual(
      [told.length, h.datapath.flooded.length, h.datapath.answered, h.datapath.drops.length],
      [1, 1, 1, 0],
    );
    assert.deepEqual(h.heard, [`${OWN_MAC} 10.55.55.2`]);
  });

  it('has a MAC elsewhere that a VNIC here has: that is heard of, and the VNIC keeps it', async () => {
    const h = await harness({});
    h.targets.putStatic(OWN_MAC, 'drop', 0);
    h.upcalls.put(OWN_MAC, PEER, undefined);
    assert.deepEqual(h.contested, [OWN_MAC]);
    assert.deepEqual(h.fdb(OWN_MAC), { kind: 'drop', reason: 'drop_entry' });
  });

  it('is told of a MAC that came here, and takes it back with its next word', async () => {
    const told: Move[] = [];
    const h = await harness({ moved: (move) => void told.push(move) });
    h.targets.put(MAC, PEER, 0);
    h.targets.learn(MAC, 'here', 0);
    h.upcalls.cameHere(MAC);
    await settled();
    assert.deepEqual(told, [{ mac: MAC, ip: null }]);
    h.upcalls.withdraw(MAC);
    assert.equal(h.targets.entry(MAC), null);
    h.targets.learn(MAC, PEER, 0);
    h.upcalls.withdraw(MAC);
    assert.notEqual(h.targets.entry(MAC), null, 'what was learned of a VTEP stays');
  });
});
