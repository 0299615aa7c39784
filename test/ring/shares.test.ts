// What overlays have of a ring: against a model that adds up what waits.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  PAGE_SIZE,
  REC_OVERLAY,
  REC_SIZE,
  RING_CAPACITY,
  RING_HEAD,
  RING_READ,
  RING_RESERVED,
  RING_SETTLED,
  RING_TAIL,
  SHARE,
} from '../../assembly/layout.js';
import { BUILDS, type Build, loadBuild, type TestModule } from '../support/module.js';

const RING = 2 * PAGE_SIZE;
const NEAR_OVERFLOW = (2 ** 32 - RING_CAPACITY * 2) >>> 0;

interface Waiting {
  readonly overlay: number;
  readonly bytes: number;
}

class Ring {
  readonly #m: TestModule;
  waiting: Waiting[] = [];

  constructor(m: TestModule, start: number) {
    this.#m = m;
    const view = new DataView(m.bytes.buffer);
    for (const word of [RING_HEAD, RING_RESERVED, RING_TAIL, RING_READ, RING_SETTLED]) {
      view.setUint32(RING + word, start, true);
    }
    m.ringSharesStart(RING);
  }

  static async open(build: Build, start = 0): Promise<Ring> {
    return new Ring(await loadBuild(build, 32), start);
  }

  push(overlay: number, size: number, room = RING_CAPACITY): boolean {
    const record = this.#m.ringReserveFor(RING, 1, size, overlay, room);
    if (record === 0) return false;
    const view = new DataView(this.#m.bytes.buffer);
    assert.equal(view.getUint32(record + REC_OVERLAY, true), overlay);
    this.#m.ringPublish(RING);
    this.waiting.push({ overlay, bytes: view.getUint32(record + REC_SIZE, true) });
    return true;
  }

  /** Pushes until there is no more room; answers how many bytes these are. */
  fill(overlay: number, size: number): number {
    while (this.push(overlay, size));
    return this.of(overlay);
  }

  of(overlay: number): number {
    return this.waiting.reduce((sum, each) => sum + (each.overlay === overlay ? each.bytes : 0), 0);
  }

  get used(): number {
    return this.waiting.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  pull(): void {
    assert.equal(this.#m.ringRead(RING) === 0, this.waiting.shift() === undefined);
    this.#m.ringRelease(RING);
  }

  restart(): void {
    this.#m.ringSharesStart(RING);
  }
}

for (const build of BUILDS) {
  test(`${build}: one overlay has three quarters, and each that comes finds some`, async () => {
    const ring = await Ring.open(build);
    const first = ring.fill(1, 1024);
    assert.equal(first, (RING_CAPACITY * SHARE) / (SHARE + 1));
    const second = ring.fill(2, 1024);
    assert.ok(second > RING_CAPACITY / 8 && second < first, `${second}`);
    for (let overlay = 3; overlay < 7; overlay++) assert.ok(ring.fill(overlay, 64) > 0, `${overlay}`);
    assert.ok(ring.push(0, 64), 'what belongs to nobody is bound by no share');
    assert.equal(ring.push(1, 64), false);
    while (ring.of(1) > 0) ring.pull();
    assert.ok(ring.push(1, 1024), 'what was given back is free');
  });

  test(`${build}: room that is less than the ring is shared likewise`, async () => {
    const ring = await Ring.open(build);
    while (ring.push(1, 64, RING_CAPACITY / 2));
    assert.equal(ring.of(1), (RING_CAPACITY / 2) * (SHARE / (SHARE + 1)));
    assert.ok(ring.push(2, 64, RING_CAPACITY / 2));
  });

  test(`${build}: a producer that starts anew counts what waits`, async () => {
    const ring = await Ring.open(build, NEAR_OVERFLOW);
    ring.fill(1, 1000);
    for (let count = 0; count < 100; count++) ring.pull();
    ring.restart();
    assert.equal(ring.fill(1, 1000), Math.floor((RING_CAPACITY * SHARE) / (SHARE + 1) / 1000) * 1000);
  });

  test(`${build}: whatever comes and goes, nobody has more than three times what is free`, async () => {
    const m = await loadBuild(build, 32);
    const push = fc.record({ overlay: fc.integer({ min: 1, max: 3 }), size: fc.integer({ min: 16, max: 60_000 }) });
    const step = fc.oneof({ weight: 5, arbitrary: push }, { weight: 3, arbitrary: fc.constant(null) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ring = new Ring(m, NEAR_OVERFLOW);
        for (const each of steps) {
          if (each === null) ring.pull();
          else {
            const bytes = (each.size + 7) & ~7;
            const isPushed = ring.push(each.overlay, each.size);
            const [own, free] = [ring.of(each.overlay), RING_CAPACITY - ring.used];
            // The end of the ring, which no record crosses, may be lost as well.
            if (isPushed) assert.ok(own <= free * SHARE);
            else assert.ok(own + bytes > (free - bytes - 60_000) * SHARE);
          }
        }
      }),
      { numRuns: 100 },
    );
  });
}
