/** How much each overlay carries and drops a second: counters, looked at now and then. */
import type { Datapath } from '../../datapath/datapath.js';
import { isExpectedDrop } from '../../datapath/drops.js';
import type { DropReason } from '../../datapath/types.js';
import type { Overlay } from '../overlay/overlay.js';

/** To look at a thousand overlays takes milliseconds. */
const SAMPLE_EVERY_MS = 5000;

type Drops = Readonly<Partial<Record<DropReason, number>>>;

interface Sample {
  readonly atMs: number;
  /** Both ways. */
  readonly frames: number;
  readonly drops: Drops;
}

/** Since the look before the last one, or since the start. */
export interface Rate {
  readonly framesPerSecond: number;
  /** Of those that are not expected. */
  readonly dropsPerSecond: number;
  /** The reason of most of them; null: there are none. */
  readonly reason: DropReason | null;
}

const NOTHING: Drops = {};

export class TrafficMeter {
  readonly #startedAtMs: number;
  #before = new Map<string, Sample>();
  #last = new Map<string, Sample>();
  #sampledAtMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: number) {
    this.#startedAtMs = nowMs;
  }

  tick(nowMs: number, datapath: Datapath, overlays: Iterable<Overlay>): void {
    if (nowMs - this.#sampledAtMs < SAMPLE_EVERY_MS) return;
    this.#sampledAtMs = nowMs;
    this.#before = this.#last;
    this.#last = new Map();
    for (const overlay of overlays) this.#last.set(overlay.name, sampleOf(overlay, datapath, nowMs));
  }

  /** Between now and the look before the last one: 5 to 10 s. */
  rate(overlay: Overlay, datapath: Datapath, nowMs: number): Rate {
    const now = sampleOf(overlay, datapath, nowMs);
    const since = this.#before.get(overlay.name) ?? { atMs: this.#startedAtMs, frames: 0, drops: NOTHING };
    const perSecond = (frames: number) => Math.max(0, frames / Math.max(1, (nowMs - since.atMs) / 1000));
    let [drops, most, reason]: [number, number, DropReason | null] = [0, 0, null];
    for (const [name, count] of Object.entries(now.drops) as [DropReason, number][]) {
      const more = isExpectedDrop(name) ? 0 : count - (since.drops[name] ?? 0);
      if (more > most) [most, reason] = [more, name];
      drops += Math.max(0, more);
    }
    return { framesPerSecond: perSecond(now.frames - since.frames), dropsPerSecond: perSecond(drops), reason };
  }
}

function sampleOf({ attachment }: Overlay, datapath: Datapath, atMs: number): Sample {
  if (attachment === null) return { atMs, frames: 0, drops: NOTHING };
  const { encap, decap, drops } = datapath.overlayCounters(attachment.index);
  return { atMs, frames: encap.frames + decap.frames, drops };
}
