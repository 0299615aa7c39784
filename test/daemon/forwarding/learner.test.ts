import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FROZEN_MS, MOVES_MAX, MOVES_WITHIN_MS } from '../../../src/daemon/forwarding/flap-guard.js';
import { Learner } from '../../../src/daemon/forwarding/learner.js';
import { Targets } from '../../../src/daemon/forwarding/targets.js';
import { Health } from '../../../src/daemon/health/health.js';
import type { Learning } from '../../../src/search/api.js';
import { LISTEN, MAC, OTHER_PEER, OWN_MAC, PEER, remote } from '../harness.js';
import { OVERLAY, RecordingDatapath } from '../recording-datapath.js';

const RULES: Learning = { ageing: 300_000, max: 4, port: 4789 };
const START_MS = 5_000_000;
const macOf = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;

/** A learner and a clock; `hear` is what the datapath does for a frame that names a MAC and its VTEP. */
function learner(rules: Learning | null = RULES) {
  const datapath = new RecordingDatapath();
  const targets = new Targets({
    fdb: datapath,
    overlay: OVERLAY,
    fdbSize: 64,
    isOwn: ({ ip }) => ip === LISTEN.ip,
    anyMacVnic: () => null,
    nowMs: START_MS,
  });
  const health = new Health();
  const logged: string[] = [];
  const log = (level: string) => (message: string, fields?: object) =>
    void logged.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const heardAt = new Map<string, number>();
  const it = new Learner({
    targets,
    heardAtMs: (mac) => heardAt.get(mac) ?? null,
    isOwn: (ip) => ip === LISTEN.ip,
    health,
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    nowMs: START_MS,
  });
  it.configure(rules);
  let nowMs = START_MS;
  return {
    it,
    datapath,
    targets,
    health,
    logged,
    hear(mac: string, ip: string) {
      heardAt.set(mac, nowMs);
      it.heard(mac, ip, nowMs);
    },
    /** Frames from a MAC that the FDB agrees with: nobody is told. */
    stillHeard: (mac: string) => void heardAt.set(mac, nowMs),
    pass(ms: number) {
      nowMs += ms;
      it.tick(nowMs);
    },
    now: () => nowMs,
    fdb: (mac: string) => datapath.fdb.get(mac)?.target,
  };
}

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
    const { hear, stillHeard, pass, it, fdb, targets, now } = learner();
    for (let n = 0; n < 4; n++) {
      hear(macOf(n), PEER.ip);
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
});

describe('a MAC that moves', () => {
  it('is followed, and says so at most once a second', () => {
    const { hear, pass, fdb, logged } = learner();
    hear(MAC, PEER.ip);
    hear(MAC, OTHER_PEER.ip);
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
    hear(MAC, PEER.ip);
    pass(100);
    assert.deepEqual(logged, [
      `info MACs moved {"moves":2,"mac":"${MAC}","from":"${OTHER_PEER.ip}","to":"${PEER.ip}:4789"}`,
    ]);
  });

  it('too often is frozen where it is, named, and thaws by itself', () => {
    const { hear, pass, fdb, health, it } = learner({ ...RULES, ageing: 3_600_000 });
    const places = [PEER, OTHER_PEER];
    hear(MAC, PEER.ip);
    for (let move = 1; move <= MOVES_MAX; move++) hear(MAC, places[move % 2]!.ip);
    const last = places[MOVES_MAX % 2]!;
    assert.deepEqual(fdb(MAC), remote(last));
    pass(100);
    assert.equal(health.has('learning'), false);
    const elsewhere = places[(MOVES_MAX + 1) % 2]!;
    for (let n = 0; n < 100; n++) hear(MAC, elsewhere.ip);
    pass(100);
    assert.deepEqual(fdb(MAC), remote(last));
    assert.match(health.details, new RegExp(`180 s: ${MAC} at ${last.ip}$`));
    hear(macOf(1), PEER.ip);
    hear(macOf(1), OTHER_PEER.ip);
    assert.deepEqual(fdb(macOf(1)), remote(OTHER_PEER), 'others may move');
    pass(FROZEN_MS - 1000);
    hear(MAC, elsewhere.ip);
    assert.deepEqual(fdb(MAC), remote(last));
    pass(1200);
    assert.equal(health.has('learning'), false);
    hear(MAC, elsewhere.ip);
    assert.deepEqual(fdb(MAC), remote(elsewhere));
    assert.equal(it.size, 2);
  });

  it('now and then is never frozen', () => {
    const { hear, pass, fdb, health } = learner({ ...RULES, ageing: 86_400_000 });
    hear(MAC, PEER.ip);
    for (let move = 1; move <= 30; move++) {
      const to = [PEER, OTHER_PEER][move % 2]!;
      hear(MAC, to.ip);
      assert.deepEqual(fdb(MAC), remote(to), `move ${move}`);
      pass(MOVES_WITHIN_MS / (MOVES_MAX - 1));
    }
    assert.equal(health.has('learning'), false);
  });

  it('is forgotten with its moves', () => {
    const { hear, targets, fdb } = learner();
    hear(MAC, PEER.ip);
    for (let move = 1; move <= MOVES_MAX + 3; move++) hear(MAC, [PEER, OTHER_PEER][move % 2]!.ip);
    targets.remove(MAC); // as delete-target does
    hear(MAC, '10.88.88.99');
    hear(MAC, PEER.ip);
    assert.deepEqual(fdb(MAC), remote(PEER));
  });
});
