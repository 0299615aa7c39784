import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LISTEN, MAC, OTHER_PEER, OWN_MAC, PEER, remote } from '../harness.js';
import { OVERLAY } from '../recording-datapath.js';
import { learner, macOf, RULES } from './learning.js';

describe('learning', () => {
  it('writes where a MAC was heard, with the port of VTEPs', () => {
    const { hear, fdb, it, datapath } = learner({ ...RULES, port: 8472 });
    hear(MAC, PEER.ip);
    assert.deepEqual(fdb(MAC), remote({ ip: PEER.ip, port: 8472 }));
    assert.equal(datapath.fdb.get(MAC)?.isStatic, false);
    assert.equal(it.size, 1);
  });

  it('believes nothing of ourselves, of groups, of nobody, and nothing at all when it is off', () => {
    const on = learner();
    on.hear(MAC, LISTEN.ip);
    on.hear('01:00:5e:00:00:01', PEER.ip);
    on.hear('00:00:00:00:00:00', PEER.ip);
    const off = learner(null);
    off.hear(MAC, PEER.ip);
    for (const { datapath } of [on, off]) assert.equal(datapath.fdb.size, 0);
  });

  it('forgets a MAC after the ageing time without a frame from it, and not earlier', () => {
    const { hear, stillHeard, pass, fdb, it } = learner();
    hear(MAC, PEER.ip);
    hear(macOf(1), PEER.ip);
    for (let minute = 1; minute < 5; minute++) {
      pass(60_000);
      stillHeard(MAC);
    }
    pass(59_900);
    assert.notEqual(fdb(macOf(1)), undefined);
    pass(200);
    assert.equal(fdb(macOf(1)), undefined, 'silent for 300 s');
    assert.deepEqual(fdb(MAC), remote(PEER), 'last heard 60 s ago');
    pass(239_700);
    assert.deepEqual(fdb(MAC), remote(PEER));
    pass(200);
    assert.equal(fdb(MAC), undefined);
    assert.equal(it.size, 0);
  });

  it('of MACs here alone: they age, are counted, and leave with the word of another', () => {
    const { hear, it, pass, targets, here, health, fdb, now } = learner(null);
    it.configure(null, { ageing: 60_000, max: 2 });
    hear(macOf(1), PEER.ip);
    assert.equal(fdb(macOf(1)), undefined, 'what is elsewhere is the plugin to say');
    for (const mac of [MAC, macOf(2), macOf(3)]) hear(mac, null);
    it.tick(now());
    assert.match(health.details, /2 MACs are learned/);
    targets.put(MAC, PEER, now());
    pass(60_100);
    assert.deepEqual(here, [`${MAC} true`, `${macOf(2)} true`, `${MAC} false`, `${macOf(2)} false`]);
    hear(MAC, null);
    it.configure(null);
    assert.deepEqual(here.slice(4), [`${MAC} true`, `${MAC} false`]);
  });

  it('never touches what the operator, a VNIC or the plugin says', () => {
    const { hear, targets, datapath, fdb, now } = learner();
    targets.putStatic(MAC, PEER, now());
    datapath.fdbPut(OVERLAY, OWN_MAC, { kind: 'local', vnic: 1 }, { isStatic: true });
    targets.put(macOf(1), PEER, now());
    targets.put(macOf(2), 'drop', now());
    const before = [...datapath.fdb.values()];
    for (const mac of [MAC, OWN_MAC, macOf(1), macOf(2)]) hear(mac, OTHER_PEER.ip);
    assert.deepEqual([...datapath.fdb.values()], before);
    assert.deepEqual(fdb(MAC), remote(PEER));
  });

  it('gives way to the operator, the plugin and VNICs, and does not age their word', () => {
    const { hear, targets, it, pass, fdb, now } = learner();
    for (const mac of [MAC, macOf(1), macOf(2)]) hear(mac, PEER.ip);
    targets.putStatic(MAC, OTHER_PEER, now());
    targets.put(macOf(1), OTHER_PEER, now());
    targets.forget(macOf(2));
    assert.equal(it.size, 0);
    pass(1_000_000);
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
    assert.deepEqual(fdb(macOf(1)), remote(OTHER_PEER));
  });

  it('outweighs that the plugin knows nothing, whichever came first', () => {
    const { hear, targets, fdb, now } = learner();
    targets.put(MAC, 'no_such_mac', now(), 1000);
    hear(MAC, PEER.ip);
    assert.deepEqual(fdb(MAC), remote(PEER));
    assert.equal(targets.put(MAC, 'lookup_failed', now(), 1000), true);
    assert.deepEqual(fdb(MAC), remote(PEER));
    targets.tick(now() + 2000);
    assert.deepEqual(fdb(MAC), remote(PEER), 'the time to live of a refusal is not that of what was heard');
  });

  it('stops at the most that may be, says so, and goes on when there is room', () => {
    const { hear, pass, it, health, logged, fdb } = learner();
    for (let n = 0; n < 4; n++) hear(macOf(n), PEER.ip);
    pass(100);
    assert.equal(health.has('learning'), false);
    for (let n = 4; n < 1000; n++) hear(macOf(n % 200), OTHER_PEER.ip);
    assert.equal(it.size, 4);
    pass(100);
    assert.equal(health.details.startsWith('4 MACs are learned, the most that may be'), true, health.details);
    for (let tenth = 0; tenth < 9; tenth++) {
      hear(macOf(99), PEER.ip);
      pass(100);
    }
    assert.equal(logged.filter((line) => line.includes('not learned')).length, 1, 'one line a second');
    pass(10_000);
    assert.equal(health.has('learning'), false, 'nobody was refused for a while');
    pass(300_000);
    assert.equal(it.size, 0);
    hear(macOf(99), PEER.ip);
    assert.deepEqual(fdb(macOf(99)), remote(PEER));
  });

  it('says when the tables of the datapath have no room', () => {
    const { hear, datapath, it, health } = learner();
    datapath.hasEndpointRoom = false;
    hear(MAC, PEER.ip);
    assert.equal(health.has('endpoints'), true);
    assert.equal(it.size, 0);
    datapath.hasEndpointRoom = true;
    hear(MAC, PEER.ip);
    assert.equal(health.has('endpoints'), false);
  });

  it('writes again what the table has evicted', () => {
    const { hear, datapath, it, fdb } = learner();
    hear(MAC, PEER.ip);
    datapath.fdb.delete(MAC);
    hear(MAC, PEER.ip);
    assert.deepEqual(fdb(MAC), remote(PEER));
    assert.equal(it.size, 1);
  });

  it('follows a new ageing time, and forgets everything with another port or when it is turned off', () => {
    const { hear, pass, it, fdb } = learner();
    hear(MAC, PEER.ip);
    pass(50_000);
    hear(macOf(1), PEER.ip);
    it.configure({ ...RULES, ageing: 60_000 });
    pass(10_200);
    assert.equal(fdb(MAC), undefined);
    assert.deepEqual(fdb(macOf(1)), remote(PEER));
    it.configure({ ...RULES, port: 4790 });
    assert.equal(fdb(macOf(1)), undefined);
    hear(MAC, PEER.ip);
    it.configure(null);
    assert.equal(fdb(MAC), undefined);
    assert.equal(it.size, 0);
  });

  it('forgets whom it heard last long ago when fewer may be learned, and may learn more again later', () => {
    const { hear, stillHeard, pass, it, fdb, targets, now, datapath } = learner();
    for (let n = 0; n < 4; n++) {
      hear(macOf(n), PEER.ip);
      datapath.use(macOf(n), now());
      pass(1000);
    }
    stillHeard(macOf(0));
    targets.putStatic(MAC, PEER, now());
    it.configure({ ...RULES, max: 2 });
    assert.deepEqual(
      [0, 1, 2, 3].map((n) => fdb(macOf(n)) !== undefined),
      [true, false, false, true],
    );
    assert.equal(it.size, 2);
    assert.deepEqual(fdb(MAC), remote(PEER));
    hear(macOf(1), PEER.ip);
    assert.equal(fdb(macOf(1)), undefined);
    it.configure(RULES);
    assert.equal(it.size, 2);
    hear(macOf(1), PEER.ip);
    assert.deepEqual(fdb(macOf(1)), remote(PEER));
  });

  it('a full table gives the place of a MAC that only sends to a new one, and keeps what is answered', () => {
    const { hear, pass, it, fdb, datapath, now } = learner({ ...RULES, max: 8 });
    for (let n = 0; n < 8; n++) hear(macOf(n), PEER.ip);
    hear(macOf(8), OTHER_PEER.ip);
    assert.equal(fdb(macOf(8)), undefined, 'none of them has had the time to be answered');
    for (let n = 0; n < 8; n += 2) datapath.use(macOf(n), now());
    pass(1000);
    for (let n = 100; n < 200; n++) {
      hear(macOf(n), OTHER_PEER.ip);
      pass(300);
    }
    assert.deepEqual(
      [0, 2, 4, 6].map((n) => fdb(macOf(n))),
      Array.from({ length: 4 }, () => remote(PEER)),
    );
    assert.deepEqual(
      [1, 3, 5, 7].filter((n) => fdb(macOf(n)) !== undefined),
      [],
    );
    assert.equal(it.size, 8);
  });
});
