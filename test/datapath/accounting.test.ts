// What the kernel answers becomes a count with the right name; a full ring is an answer, too.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import {
  DELIVER_RESULT,
  DELIVER_SIZE,
  UPCALLS_PER_SECOND_MAX,
  W_DELIVER,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { arp, BROADCAST, frame } from '../support/frames.js';

const A = 'de:ad:be:ef:00:00';
const B = 'de:ad:be:ef:00:01';
const FAR = 'de:ad:be:ef:00:02';

/** A datapath that has listed `count` datagrams, and prepared their descriptors. */
function listed(build: Build, count: number, destination = FAR): { core: Core; a: number } {
  const core = new Core(build);
  const overlay = core.overlay();
  const a = core.vnic(overlay, A);
  core.vnic(overlay, B);
  core.remote(overlay, FAR, { ip: '10.0.0.1', port: 4789 });
  core.place(Array.from({ length: count }, () => frame(destination, A)));
  core.module.encapBatch(a, 0);
  assert.equal(core.module.prepare(), count);
  return { core, a };
}

const errnos: [errno: number, reason: string, dropped: number][] = [
  [constants.errno.EMSGSIZE, 'exceeds_pmtu', 1],
  [constants.errno.EAGAIN, 'underlay_busy', 5],
  [constants.errno.ENOBUFS, 'underlay_busy', 5],
  [constants.errno.ENETUNREACH, 'underlay_unreachable', 1],
  [constants.errno.EHOSTUNREACH, 'underlay_unreachable', 1],
  [constants.errno.ENETDOWN, 'underlay_unreachable', 1],
  [constants.errno.EPERM, 'underlay_error', 1],
];

for (const build of BUILDS) {
  for (const [errno, reason, dropped] of errnos) {
    test(`${build}: sendmmsg answers errno ${errno}: ${dropped} of 5 drop as ${reason}`, () => {
      const { core, a } = listed(build, 5);
      assert.equal(core.module.sendFailed(0, 5, errno), dropped);
      core.module.sent(dropped, 5 - dropped);
      assert.deepEqual(core.counters.drops(), { [reason]: dropped });
      assert.equal(core.counters.vnic(a).drops, dropped);
      core.checkBooks();
    });
  }

  test(`${build}: a TAP write that fails is a tap_error of the sender`, () => {
    const { core, a } = listed(build, 3, B);
    for (const [index, answer] of [60, -constants.errno.EIO, 60].entries()) {
      core.views.i32[(WORKERS_BASE + W_DELIVER + index * DELIVER_SIZE + DELIVER_RESULT) >> 2] = answer;
    }
    core.module.delivered();
    assert.deepEqual(core.counters.drops(), { tap_error: 1 });
    assert.equal(core.counters.vnic(a).drops, 1);
    assert.equal(core.counters.totals().delivered, 2);
    core.checkBooks();
  });

  test(`${build}: an upcall ring that nobody reads fills up, and frames drop by that name, not others'`, () => {
    const core = new Core(build);
    const overlay = core.overlay();
    const a = core.vnic(overlay, A);
    const b = core.vnic(core.overlay({ vni: 2 }), B);
    const request = frame(BROADCAST, A, { etherType: 0x0806, payload: arp(1, A, '10.0.0.1', '10.0.0.2') });
    const batch = Array.from({ length: 64 }, () => request);
    for (let sent = 0; core.counters.drops().upcall_ring_full === undefined; sent += 64) {
      assert.ok(sent < 20_000);
      core.nowMs += (64 * 1000) / UPCALLS_PER_SECOND_MAX + 1;
      core.encap(a, batch);
    }
    const { upcall_ring_full: before } = core.counters.drops();
    core.encap(b, [frame(BROADCAST, B, { etherType: 0x0806, payload: arp(1, B, '10.0.0.1', '10.0.0.2') })]);
    assert.deepEqual(core.counters.drops(), { upcall_ring_full: before });
    core.checkBooks();
    const { upcalled } = core.counters.totals();
    assert.equal(core.upcalls().length, upcalled);
    core.encap(a, [request]);
    assert.equal(core.upcalls().length, 1, 'reading makes room');
  });
}
