// A worker's instance that starts again over the memory of one that trapped: nothing twice, nothing uncounted.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  FLOOD_LIST_SIZE,
  HDR_FDB_BASE,
  HELD_FRAME,
  HELD_FRAME_VNIC,
  Inject,
  OVERLAYS_BASE,
  OVL_FLOOD,
  OVL_SIZE,
  W_HELD_ARENAS,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { instantiate } from '../../src/datapath/module.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { datagram, frame } from '../support/frames.js';

const A = 'de:ad:be:ef:00:00';
const FAR = 'de:ad:be:ef:00:02';
const OUT_OF_BOUNDS = 0xc000_0000;

function setUp(build: Build): { core: Core; overlay: number; a: number } {
  const core = new Core(build);
  const overlay = core.overlay();
  return { core, overlay, a: core.vnic(overlay, A) };
}

/** Runs `action` on an instance whose every lookup traps, then starts a sound one over the same memory. */
function trapIn(core: Core, action: () => unknown): void {
  const base = core.views.u32[HDR_FDB_BASE >> 2]!;
  core.views.u32[HDR_FDB_BASE >> 2] = OUT_OF_BOUNDS;
  core.module.startWorker(0);
  assert.throws(action, WebAssembly.RuntimeError);
  core.views.u32[HDR_FDB_BASE >> 2] = base;
  core.module.startWorker(0);
}

for (const build of BUILDS) {
  test(`${build}: what was held is dropped and counted`, () => {
    const { core, overlay, a } = setUp(build);
    core.encap(a, [frame(FAR, A), frame(FAR, A)]);
    core.module.startWorker(0);
    assert.deepEqual(core.counters.drops(), { worker_restarted: 2 });
    core.checkBooks();
    core.remote(overlay, FAR, { ip: '10.88.88.71', port: 4789 });
    assert.equal(core.encap(a, [frame(FAR, A)]).length, 1);
  });

  test(`${build}: an injected frame that traps is not read again`, () => {
    const { core, overlay, a } = setUp(build);
    core.rings.inject(Inject.encap, overlay, a, frame(FAR, A));
    trapIn(core, () => core.turn());
    assert.deepEqual(core.turn(), []);
    assert.deepEqual(core.counters.drops(), { worker_restarted: 1 });
    core.checkBooks();
  });

  test(`${build}: an injected frame that was sent in the turn before is not sent twice`, () => {
    const { core, overlay, a } = setUp(build);
    core.rings.inject(Inject.deliver, overlay, a, frame(A, FAR));
    assert.equal(core.turn().length, 1);
    core.module.startWorker(0);
    assert.deepEqual(core.turn(), []);
    core.checkBooks();
  });

  test(`${build}: the rest of a batch in which a frame traps is counted`, () => {
    const { core, overlay, a } = setUp(build);
    const runt = Buffer.alloc(5);
    const broadcast = frame('ff:ff:ff:ff:ff:ff', A);
    core.views.u32[(OVERLAYS_BASE + overlay * OVL_SIZE + OVL_FLOOD) >> 2] = OUT_OF_BOUNDS / FLOOD_LIST_SIZE;
    assert.throws(() => core.encap(a, [runt, runt, broadcast, broadcast, broadcast]));
    core.module.startWorker(0);
    assert.deepEqual(core.counters.drops(), { truncated: 2, worker_restarted: 3 });
    core.checkBooks();
  });

  test(`${build}: held frames that had met their fate before one of them trapped are not dropped again`, () => {
    const { core, overlay, a } = setUp(build);
    const held = frame(FAR, A);
    core.encap(a, [held, held, held]);
    const size = (HELD_FRAME + held.length + 7) & ~7;
    const vnicOfThird = (WORKERS_BASE + W_HELD_ARENAS + 2 * size + HELD_FRAME_VNIC) >> 2;
    assert.equal(core.views.u32[vnicOfThird], a);
    core.views.u32[vnicOfThird] = OUT_OF_BOUNDS / 64;
    core.put(overlay, FAR, { kind: 'drop', reason: 'drop_entry' });
    assert.throws(() => core.turn());
    core.module.startWorker(0);
    assert.deepEqual(core.counters.drops(), { drop_entry: 2, worker_restarted: 1 });
    core.checkBooks();
    assert.deepEqual(core.turn(), []);
  });

  test(`${build}: who was let in before is looked for anew, as another overlay may ask now`, () => {
    const core = new Core(build);
    const [first, second] = [23, 24].map((vni) => core.overlay({ vni, sourceCheck: 'vtep', lookup: false }));
    for (const overlay of [first!, second!]) core.vnic(overlay, A);
    core.fdb.putVtep(first!, '10.0.0.1', core.nowMs);
    const receive = (vni: number) => core.decap([datagram(vni, frame(A, FAR))], { from: '10.0.0.1' });
    assert.equal(receive(23).length, 1);
    const file = readFileSync(new URL(`../../../build/${build}.wasm`, import.meta.url));
    const module = instantiate(new WebAssembly.Module(file), core.memory);
    module.startWorker(0);
    Object.assign(core, { module });
    assert.deepEqual(receive(24), []);
    assert.deepEqual(core.counters.drops(), { source_unknown: 1 });
    core.checkBooks();
  });
}
