// Indexes of overlays and VNICs run short and are given out again at the worst moment: before the worker has looked at
// what it holds, or was to be handed, for the one that is gone. Nothing of that may meet the successor.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inject, OVERLAYS_MAX, VNICS_MAX } from '../../assembly/layout.js';
import { BUILDS, type Build, Core, OVERLAY } from '../support/core.js';
import { frame } from '../support/frames.js';

const A = 'de:ad:be:ef:00:00';
const FAR = 'de:ad:be:ef:00:02';
const VTEP = { ip: '10.88.88.71', port: 4789 };

/** A tenant whose indexes are the next to be given out when it is gone: all others are taken. */
function setUp(build: Build): { core: Core; overlay: number; vnic: number } {
  const core = new Core(build, 4096);
  const overlay = core.overlay();
  const vnic = core.vnic(overlay, A);
  const filler = core.overlay({ vni: 1000 });
  while (core.tables.addOverlay({ ...OVERLAY, vni: 1000 }, { point: 0, flood: 0 }) !== 0);
  for (let taken = 2; taken < VNICS_MAX; taken++) {
    core.tables.addVnic({ overlay: filler, mac: FAR, allowAnyMac: false, fds: [] });
  }
  assert.throws(() => core.vnic(filler, A), { code: 'table_full' });
  return { core, overlay, vnic };
}

/** What the datapath does when all are removed, but for waiting for the worker; then the successors come. */
function replace(core: Core, overlay: number, vnic: number, config = {}): void {
  core.tables.removeVnic(vnic);
  core.fdb.remove(overlay, A);
  core.module.vniRemove(overlay);
  core.tables.removeOverlay(overlay);
  core.tables.releaseVnic(vnic);
  core.tables.releaseOverlay(overlay);
  assert.equal(core.overlay({ vni: 24, ...config }), overlay);
  assert.equal(core.vnic(overlay, A), vnic);
}

for (const build of BUILDS) {
  test(`${build}: ${OVERLAYS_MAX - 1} overlays and ${VNICS_MAX - 1} VNICs: frames held for one that is gone`, () => {
    const { core, overlay, vnic } = setUp(build);
    core.encap(vnic, [frame(FAR, A), frame(FAR, A)]);
    assert.equal(core.counters.totals().held, 2);
    replace(core, overlay, vnic);
    core.remote(overlay, FAR, VTEP); // the successor knows the same MAC
    assert.deepEqual(core.turn(), []);
    assert.deepEqual(core.counters.drops(), { overlay_gone: 2 });
    assert.deepEqual(core.counters.overlay(overlay).drops, {}, 'not in the books of the successor');
    assert.equal(core.encap(vnic, [frame(FAR, A)]).length, 1, 'whose own frames leave');
    core.checkBooks();
  });

  test(`${build}: nor are they flooded, where the successor floods what is unknown`, () => {
    const { core, overlay, vnic } = setUp(build);
    core.encap(vnic, [frame(FAR, A)]);
    replace(core, overlay, vnic, { lookup: false, flood: { endpoints: [VTEP], unknown: true } });
    assert.deepEqual(core.turn(), []);
    assert.deepEqual(core.counters.drops(), { overlay_gone: 1 });
    core.checkBooks();
  });

  test(`${build}: frames held of a VNIC that is gone, where its overlay stays`, () => {
    const { core, overlay, vnic } = setUp(build);
    core.encap(vnic, [frame(FAR, A)]);
    core.tables.removeVnic(vnic);
    core.tables.releaseVnic(vnic);
    assert.equal(core.vnic(overlay, A), vnic);
    core.remote(overlay, FAR, VTEP);
    assert.deepEqual(core.turn(), []);
    assert.equal(core.counters.vnic(vnic).drops, 0, 'not in the books of the successor');
    core.checkBooks();
  });

  test(`${build}: frames that the host has injected for one that is gone`, () => {
    const { core, overlay, vnic } = setUp(build);
    for (const type of [Inject.deliver, Inject.encap, Inject.flood] as const) {
      assert.ok(core.rings.inject(type, overlay, vnic, frame(FAR, A)));
    }
    replace(core, overlay, vnic);
    core.remote(overlay, FAR, VTEP);
    assert.deepEqual(core.turn(), []);
    assert.deepEqual(core.counters.drops(), { overlay_gone: 3 });
    core.checkBooks();
  });

  test(`${build}: questions of one that is gone come as nobody's`, () => {
    const { core, overlay, vnic } = setUp(build);
    core.encap(vnic, [frame(FAR, A)]);
    replace(core, overlay, vnic);
    assert.deepEqual(
      core.upcalls().map((record) => record.overlay),
      [0],
    );
  });
}
