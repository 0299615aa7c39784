/**
 * What was carried and dropped over the last minutes, for whoever looks only now. Bounded: so many points, and of each
 * overlay that has carried anything some 7 KiB.
 */
import type { HistoryPoint } from '../../control/protocol.js';
import type { DropReason } from '../../datapath/types.js';

/** 15 minutes of what is looked at every 5 s. */
export const POINTS_KEPT = 180;

export type Drops = Readonly<Partial<Record<DropReason, number>>>;

/** Counters, which grow. */
export interface Counters {
  readonly encap: { readonly frames: number; readonly bytes: number };
  readonly decap: { readonly frames: number; readonly bytes: number };
  readonly drops: Drops;
}

/** Frames sent, their bytes, frames received, their bytes. */
const VALUES = 4;
const NO_DROPS: Drops = {};

/** Of one overlay, or of all: each point at the same place in every one. */
class Ring {
  readonly values = new Float64Array(POINTS_KEPT * VALUES);
  readonly drops: Drops[] = Array(POINTS_KEPT).fill(NO_DROPS);

  clear(at: number): void {
    this.values.fill(0, at * VALUES, (at + 1) * VALUES);
    this.drops[at] = NO_DROPS;
  }

  add(at: number, { values, drops }: Grown): void {
    for (const [index, value] of values.entries()) this.values[at * VALUES + index]! += value;
    const sum: Record<string, number> = { ...this.drops[at] };
    for (const [reason, frames] of Object.entries(drops)) sum[reason] = (sum[reason] ?? 0) + frames;
    if (Object.keys(sum).length > 0) this.drops[at] = sum;
  }
}

export class TrafficHistory {
  readonly #timesMs = new Float64Array(POINTS_KEPT);
  readonly #seconds = new Float64Array(POINTS_KEPT);
  readonly #all = new Ring();
  /** Of overlays that have carried or dropped anything. */
  readonly #rings = new Map<string, Ring>();
  #count = 0;

  /**
   * Adds a point: how `now` has grown since `before`, by name of the overlay. What was not there before has grown from
   * nothing, and what is no more is forgotten. `timeMs`: since 1970.
   */
  add(
    timeMs: number,
    seconds: number,
    before: ReadonlyMap<string, Counters>,
    now: ReadonlyMap<string, Counters>,
  ): void {
    const at = this.#count++ % POINTS_KEPT;
    this.#timesMs[at] = timeMs;
    this.#seconds[at] = seconds;
    this.#all.clear(at);
    for (const [name, ring] of this.#rings) {
      ring.clear(at);
      if (!now.has(name)) this.#rings.delete(name);
    }
    for (const [name, counters] of now) {
      const grown = grownSince(before.get(name), counters);
      if (grown === null) continue;
      this.#all.add(at, grown);
      this.#ringOf(name).add(at, grown);
    }
  }

  /** Oldest first. `name`: of an overlay; null: of all, and of what is of none. `afterMs`: since 1970. */
  points(name: string | null, afterMs = Number.NEGATIVE_INFINITY): HistoryPoint[] {
    const ring = name === null ? this.#all : this.#rings.get(name);
    const points: HistoryPoint[] = [];
    for (let index = Math.max(0, this.#count - POINTS_KEPT); index < this.#count; index++) {
      const at = index % POINTS_KEPT;
      const timeMs = this.#timesMs[at]!;
      if (timeMs <= afterMs) continue;
      const value = (which: number) => ring?.values[at * VALUES + which] ?? 0;
      points.push({
        time: new Date(timeMs).toISOString(),
        seconds: this.#seconds[at]!,
        encap: { frames: value(0), bytes: value(1) },
        decap: { frames: value(2), bytes: value(3) },
        drops: { ...(ring?.drops[at] as Record<string, number> | undefined) },
      });
    }
    return points;
  }

  #ringOf(name: string): Ring {
    const ring = this.#rings.get(name) ?? new Ring();
    this.#rings.set(name, ring);
    return ring;
  }
}

interface Grown {
  readonly values: readonly number[];
  readonly drops: Drops;
}

/** null: nothing has. An overlay of the same name that was made anew counts from nothing. */
function grownSince(before: Counters | undefined, { encap, decap, drops }: Counters): Grown | null {
  const more = (now: number, then = 0) => (now >= then ? now - then : now);
  const values = [
    more(encap.frames, before?.encap.frames),
    more(encap.bytes, before?.encap.bytes),
    more(decap.frames, before?.decap.frames),
    more(decap.bytes, before?.decap.bytes),
  ];
  const dropped: Partial<Record<DropReason, number>> = {};
  for (const [reason, frames] of Object.entries(drops) as [DropReason, number][]) {
    const grown = more(frames, before?.drops[reason]);
    if (grown > 0) dropped[reason] = grown;
  }
  const isNothing = values.every((value) => value === 0) && Object.keys(dropped).length === 0;
  return isNothing ? null : { values, drops: dropped };
}
