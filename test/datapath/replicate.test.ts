// Broadcast and multicast to many VNICs: a turn makes few of the copies, so that everybody else's frames, and whoever
// waits for a turn, do not wait for all of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COPIES_MAX, REPLICA_SMALL_MAX } from '../../assembly/layout.js';
import { BUILDS, type Build, Core, type Output, OVERLAY } from '../support/core.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';
import { turnsOfCopies } from '../support/replicas.js';

const MANY = 1000;
const macOf = (n: number): string =>
  `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
const POINT = { point: { ip: '10.88.88.71', port: 4789 }, lookup: false } as const;

/** Broadcasts that are told apart by their number. */
const broadcast = (from: number, number: number, size = 46): Buffer =>
  frame(BROADCAST, macOf(from), { payload: Buffer.alloc(size, number) });

function setUp(build: Build, count = MANY, config: Parameters<Core['overlay']>[0] = POINT) {
  const core = new Core(build, 4096);
  const overlay = core.overlay(config);
  return { core, overlay, vnics: Array.from({ length: count }, (_, n) => core.vnic(overlay, macOf(n))) };
}

const copiesIn = (outputs: readonly Output[]) => outputs.flatMap((output) => ('vnic' in output ? [output] : []));

/** What each VNIC got, by the number of the broadcast, in order. */
function gotBy(outputs: readonly Output[]): Map<number, number[]> {
  const got = new Map<number, number[]>();
  for (const { vnic, frame } of copiesIn(outputs)) got.set(vnic, [...(got.get(vnic) ?? []), frame.at(-1)!]);
  return got;
}

for (const build of BUILDS) {
  test(`${build}: a turn makes ${COPIES_MAX} copies at most, and each VNIC gets one of each frame, in order`, () => {
    const { core, vnics } = setUp(build);
    const sent = [1, 2, 3].map((number) => broadcast(0, number));
    const outputs: Output[] = core.encap(vnics[0]!, sent);
    assert.deepEqual<Output[]>(
      outputs,
      sent.map((one) => ({ to: '10.88.88.71:4789', datagram: datagram(OVERLAY.vni, one) })),
      'the point does not wait for the copies',
    );
    while (core.module.isReplicating()) {
      const copies = core.turn();
      assert.ok(copies.length <= COPIES_MAX, `${copies.length} copies`);
      outputs.push(...copies);
      core.checkBooks();
    }
    const expected = new Map(vnics.slice(1).map((vnic) => [vnic, [1, 2, 3]]));
    assert.deepEqual(gotBy(outputs), expected);
    assert.equal(core.counters.totals().copies, 3 * (MANY - 1));
  });

  test(`${build}: a broadcast from the underlay likewise`, () => {
    const { core, vnics } = setUp(build);
    const sent = [1, 2, 3].map((number) => datagram(OVERLAY.vni, broadcast(5000, number)));
    const outputs = core.decap(sent, { from: '10.88.88.71' });
    assert.ok(outputs.length <= COPIES_MAX);
    outputs.push(...turnsOfCopies(core));
    assert.equal(outputs.length, 3 * vnics.length);
    const got = gotBy(outputs);
    for (const vnic of vnics) assert.deepEqual(got.get(vnic), [1, 2, 3]);
    assert.equal(gotBy(outputs).size, vnics.length);
    core.checkBooks();
  });

  test(`${build}: while copies wait, unicast goes its way`, () => {
    const { core, vnics } = setUp(build);
    core.encap(
      vnics[0]!,
      [1, 2, 3].map((number) => broadcast(0, number)),
    );
    const own = frame(macOf(8), macOf(7));
    assert.deepEqual(core.encap(vnics[7]!, [own]), [{ vnic: vnics[8]!, frame: own }]);
  });

  test(`${build}: a sender of hundreds, and of the longest, does not keep another overlay's broadcast waiting`, () => {
    const { core, vnics } = setUp(build, 600);
    const other = core.overlay({ ...POINT, vni: 24 });
    const [first, second] = [700, 701].map((n) => core.vnic(other, macOf(n)));
    for (let n = 0; n < 500; n++) core.encap(vnics[0]!, [broadcast(0, n & 255, n % 50 === 0 ? 8000 : 46)]);
    core.encap(vnics[1]!, [broadcast(1, 1)]); // there is nothing left of this turn
    const sent = broadcast(700, 9);
    const outputs = [...core.encap(first!, [sent]), ...core.turn()];
    const got = copiesIn(outputs).filter(({ vnic }) => vnic === second);
    assert.deepEqual(got, [{ vnic: second, frame: sent }]);
    core.quiet = true;
    turnsOfCopies(core);
    core.checkBooks();
    assert.deepEqual(core.counters.drops(), {});
  });

  test(`${build}: what may not wait is dropped as replication_full, and leaves room for other senders`, () => {
    const { core, vnics } = setUp(build, 600);
    const count = REPLICA_SMALL_MAX;
    for (let n = 0; n < count; n++) core.encap(vnics[0]!, [broadcast(0, n & 255)]);
    const { replication_full: refused } = core.counters.drops();
    assert.equal(refused, count / 4, 'alone, a sender has three quarters of the room');
    assert.equal(core.counters.vnic(vnics[0]!).drops, refused);
    core.encap(vnics[1]!, [broadcast(1, 7)]);
    assert.deepEqual(core.counters.drops(), { replication_full: refused });
    core.quiet = true; // there are many
    turnsOfCopies(core);
    assert.equal(core.counters.totals().delivered, (count - refused + 1) * (600 - 1));
    core.quiet = false;
    core.checkBooks();
    core.encap(vnics[0]!, [broadcast(0, 1)]);
    assert.equal(turnsOfCopies(core).length, 600 - 1, 'there is room again');
    core.checkBooks();
  });

  test(`${build}: nothing that waits meets the successor of an overlay or VNIC that is gone`, () => {
    const { core, overlay, vnics } = setUp(build, 300);
    core.encap(vnics[0]!, [broadcast(0, 1)]);
    core.turn();
    for (const vnic of vnics) core.tables.removeVnic(vnic);
    core.tables.removeOverlay(overlay);
    for (const vnic of vnics) core.tables.releaseVnic(vnic);
    core.tables.releaseOverlay(overlay);
    for (let other = 0; other !== overlay; ) other = core.overlay({ ...POINT, vni: 100 + other });
    for (let n = 0; n < 300; n++) core.tables.addVnic({ overlay, mac: macOf(n), allowAnyMac: false, fds: [7] });
    assert.deepEqual(turnsOfCopies(core), []);
    assert.deepEqual(core.counters.drops(), { overlay_gone: 1 });
    assert.deepEqual(core.counters.overlay(overlay).drops, {}, 'not in the books of the successor');
    core.checkBooks();
  });

  test(`${build}: a VNIC that goes or comes meanwhile changes nothing for the others`, () => {
    const { core, overlay, vnics } = setUp(build, 300);
    core.encap(vnics[0]!, [broadcast(0, 1)]);
    const outputs = core.turn();
    core.tables.removeVnic(vnics[299]!);
    core.tables.releaseVnic(vnics[299]!);
    core.vnic(overlay, macOf(400));
    outputs.push(...turnsOfCopies(core));
    const got = gotBy(outputs);
    for (const vnic of vnics.slice(1, 299)) assert.deepEqual(got.get(vnic), [1]);
    core.checkBooks();
  });

  test(`${build}: what waits when a worker traps is lost, and counted`, () => {
    const { core, vnics } = setUp(build, 300);
    core.encap(vnics[0]!, [broadcast(0, 1), broadcast(0, 2)]);
    core.turn();
    core.module.startWorker(0);
    assert.deepEqual(turnsOfCopies(core), []);
    assert.deepEqual(core.counters.drops(), { worker_restarted: 2 });
    core.checkBooks();
  });
}
