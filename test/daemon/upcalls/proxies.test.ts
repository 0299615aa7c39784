import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipBytes } from '../../../src/address.js';
import { PROXY_QUESTIONS_MAX } from '../../../src/daemon/upcalls/proxies.js';
import { arpAnnouncement, arpReply } from '../../../src/proxy/arp.js';
import { writeMac } from '../../../src/proxy/bytes.js';
import { redirect } from '../../../src/proxy/dhcp.js';
import { neighbourAdvertisement, unsolicitedAdvertisement } from '../../../src/proxy/ndp.js';
import { withRouterMtu } from '../../../src/proxy/router-mtu.js';
import type { Owner } from '../../../src/search/api.js';
import { RA } from '../../proxy/frames.js';
import { deferred, type Harness, harness, MAC, OWN_MAC, PEER, proxyRecord, settled, silentLog } from '../harness.js';

const SECOND_MAC = 'de:ad:be:ef:00:05';
const IP = '10.55.55.3';

/** An ARP request of OWN_MAC for IP. */
function arpRequest(): Uint8Array {
  const frame = arpAnnouncement('10.55.55.2', OWN_MAC);
  frame.set(ipBytes(IP), 14 + 24);
  return frame;
}

/** A neighbour solicitation of fe80::3 for fe80::4: as much of one as the proxy reads. */
function solicitation(): Uint8Array {
  const frame = new Uint8Array(14 + 40 + 24);
  writeMac(frame, 0, '33:33:ff:00:00:04');
  writeMac(frame, 6, OWN_MAC);
  frame.set([0x86, 0xdd], 12);
  frame.set(ipBytes('fe80::3'), 14 + 8);
  frame.set(ipBytes('ff02::1:ff00:4'), 14 + 24);
  frame.set(ipBytes('fe80::4'), 14 + 40 + 8);
  return frame;
}

/** A DHCP message of the client OWN_MAC: as much of one as the proxy reads. */
function dhcp(client: string): Uint8Array {
  const frame = new Uint8Array(14 + 20 + 8 + 240);
  writeMac(frame, 0, 'ff:ff:ff:ff:ff:ff');
  writeMac(frame, 6, OWN_MAC);
  frame.set([0x08, 0x00, 0x45], 12);
  writeMac(frame, 14 + 20 + 8 + 28, client);
  return frame;
}

const owner = (mac: string, router?: boolean): Owner => (router === undefined ? { mac } : { mac, router });

function outcome({ datapath }: Harness) {
  const reasons = datapath.drops.map(({ reason }) => reason);
  assert.equal(datapath.answered + reasons.length, 1, 'exactly one answer or drop');
  return reasons[0] ?? 'answered';
}

describe('ARP', () => {
  it('is answered in the name of the owner', async () => {
    const asked: unknown[] = [];
    const h = await harness({
      arp(...question) {
        asked.push(question);
        return owner(MAC);
      },
    });
    h.upcalls.handle({ ...proxyRecord('arp', arpRequest()), vlan: 7 });
    await settled();
    assert.equal(outcome(h), 'answered');
    assert.deepEqual(asked, [[IP, 7]]);
    assert.deepEqual(h.datapath.delivered, [{ vnic: 1, frame: arpReply(arpRequest(), MAC) }]);
  });

  const silent: Record<string, { arp?: () => Owner | null; reason: string }> = {
    'of an unknown address': { arp: () => null, reason: 'arp_unknown' },
    'of a plugin that knows no addresses': { reason: 'arp_unknown' },
    'for an address of the asker': { arp: () => owner(OWN_MAC), reason: 'owner_answers' },
    'for an address of another VNIC here': { arp: () => owner(SECOND_MAC), reason: 'owner_answers' },
    'that fails': {
      arp() {
        throw new Error('broken');
      },
      reason: 'lookup_failed',
    },
    'answered with nonsense': { arp: () => owner('ff:ff:ff:ff:ff:ff'), reason: 'lookup_failed' },
  };
  for (const [what, { arp, reason }] of Object.entries(silent)) {
    it(`${what}: ${reason}, and nothing is sent`, async () => {
      const h = await harness(arp === undefined ? {} : { arp });
      h.vnics.set(2, { index: 2, mac: SECOND_MAC });
      h.upcalls.handle(proxyRecord('arp', arpRequest()));
      await settled();
      assert.equal(outcome(h), reason);
      assert.deepEqual(h.datapath.delivered, []);
    });
  }

  it('for an address behind the any-mac VNIC: owner_answers', async () => {
    const h = await harness({ arp: () => owner(MAC) });
    h.datapath.fdbPut(1, MAC, { kind: 'local', vnic: 1 });
    h.upcalls.handle(proxyRecord('arp', arpRequest()));
    await settled();
    assert.equal(outcome(h), 'owner_answers');
  });

  it('unanswered by the deadline: lookup_timeout, once, and the late answer goes nowhere', async () => {
    const answer = deferred<Owner | null>();
    const h = await harness({ arp: () => answer.promise });
    h.upcalls.handle(proxyRecord('arp', arpRequest()));
    await h.pass(3000);
    assert.equal(outcome(h), 'lookup_timeout');
    answer.resolve(owner(MAC));
    await settled();
    assert.equal(outcome(h), 'lookup_timeout');
    assert.deepEqual(h.datapath.delivered, []);
  });

  it('whose VNIC was replaced meanwhile: overlay_gone, and its successor hears nothing', async () => {
    const answer = deferred<Owner | null>();
    const h = await harness({ arp: () => answer.promise });
    h.upcalls.handle(proxyRecord('arp', arpRequest()));
    h.vnics.set(1, { index: 1, mac: SECOND_MAC });
    answer.resolve(owner(MAC));
    await settled();
    assert.equal(outcome(h), 'overlay_gone');
    assert.deepEqual(h.datapath.delivered, []);
  });

  it('whose overlay has gone meanwhile counts under no overlay', async () => {
    const answer = deferred<Owner | null>();
    const h = await harness({ arp: () => answer.promise });
    h.upcalls.handle(proxyRecord('arp', arpRequest()));
    h.upcalls.close();
    answer.resolve(owner(MAC));
    await settled();
    assert.deepEqual(h.datapath.drops, [{ overlay: 0, reason: 'overlay_gone' }]);
  });

  it('that the datapath has no room for: inject_ring_full', async () => {
    const h = await harness({ arp: () => owner(MAC) });
    h.datapath.hasRoom = false;
    h.upcalls.handle(proxyRecord('arp', arpRequest()));
    await settled();
    assert.equal(outcome(h), 'inject_ring_full');
  });

  it('beyond the questions that may be in flight: upcall_limited', async () => {
    const h = await harness({ arp: () => new Promise<null>(() => {}) });
    for (let i = 0; i <= PROXY_QUESTIONS_MAX; i++) h.upcalls.handle(proxyRecord('arp', arpRequest()));
    assert.equal(outcome(h), 'upcall_limited');
    await h.pass(3000);
    assert.equal(h.datapath.drops.length, PROXY_QUESTIONS_MAX + 1);
  });

  it('answered restores an overlay that a failed one degraded', async () => {
    let isBroken = true;
    const h = await harness({
      arp() {
        if (isBroken) throw new Error('broken');
        return null;
      },
    });
    h.upcalls.handle(proxyRecord('arp', arpRequest()));
    await settled();
    assert.equal(h.health.details, `search plugin small: arp of ${IP}: broken`);
    isBroken = false;
    h.upcalls.handle(proxyRecord('arp', arpRequest()));
    await settled();
    assert.equal(h.health.status, 'ONLINE');
  });
});

describe('neighbour solicitation', () => {
  for (const router of [undefined, false, true]) {
    it(`is answered in the name of the owner, router: ${router}`, async () => {
      const h = await harness({ ndp: (ip) => (ip === 'fe80::4' ? owner(MAC, router) : null) });
      h.upcalls.handle(proxyRecord('ndp', solicitation()));
      await settled();
      assert.equal(outcome(h), 'answered');
      const frame = neighbourAdvertisement(solicitation(), MAC, { router: router === true });
      assert.deepEqual(h.datapath.delivered, [{ vnic: 1, frame }]);
    });
  }

  it('for an unknown address: ndp_unknown', async () => {
    const h = await harness({ ndp: () => null });
    h.upcalls.handle(proxyRecord('ndp', solicitation()));
    await settled();
    assert.equal(outcome(h), 'ndp_unknown');
  });

  it('for an address of the asker: owner_answers', async () => {
    const h = await harness({ ndp: () => owner(OWN_MAC) });
    h.upcalls.handle(proxyRecord('ndp', solicitation()));
    await settled();
    assert.equal(outcome(h), 'owner_answers');
  });
});

describe('DHCP', () => {
  it('request goes to the server of the client as unicast', async () => {
    const h = await harness({ dhcp: (client) => (client === OWN_MAC ? MAC : null) });
    h.upcalls.handle(proxyRecord('dhcp_request', dhcp(OWN_MAC)));
    await settled();
    assert.equal(outcome(h), 'answered');
    assert.deepEqual(h.datapath.encapped, [{ vnic: 1, frame: redirect(dhcp(OWN_MAC), MAC) }]);
  });

  it('reply goes to the client in chaddr as unicast', async () => {
    const h = await harness({ dhcp: (client) => (client === MAC ? OWN_MAC : null) });
    h.upcalls.handle(proxyRecord('dhcp_reply', dhcp(MAC)));
    await settled();
    assert.equal(outcome(h), 'answered');
    assert.deepEqual(h.datapath.encapped, [{ vnic: 1, frame: redirect(dhcp(MAC), MAC) }]);
  });

  for (const kind of ['dhcp_request', 'dhcp_reply'] as const) {
    it(`${kind} of a client without a dhcp-proxy: dhcp_unknown`, async () => {
      const h = await harness({ dhcp: () => null });
      h.upcalls.handle(proxyRecord(kind, dhcp(MAC)));
      await settled();
      assert.equal(outcome(h), 'dhcp_unknown');
    });
  }

  it('to a server here, which the broadcast has reached: no second copy', async () => {
    const h = await harness({ dhcp: () => SECOND_MAC });
    h.vnics.set(2, { index: 2, mac: SECOND_MAC });
    h.upcalls.handle(proxyRecord('dhcp_request', dhcp(OWN_MAC)));
    await settled();
    assert.equal(outcome(h), 'owner_answers');
    assert.deepEqual(h.datapath.encapped, []);
  });
});

describe('an address that moves', () => {
  it('is announced to the VNICs here but the owner', async () => {
    const h = await harness({});
    h.vnics.set(2, { index: 2, mac: MAC });
    h.vnics.set(3, { index: 3, mac: SECOND_MAC });
    h.context.moved(IP, MAC);
    const frame = arpAnnouncement(IP, MAC);
    assert.deepEqual(h.datapath.delivered, [
      { vnic: 1, frame },
      { vnic: 3, frame },
    ]);
  });

  it('says by IPv6 whether the new owner is a router', async () => {
    const h = await harness({ ndp: () => owner(MAC, true) });
    h.context.moved('fe80::4', MAC);
    await settled();
    const frame = unsolicitedAdvertisement('fe80::4', MAC, { router: true });
    assert.deepEqual(h.datapath.delivered, [{ vnic: 1, frame }]);
  });

  it('when many do at once and the datapath does not keep up: the log says so once a second', async (t) => {
    const h = await harness({});
    const warn = t.mock.method(silentLog, 'warn');
    h.datapath.hasRoom = false;
    for (let n = 0; n < 100; n++) h.context.moved(IP, MAC);
    assert.equal(warn.mock.callCount(), 1);
    await h.pass(1000);
    h.context.moved(IP, MAC);
    assert.deepEqual(warn.mock.calls[1]?.arguments[1], { count: 100 });
  });

  it('is not announced after the plugin was stopped', async () => {
    const h = await harness({});
    await h.host.stop();
    h.context.moved(IP, MAC);
    h.context.put(MAC, PEER);
    assert.deepEqual(h.datapath.delivered, []);
    assert.equal(h.fdb(MAC), undefined);
  });
});

describe('router advertisements', () => {
  it('go to the other VNICs here and to the flood list, with the MTU', async () => {
    const h = await harness({}, { hasPlugin: false });
    h.vnics.set(2, { index: 2, mac: SECOND_MAC });
    h.upcalls.handle(proxyRecord('router_advertisement', RA));
    await settled();
    const frame = withRouterMtu(RA, 1450, 'missing');
    assert.notEqual(frame, RA);
    assert.deepEqual(h.datapath.delivered, [{ vnic: 2, frame }]);
    assert.deepEqual(h.datapath.flooded, [{ vnic: 1, frame }]);
    assert.deepEqual([h.datapath.answered, h.datapath.drops], [1, []]);
  });

  it('count as inject_ring_full when the datapath does not keep up', async () => {
    const h = await harness({});
    h.datapath.hasRoom = false;
    h.upcalls.handle(proxyRecord('router_advertisement', RA));
    await settled();
    assert.deepEqual([h.datapath.answered, h.datapath.drops.map(({ reason }) => reason)], [0, ['inject_ring_full']]);
  });
});
