/** Requests for addresses of hosts elsewhere that say so themselves: who is answered, and what is flooded anyway. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipBytes } from '../../../src/address.js';
import { arpAnnouncement, arpReply } from '../../../src/proxy/arp.js';
import { neighbourAdvertisement, unsolicitedAdvertisement } from '../../../src/proxy/ndp.js';
import { harness, MAC, OWN_MAC, PEER, proxyRecord, settled } from '../harness.js';
import { OVERLAY } from '../recording-datapath.js';

const AGEING = 60_000;
const [SENDER, TARGET] = ['10.55.55.2', '10.55.55.3'] as const;

function arpRequest(sender: string = SENDER): Uint8Array {
  const frame = arpAnnouncement(SENDER, OWN_MAC);
  frame.set(ipBytes(sender), 14 + 14);
  frame.set(ipBytes(TARGET), 14 + 24);
  return frame;
}

function solicitation(source: string): Uint8Array {
  const frame = unsolicitedAdvertisement('fe80::4', OWN_MAC, { router: false });
  frame.set(ipBytes(source), 14 + 8);
  return frame;
}

async function setUp() {
  const h = await harness({}, { floodsUnknownOwners: true, suppress: { ageing: AGEING, max: 100 } });
  h.targets.learn(MAC, PEER, 0);
  const hear = (mac: string, isRouter = false) => {
    const frames = [arpAnnouncement(TARGET, mac), unsolicitedAdvertisement('fe80::4', mac, { router: isRouter })];
    const from = { kind: 'address', overlay: OVERLAY, vnic: 0, sourceMac: mac, vlan: 0 } as const;
    for (const frame of frames) h.upcalls.heardElsewhere({ ...from, frame });
  };
  /** What became of a request: frames for its VNIC, on their way to one MAC, flooded. */
  const ask = async (kind: 'arp' | 'ndp' | 'announcement', frame: Uint8Array) => {
    const before = [h.datapath.delivered.length, h.datapath.encapped.length, h.datapath.flooded.length];
    h.upcalls.handle(proxyRecord(kind, frame));
    await settled();
    const after = [h.datapath.delivered.length, h.datapath.encapped.length, h.datapath.flooded.length];
    return after.map((count, index) => count - before[index]!);
  };
  return { h, hear, ask };
}

const [ANSWERED, BOTH, FLOODED] = [
  [1, 0, 0],
  [1, 0, 1],
  [0, 0, 1],
];
const OTHER = 'de:ad:be:ef:00:99';

describe('hosts elsewhere whose addresses are known', () => {
  it('are answered for, with the router flag', async () => {
    const { h, hear, ask } = await setUp();
    assert.deepEqual(await ask('arp', arpRequest()), FLOODED);
    hear(MAC, true);
    assert.deepEqual(await ask('arp', arpRequest()), BOTH);
    assert.deepEqual(h.datapath.delivered.at(-1)?.frame, arpReply(arpRequest(), MAC));
    assert.deepEqual(await ask('arp', arpRequest()), ANSWERED);
    assert.deepEqual(await ask('ndp', solicitation('fe80::3')), BOTH);
    const answer = neighbourAdvertisement(solicitation('fe80::3'), MAC, { router: true });
    assert.deepEqual(h.datapath.delivered.at(-1)?.frame, answer);
    assert.equal(h.upcalls.neighbourWith(TARGET), MAC);
  });

  it('say themselves whether an address is taken', async () => {
    const { hear, ask } = await setUp();
    hear(MAC);
    assert.deepEqual(await ask('arp', arpRequest('0.0.0.0')), FLOODED);
    assert.deepEqual(await ask('ndp', solicitation('::')), FLOODED);
  });

  it('are asked for everywhere before they are forgotten, and answered for no longer', async () => {
    const { h, hear, ask } = await setUp();
    hear(MAC);
    assert.deepEqual(await ask('arp', arpRequest()), BOTH);
    await h.pass(AGEING / 2);
    assert.deepEqual(await ask('arp', arpRequest()), BOTH);
    assert.deepEqual(h.datapath.flooded.at(-1)?.frame, arpRequest());
    assert.deepEqual(await ask('arp', arpRequest()), ANSWERED);
    await h.pass(AGEING / 2);
    assert.deepEqual(await ask('arp', arpRequest()), FLOODED);
  });

  it('are not answered for when their MAC is not known to be elsewhere, or a VNIC here has the address', async () => {
    const { h, hear, ask } = await setUp();
    hear(MAC);
    h.upcalls.forget(MAC);
    assert.deepEqual(await ask('arp', arpRequest()), FLOODED);
    h.targets.learn(MAC, PEER, 0);
    assert.deepEqual(await ask('arp', arpRequest()), BOTH);
    assert.deepEqual(await ask('announcement', arpAnnouncement(TARGET, OWN_MAC)), FLOODED);
    assert.deepEqual(await ask('arp', arpRequest()), FLOODED);
  });

  it('hear what is asked when another MAC claims their address, however often it does, and contest it', async () => {
    const { h, hear, ask } = await setUp();
    h.targets.learn(OTHER, PEER, 0);
    hear(MAC);
    await h.pass(AGEING);
    hear(OTHER);
    assert.deepEqual(await ask('arp', arpRequest()), BOTH, 'the owner hears the request');
    hear(MAC);
    hear(OTHER);
    await h.pass(AGEING / 2);
    hear(OTHER);
    assert.deepEqual(await ask('arp', arpRequest()), FLOODED);
    await h.pass(AGEING / 2);
    assert.deepEqual(await ask('arp', arpRequest()), BOTH, 'the owner hears this one, too');
    hear(MAC);
    assert.equal(h.upcalls.neighbourWith(TARGET), null);
  });

  it('and here are not believed for what is only traced, nor asked the less for what is only looked up', async () => {
    const { h, hear, ask } = await setUp();
    hear(MAC);
    const known = h.neighbours.size;
    for (const [kind, frame] of [
      ['arp', arpRequest('10.55.55.9')],
      ['ndp', solicitation('fe80::9')],
    ] as const) {
      const { reason, sent } = await h.upcalls.rehearse(proxyRecord(kind, frame));
      assert.deepEqual([reason, sent.map(({ how }) => how)], [null, ['flood', 'deliver']]);
    }
    assert.equal(h.upcalls.neighbourWith(TARGET), MAC);
    assert.deepEqual([h.heard, h.neighbours.size], [[], known]);
    assert.deepEqual([h.datapath.delivered, h.datapath.flooded], [[], []]);
    assert.deepEqual(await ask('arp', arpRequest()), BOTH);
  });
});
