/** Whoever captures during a round, or does not: what is mirrored of frames that lie can be read all the same. */
import assert from 'node:assert/strict';
import { W_CAPTURE_RING, WORKERS_BASE } from '../../assembly/layout.js';
import { CaptureRecords } from '../../src/datapath/capture-records.js';
import { Captures } from '../../src/datapath/captures.js';
import type { Core } from '../support/core.js';
import { Random } from '../support/random.js';

const RING = WORKERS_BASE + W_CAPTURE_RING;
/** A super-frame with its tags. */
const FRAME_MAX = 66_000;

export class Watcher {
  readonly #core: Core;
  readonly #captures: Captures;
  readonly #records: CaptureRecords;

  /** Draws numbers of its own: a round goes the same way whether it is watched or not. */
  constructor(core: Core, seed: number, overlay: number, vnic: number, mac: string) {
    this.#core = core;
    this.#captures = new Captures(core.module, core.views, 1, async () => {});
    this.#records = new CaptureRecords(core.views);
    const random = new Random(seed + 1);
    for (let left = random.below(3); left > 0; left--) {
      const filter = {
        overlay: random.oneIn(3) ? overlay : null,
        vnic: random.oneIn(3) ? vnic : null,
        mac: random.oneIn(3) ? mac : null,
        ip: random.oneIn(3) ? random.pick(['10.0.0.1', 'fd00::9']) : null,
        reasons: random.oneIn(3) ? (['bad_vlan', 'hairpin'] as const) : [],
        snapLength: random.pick([64, 1500, 1 << 18]),
      };
      this.#captures.open(filter, () => {});
    }
  }

  /** Reads what there is. */
  read(): void {
    const { module } = this.#core;
    for (let record = module.captureRead(RING); record !== 0; record = module.captureRead(RING)) {
      const { point, bytes, length, frames, reason } = this.#records.decode(record >>> 0);
      assert.ok(point !== undefined && reason !== undefined && frames > 0, `${point} ${reason} ${frames}`);
      assert.ok(bytes.length <= length && length <= FRAME_MAX, `${bytes.length} of ${length} bytes`);
    }
    module.ringRelease(RING);
  }

  stop(): void {
    this.read();
    this.#captures.stop();
  }
}
