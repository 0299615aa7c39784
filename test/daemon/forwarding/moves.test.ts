/** MACs that move between VTEPs and VNICs here: who is followed, who is frozen, and what the operator is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_MOVES } from '../../../src/daemon/forwarding/flap-guard.js';
import { MAC, OTHER_PEER, OWN_MAC, PEER, remote } from '../harness.js';
import { OVERLAY } from '../recording-datapath.js';
import { FREEZE_MS, FREEZING, HERE, learner, macOf, RULES } from './learning.js';

const { limit: MOVES_MAX, window: MOVES_WITHIN_MS } = DEFAULT_MOVES;

describe('a MAC that moves', () => {
  it('is followed, and says so at most once a second', () => {
    const { hear, pass, fdb, logged } = learner();
    hear(MAC, PEER.ip);
    hear(MAC, OTHER_PEER.ip);
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
    hear(MAC, PEER.ip);
    pass(100);
    assert.deepEqual(logged, [
      `info MACs moved {"moves":2,"mac":"${MAC}","from":"${OTHER_PEER.ip}:4789","to":"${PEER.ip}:4789"}`,
    ]);
  });

  const places = [PEER, OTHER_PEER] as const;
  const placeOf = (move: number) => places[move % 2]!;

  it('too often is said to be in two places, followed all the same, until it has stayed for a while', () => {
    const { hear, pass, fdb, health, logged, it } = learner({ ...RULES, ageing: 3_600_000 });
    hear(MAC, PEER.ip);
    for (let move = 1; move <= MOVES_MAX; move++) hear(MAC, placeOf(move).ip);
    pass(100);
    assert.equal(health.has('learning'), false);
    for (let move = MOVES_MAX + 1; move <= 30; move++) {
      hear(MAC, placeOf(move).ip);
      assert.deepEqual(fdb(MAC), remote(placeOf(move)), `move ${move}`);
      pass(1000);
    }
    assert.match(health.details, new RegExp(`two places at once: ${MAC} at ${placeOf(30).ip}:4789$`));
    assert.equal(logged.filter((line) => line.startsWith('warn MACs move too often {')).length, 1);
    assert.equal(it.movers.get(MAC)?.frozenUntilMs, null);
    pass(MOVES_WITHIN_MS - 1200);
    assert.equal(health.has('learning'), true);
    pass(400);
    assert.equal(health.has('learning'), false);
    assert.equal(it.movers.size, 0);
  });

  it('too often is frozen where it was first, if so wanted, is named, and thaws by itself', () => {
    const { hear, pass, fdb, health, logged, it, now } = learner(FREEZING);
    hear(MAC, PEER.ip);
    for (let move = 1; move <= MOVES_MAX; move++) hear(MAC, placeOf(move).ip);
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
    hear(MAC, '10.88.88.99');
    assert.deepEqual(fdb(MAC), remote(PEER), 'where it was before the first of these moves');
    assert.equal(it.movers.get(MAC)?.frozenUntilMs, now() + FREEZE_MS);
    for (let n = 0; n < 100; n++) hear(MAC, OTHER_PEER.ip);
    pass(100);
    assert.deepEqual(fdb(MAC), remote(PEER));
    assert.match(health.details, new RegExp(`frozen: ${MAC} at ${PEER.ip}:4789$`));
    assert.equal(logged.filter((line) => line.startsWith('warn MACs move too often and are frozen')).length, 1);
    hear(macOf(1), PEER.ip);
    hear(macOf(1), OTHER_PEER.ip);
    assert.deepEqual(fdb(macOf(1)), remote(OTHER_PEER), 'others may move');
    pass(FREEZE_MS - 1000);
    hear(MAC, OTHER_PEER.ip);
    assert.deepEqual(fdb(MAC), remote(PEER));
    pass(1200);
    assert.equal(health.has('learning'), false);
    hear(MAC, OTHER_PEER.ip);
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
    assert.equal(it.size, 2);
  });

  it('may move again when the operator thaws it or will have none frozen; not with another rule', () => {
    const frozen = () => {
      const all = learner(FREEZING);
      all.hear(MAC, PEER.ip);
      for (let move = 1; move <= MOVES_MAX + 1; move++) all.hear(MAC, placeOf(move).ip);
      all.hear(MAC, OTHER_PEER.ip);
      assert.deepEqual(all.fdb(MAC), remote(PEER));
      return all;
    };
    const { it, hear, fdb } = frozen();
    assert.equal(it.thaw(macOf(1)), false);
    assert.equal(it.thaw(MAC), true);
    assert.equal(it.thaw(MAC), false);
    hear(MAC, OTHER_PEER.ip);
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
    const other = frozen();
    other.it.configure({ ...FREEZING, max: 3 });
    other.hear(MAC, OTHER_PEER.ip);
    assert.deepEqual(other.fdb(MAC), remote(PEER));
    other.it.configure({ ...FREEZING, moves: DEFAULT_MOVES });
    other.hear(MAC, OTHER_PEER.ip);
    assert.deepEqual(other.fdb(MAC), remote(OTHER_PEER));
  });

  it('of a virtual router moves as it pleases, unless the operator will have it counted', () => {
    const vrrp = '00:00:5e:00:01:0a';
    const { hear, fdb, it, pass, health } = learner(FREEZING);
    for (let move = 0; move <= 50; move++) hear(vrrp, placeOf(move).ip);
    assert.deepEqual(fdb(vrrp), remote(PEER));
    pass(100);
    assert.deepEqual([it.movers.size, health.has('learning')], [0, false]);
    it.configure({ ...FREEZING, moves: { ...DEFAULT_MOVES, freeze: FREEZE_MS, limit: 2, exempt: [] } });
    for (let move = 0; move <= 3; move++) hear(vrrp, placeOf(move).ip);
    hear(vrrp, OTHER_PEER.ip);
    assert.deepEqual(fdb(vrrp), remote(PEER));
  });

  it('now and then is never frozen', () => {
    const { hear, pass, fdb, health } = learner({ ...FREEZING, ageing: 86_400_000 });
    hear(MAC, PEER.ip);
    for (let move = 1; move <= 30; move++) {
      const to = placeOf(move);
      hear(MAC, to.ip);
      assert.deepEqual(fdb(MAC), remote(to), `move ${move}`);
      pass(MOVES_WITHIN_MS / (MOVES_MAX - 1));
    }
    assert.equal(health.has('learning'), false);
  });

  it('is forgotten with its moves', () => {
    const { hear, targets, fdb } = learner(FREEZING);
    hear(MAC, PEER.ip);
    for (let move = 1; move <= MOVES_MAX + 3; move++) hear(MAC, [PEER, OTHER_PEER][move % 2]!.ip);
    targets.remove(MAC); // as delete-target does
    hear(MAC, '10.88.88.99');
    hear(MAC, PEER.ip);
    assert.deepEqual(fdb(MAC), remote(PEER));
  });
});

describe('a MAC behind a VNIC here', () => {
  it('is learned, ages, and counts as one of the most that may be', () => {
    const { hear, stillHeard, fdb, pass, it } = learner({ ...RULES, max: 1 });
    hear(MAC, null);
    hear(macOf(1), null);
    assert.deepEqual([fdb(MAC), fdb(macOf(1)), it.size], [HERE, undefined, 1]);
    pass(200_000);
    stillHeard(MAC);
    pass(200_000);
    assert.deepEqual(fdb(MAC), HERE);
    pass(100_200);
    assert.equal(fdb(MAC), undefined);
  });

  it('that was learned elsewhere has moved here, and leaves again', () => {
    const { hear, fdb, pass, logged, cameHere } = learner();
    hear(MAC, PEER.ip);
    hear(MAC, null);
    assert.deepEqual([fdb(MAC), cameHere], [HERE, [MAC]]);
    pass(100);
    hear(MAC, OTHER_PEER.ip);
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
    pass(1000);
    assert.deepEqual(logged, [
      `info MACs moved {"moves":1,"mac":"${MAC}","from":"${PEER.ip}:4789","to":"here"}`,
      `info MACs moved {"moves":1,"mac":"${MAC}","from":"here","to":"${OTHER_PEER.ip}:4789"}`,
    ]);
    assert.deepEqual(cameHere, [MAC]);
  });

  for (const rules of [RULES, null]) {
    const name = rules === null ? 'that does not learn' : 'that learns';
    it(`is here, wherever the plugin has it, in an overlay ${name}, until that says more of it`, () => {
      const { hear, fdb, targets, now, cameHere, it } = learner(rules);
      targets.put(MAC, PEER, now());
      hear(MAC, null);
      assert.deepEqual([fdb(MAC), cameHere, it.size], [HERE, [MAC], 1]);
      targets.put(MAC, OTHER_PEER, now());
      assert.deepEqual([fdb(MAC), it.size], [remote(OTHER_PEER), 0]);
    });
  }

  it('is forgotten in an overlay that does not learn when it has left again, or is silent', () => {
    const { hear, fdb, targets, now, it, pass, stillHeard } = learner(null);
    const cameHere = (mac: string) => {
      targets.put(mac, PEER, now());
      hear(mac, null);
    };
    cameHere(MAC);
    hear(MAC, OTHER_PEER.ip);
    assert.deepEqual([fdb(MAC), it.size], [undefined, 0]);
    cameHere(MAC);
    cameHere(macOf(1));
    pass(299_000);
    stillHeard(MAC);
    pass(1200);
    assert.deepEqual([fdb(MAC), fdb(macOf(1))], [HERE, undefined]);
    hear(macOf(2), null);
    hear(macOf(3), PEER.ip);
    assert.equal(it.size, 1, 'nothing else is learned there');
  });

  it('does not take what the operator or another VNIC has, and is forgotten with the VNIC', () => {
    const { hear, targets, datapath, fdb, now, it } = learner();
    targets.putStatic(MAC, PEER, now());
    datapath.fdbPut(OVERLAY, OWN_MAC, { kind: 'local', vnic: 1 }, { isStatic: true });
    for (const mac of [MAC, OWN_MAC, macOf(1)]) hear(mac, null);
    hear(macOf(2), PEER.ip);
    assert.deepEqual(fdb(MAC), remote(PEER));
    assert.deepEqual(fdb(OWN_MAC), { kind: 'local', vnic: 1 });
    it.forgetHere();
    assert.deepEqual([fdb(macOf(1)), fdb(macOf(2)), it.size], [undefined, remote(PEER), 1]);
  });
});
