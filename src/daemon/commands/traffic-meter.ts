/** How much each overlay carries and drops a second, and what belongs to none: counters, looked at now and then. */
import type { Datapath } from '../../datapath/datapath.js';
import { isExpectedDrop } from '../../datapath/drops.js';
import type { DropReason, OverlayIndex } from '../../datapath/types.js';
import type { Tell } from '../events/event-log.js';
import type { Overlay } from '../overlay/overlay.js';
import { type Counters, type Drops, TrafficHistory } from './traffic-history.js';

/** To look at a thousand overlays takes milliseconds. */
const SAMPLE_EVERY_MS = 5000;

/** What is dropped for these was too much of something. */
const LIMITS: readonly DropReason[] = [
  'hold_full',
  'upcall_limited',
  'oam_limited',
  'upcall_ring_full',
  'inject_ring_full',
  'underlay_busy',
];

interface Sample extends Counters {
  readonly atMs: number;
}

/** Since the look before the last one, or since the start. */
export interface Rate {
  readonly framesPerSecond: number;
  /** Of those that are not expected. */
  readonly dropsPerSecond: number;
  /** The reason of most of them; null: there are none. */
  readonly reason: DropReason | null;
}

const NO_DROPS: Drops = {};
const NO_TRAFFIC = { frames: 0, bytes: 0 };
const NOTHING: Counters = { encap: NO_TRAFFIC, decap: NO_TRAFFIC, drops: NO_DROPS };
/** Under this name, and in the datapath under this index, counts what belongs to no overlay. */
const NO_OVERLAY = { name: '', index: 0 };

export class TrafficMeter {
  readonly history = new TrafficHistory();
  readonly #startedAtMs: number;
  #before = new Map<string, Sample>();
  #last = new Map<string, Sample>();
  #sampledAtMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: number) {
    this.#startedAtMs = nowMs;
  }

  tick(nowMs: number, datapath: Datapath, overlays: Iterable<Overlay>, tell: Tell): void {
    if (nowMs - this.#sampledAtMs < SAMPLE_EVERY_MS) return;
    const sinceMs = Math.max(this.#sampledAtMs, this.#startedAtMs);
    this.#sampledAtMs = nowMs;
    this.#before = this.#last;
    this.#last = new Map();
    for (const overlay of overlays) {
      const sample = sampleOf(overlay, datapath, nowMs);
      this.#last.set(overlay.name, sample);
      tellLimits(tell, overlay.name, this.#before.get(overlay.name)?.drops ?? NO_DROPS, sample.drops);
    }
    this.#last.set(NO_OVERLAY.name, sampleAt(NO_OVERLAY.index, datapath, nowMs));
    if (nowMs > sinceMs) this.history.add(Date.now(), (nowMs - sinceMs) / 1000, this.#before, this.#last);
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
    const since = this.#before.get(name) ?? { atMs: this.#startedAtMs, ...NOTHING };
    const perSecond = (frames: number) => Math.max(0, frames / Math.max(1, (now.atMs - since.atMs) / 1000));
    let [drops, most, reason]: [number, number, DropReason | null] = [0, 0, null];
    for (const [each, count] of Object.entries(now.drops) as [DropReason, number][]) {
      const more = isExpectedDrop(each) ? 0 : count - (since.drops[each] ?? 0);
      if (more > most) [most, reason] = [more, each];
      drops += Math.max(0, more);
    }
    return { framesPerSecond: perSecond(framesOf(now) - framesOf(since)), dropsPerSecond: perSecond(drops), reason };
  }
}

function tellLimits(tell: Tell, overlay: string, before: Drops, now: Drops): void {
  for (const reason of LIMITS) {
    const frames = (now[reason] ?? 0) - (before[reason] ?? 0);
    if (frames > 0) tell('limit_hit', { object: `overlay ${overlay}`, overlay, new: String(frames), reason });
  }
}

function sampleOf({ attachment }: Overlay, datapath: Datapath, atMs: number): Sample {
  return attachment === null ? { atMs, ...NOTHING } : sampleAt(attachment.index, datapath, atMs);
}

function sampleAt(index: OverlayIndex, datapath: Datapath, atMs: number): Sample {
  const { encap, decap, drops } = datapath.overlayCounters(index);
  return { atMs, encap, decap, drops };
}

/** Both ways. */
const framesOf = ({ encap, decap }: Counters): number => encap.frames + decap.frames;
