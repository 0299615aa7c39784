// Frames that wait for an answer: one question per MAC, order kept, every bound a counted outcome. No test sleeps.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  HELD_BYTES_MAX,
  HELD_BYTES_PER_KEY_MAX,
  HELD_KEYS_MAX,
  LOOKUP_DEADLINE_MS,
  UPCALLS_PER_SECOND_MAX,
} from '../../assembly/layout.js';
import { macFromNumber } from '../../src/address.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { datagram, frame } from '../support/frames.js';

const A = 'de:ad:be:ef:00:00';
const FAR = 'de:ad:be:ef:00:02';
const VTEP = { ip: '10.88.88.71', port: 4789 };
const unknown = (n: number): string => macFromNumber(0x02_00_00_00_00_00 + n);
const numbered = (n: number, destination = FAR): Buffer => frame(destination, A, { payload: Buffer.alloc(100, n) });

function setUp(build: Build): { core: Core; overlay: number; a: number } {
  const core = new Core(build, 4096);
  const overlay = core.overlay();
  return { core, overlay, a: core.vnic(overlay, A) };
}

for (const build of BUILDS) {
  test(`${build}: one upcall however many frames wait, with what the plugin may know of the frame`, () => {
    const { core, overlay, a } = setUp(build);
    assert.deepEqual(
      core.encap(
        a,
        Array.from({ length: 20 }, (_, n) => numbered(n)),
      ),
      [],
    );
    const common = { kind: 'miss', overlay, vnic: a, mac: FAR, sourceMac: A };
    assert.deepEqual(core.upcalls(), [{ ...common, etherType: 0x88b5, vlan: 0 }]);
    assert.equal(core.counters.totals().held, 20);
    core.checkBooks();
  });

  test(`${build}: the answer sends the queue in order, before any newer frame`, () => {
    const { core, overlay, a } = setUp(build);
    core.encap(a, [numbered(0), numbered(1)]);
    core.remote(overlay, FAR, VTEP);
    const overtaking = core.encap(a, [numbered(2)]);
    assert.deepEqual(overtaking, [], 'a frame that comes after the answer still queues behind');
    assert.deepEqual(
      core.turn(),
      [0, 1, 2].map((n) => ({ to: '10.88.88.71:4789', datagram: datagram(23, numbered(n)) })),
    );
    assert.equal(core.encap(a, [numbered(3)]).length, 1);
    assert.equal(core.counters.totals().held, 0);
    core.checkBooks();
  });

  test(`${build}: "no such MAC" drops the queue by that name`, () => {
    const { core, overlay, a } = setUp(build);
    core.encap(a, [numbered(0), numbered(1)]);
    core.put(overlay, FAR, { kind: 'drop', reason: 'no_such_mac' });
    assert.deepEqual(core.turn(), []);
    assert.deepEqual(core.counters.drops(), { no_such_mac: 2 });
    core.checkBooks();
  });

  test(`${build}: without an answer the queue drops at the deadline, and the next frame asks again`, () => {
    const { core, a } = setUp(build);
    core.encap(a, [numbered(0)]);
    core.nowMs += LOOKUP_DEADLINE_MS - 1;
    core.turn();
    assert.deepEqual(core.counters.drops(), {});
    core.nowMs += 1;
    core.turn();
    assert.deepEqual(core.counters.drops(), { lookup_timeout: 1 });
    core.upcalls();
    core.encap(a, [numbered(1)]);
    assert.equal(core.upcalls().length, 1);
    core.checkBooks();
  });

  test(`${build}: bytes held per MAC are bounded, and the queue stays usable`, () => {
    const { core, overlay, a } = setUp(build);
    const big = frame(FAR, A, { payload: Buffer.alloc(8000) });
    const fits = Math.floor(HELD_BYTES_PER_KEY_MAX / (big.length + 24));
    core.encap(
      a,
      Array.from({ length: fits + 5 }, () => big),
    );
    assert.equal(core.counters.totals().held, fits);
    assert.deepEqual(core.counters.drops(), { hold_full: 5 });
    core.remote(overlay, FAR, VTEP);
    assert.equal(core.turn().length, fits);
    core.checkBooks();
  });

  test(`${build}: bytes held in all are bounded, and no overlay has them all`, () => {
    const { core, a } = setUp(build);
    const fill = (vnic: number): number => {
      const before = core.counters.totals().heldBytes!;
      for (let mac = 0; mac < 80; mac++) {
        core.encap(
          vnic,
          Array.from({ length: 16 }, () => frame(unknown(mac), A, { payload: Buffer.alloc(8000) })),
        );
      }
      return core.counters.totals().heldBytes! - before;
    };
    const hog = fill(a);
    assert.ok(hog <= (HELD_BYTES_MAX * 3) / 4);
    assert.ok(hog > (HELD_BYTES_MAX * 3) / 4 - 2 * 8014 * 1.1, `${hog}`);
    const second = fill(core.vnic(core.overlay({ vni: 24 }), A));
    assert.ok(second > ((HELD_BYTES_MAX - hog) * 3) / 4 - 2 * 8014 * 1.1, `${second}`);
    assert.ok(hog + second < HELD_BYTES_MAX);
    assert.equal(fill(a), 0, 'who has its share gets no more of what is left');
    const totals = core.counters.totals();
    const { hold_full: full = 0, upcall_limited: limited = 0 } = core.counters.drops();
    assert.equal(totals.held! + full + limited, 3 * 80 * 16);
    core.checkBooks();
  });

  test(`${build}: upcalls in flight are bounded, and no overlay has them all`, () => {
    const { core, a } = setUp(build);
    const scan = (vnic: number): number => {
      core.encap(
        vnic,
        Array.from({ length: HELD_KEYS_MAX }, (_, mac) => frame(unknown(mac), A)),
      );
      return core.upcalls().length;
    };
    const vnics = [a, ...[24, 25, 26, 27, 28, 29].map((vni) => core.vnic(core.overlay({ vni }), A))];
    const inFlight = vnics.map(scan);
    assert.deepEqual(inFlight, [192, 48, 12, 3, 1, 0, 0]);
    assert.deepEqual(core.counters.drops(), { upcall_limited: HELD_KEYS_MAX * (vnics.length - 1) });
    core.checkBooks();
  });

  test(`${build}: upcalls per second are bounded per VNIC, and the bucket refills with time`, () => {
    const { core, overlay, a } = setUp(build);
    let mac = 0;
    const scan = (count: number): number => {
      for (let done = 0; done < count; done += 50) {
        core.encap(
          a,
          Array.from({ length: 50 }, (_, n) => frame(unknown(mac + n), A)),
        );
        for (let n = 0; n < 50; n++) core.put(overlay, unknown(mac + n), { kind: 'drop', reason: 'no_such_mac' });
        core.turn();
        mac += 50;
      }
      return core.upcalls().length;
    };
    assert.equal(scan(UPCALLS_PER_SECOND_MAX + 200), UPCALLS_PER_SECOND_MAX);
    assert.equal(core.counters.drops().upcall_limited, 200);
    core.nowMs += 100;
    assert.equal(scan(400), UPCALLS_PER_SECOND_MAX / 10);
    core.checkBooks();
  });

  test(`${build}: a queue longer than the output list leaves in pieces and in order`, () => {
    const { core, overlay, a } = setUp(build);
    const sent = Array.from({ length: 1300 }, (_, n) => frame(FAR, A, { payload: Buffer.from([n >> 8, n & 0xff]) }));
    core.encap(a, sent);
    core.remote(overlay, FAR, VTEP);
    assert.deepEqual(
      core.turn(),
      sent.map((one) => ({ to: '10.88.88.71:4789', datagram: datagram(23, one) })),
    );
    core.checkBooks();
  });

  test(`${build}: an arena whose frames are listed is not used again in the same pass`, () => {
    const { core, overlay, a } = setUp(build);
    core.encap(a, [numbered(7)]);
    core.remote(overlay, FAR, VTEP);
    core.put(overlay, unknown(1), { kind: 'drop', reason: 'drop_entry' });
    assert.deepEqual(core.turn(), [{ to: '10.88.88.71:4789', datagram: datagram(23, numbered(7)) }]);
    core.encap(a, [numbered(8, unknown(2))]);
    core.remote(overlay, unknown(2), VTEP);
    assert.deepEqual(core.turn(), [{ to: '10.88.88.71:4789', datagram: datagram(23, numbered(8, unknown(2))) }]);
  });

  test(`${build}: a removed overlay takes its waiting frames with it`, () => {
    const { core, overlay, a } = setUp(build);
    core.encap(a, [numbered(0)]);
    core.tables.removeOverlay(overlay);
    core.turn();
    assert.deepEqual(core.counters.drops(), { overlay_gone: 1 });
    core.checkBooks();
  });
}
