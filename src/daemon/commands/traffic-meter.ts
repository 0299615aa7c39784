/** How much each overlay carries and drops a second, and what belongs to none: counters, looked at now and then. */
import type { Datapath } from '../../datapath/datapath.js';
import { isExpectedDrop } from '../../datapath/drops.js';
import type { DropReason, OverlayIndex } from '../../datapath/types.js';
import type { Tell } from '../events/event-log.js';
import type { Overlay } from '../overlay/overlay.js';

/** To look at a thousand overlays takes milliseconds. */
const SAMPLE_EVERY_MS = 5000;

/** What is dropped for these was too much of something. */
const LIMITS: readonly DropReason[] = [
  'hold_full',
  'upcall_limited',
  'upcall_ring_full',
  'inject_ring_full',
  'underlay_busy',
];

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
/** Under this name, and in the datapath under this index, counts what belongs to no overlay. */
const NO_OVERLAY = { name: '', index: 0 };

export class TrafficMeter {
  readonly #startedAtMs: number;
  #before = new Map<string, Sample>();
  #last = new Map<string, Sample>();
  #sampledAtMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: number) {
    this.#startedAtMs = nowMs;
  }

  tick(nowMs: number, datapath: Datapath, overlays: Iterable<Overlay>, tell: Tell): void {
    if (nowMs - this.#sampledAtMs < SAMPLE_EVERY_MS) return;
    this.#sampledAtMs = nowMs;
    this.#before = this.#last;
    this.#last = new Map();
    for (const overlay of overlays) {
      const sample = sampleOf(overlay, datapath, nowMs);
      this.#last.set(overlay.name, sample);
      tellLimits(tell, overlay.name, this.#before.get(overlay.name)?.drops ?? NOTHING, sample.drops);
    }
    this.#last.set(NO_OVERLAY.name, sampleAt(NO_OVERLAY.index, datapath, nowMs));
  }

  /** Between now and the look before the last one: 5 to 10 s. */
  rate(overlay: Overlay, datapath: Datapath, nowMs: number): Rate {
    return this.#rateOf(overlay.name, sampleOf(overlay, datapath, nowMs));
  }

  /** Of what belongs to no overlay. */
  rateOfRest(datapath: Datapath, nowMs: number): Rate {
    return this.#rateOf(NO_OVERLAY.name, sampleAt(NO_OVERLAY.index, datapath, nowMs));
  }

  #rateOf(name: string, now: Sample): Rate {
    const since = this.#before.get(name) ?? { atMs: this.#startedAtMs, frames: 0, drops: NOTHING };
    const perSecond = (frames: number) => Math.max(0, frames / Math.max(1, (now.atMs - since.atMs) / 1000));
    let [drops, most, reason]: [number, number, DropReason | null] = [0, 0, null];
    for (const [each, count] of Object.entries(now.drops) as [DropReason, number][]) {
      const more = isExpectedDrop(each) ? 0 : count - (since.drops[each] ?? 0);
      if (more > most) [most, reason] = [more, each];
      drops += Math.max(0, more);
    }
    return { framesPerSecond: perSecond(now.frames - since.frames), dropsPerSecond: perSecond(drops), reason };
  }
}

function tellLimits(tell: Tell, overlay: string, before: Drops, now: Drops): void {
  for (const reason of LIMITS) {
    const frames = (now[reason] ?? 0) - (before[reason] ?? 0);
    if (frames > 0) tell('limit_hit', { object: `overlay ${overlay}`, overlay, new: String(frames), reason });
  }
}

function sampleOf({ attachment }: Overlay, datapath: Datapath, atMs: number): Sample {
  return attachment === null ? { atMs, frames: 0, drops: NOTHING } : sampleAt(attachment.index, datapath, atMs);
}

function sampleAt(index: OverlayIndex, datapath: Datapath, atMs: number): Sample {
  const { encap, decap, drops } = datapath.overlayCounters(index);
  return { atMs, frames: encap.frames + decap.frames, drops };
}
