/** How much a second: two looks at counters that grow. */
import type { StatsView } from 'vxlane/client';

export interface TrafficRate {
  readonly frames: number;
  readonly bytes: number;
}

export interface OverlayRate {
  readonly encap: TrafficRate;
  readonly decap: TrafficRate;
  /** Frames that should have been carried, and were not. */
  readonly drops: number;
  /** Of those the ones that should have left for the underlay. */
  readonly lost: number;
  /** Their share of all that should have: 0 to 1. */
  readonly loss: number;
}

export interface PeerRate {
  readonly encap: TrafficRate;
  readonly decap: TrafficRate;
  /** The share of what should have left for it and could not: 0 to 1. What is lost on its way, nobody here knows. */
  readonly loss: number;
}

/** Frames that were to leave for the underlay, and could not. */
const LOST_ON_THE_WAY_OUT = ['exceeds_pmtu', 'underlay_busy', 'underlay_unreachable', 'underlay_error'];

const NOTHING: TrafficRate = { frames: 0, bytes: 0 };

interface Look {
  readonly atMs: number;
  readonly stats: StatsView;
}

export class Rates {
  #before: Look | null = null;
  readonly overlays = new Map<string, OverlayRate>();
  readonly peers = new Map<string, PeerRate>();
  /** Nothing can be said of one look. */
  isKnown = false;

  /** `atMs`: of a monotonic clock. */
  look(stats: StatsView, atMs: number): void {
    const before = this.#before;
    this.#before = { atMs, stats };
    this.overlays.clear();
    this.peers.clear();
    this.isKnown = before !== null && atMs > before.atMs;
    if (before === null || !this.isKnown) return;
    const seconds = (atMs - before.atMs) / 1000;
    this.#lookAtOverlays(before.stats, stats, seconds);
    const known = new Map(before.stats.endpoints.map((each) => [each.endpoint, each]));
    for (const { endpoint, encap, decap, drops } of stats.endpoints) {
      const then = known.get(endpoint);
      const sent = trafficRate(then?.encap, encap, seconds);
      const loss = lossOf(grown(then?.drops, drops) / seconds, sent);
      this.peers.set(endpoint, { encap: sent, decap: trafficRate(then?.decap, decap, seconds), loss });
    }
  }

  /** Of all overlays together. */
  get total(): OverlayRate {
    const all = [...this.overlays.values()];
    const sum = (of: (rate: OverlayRate) => number) => all.reduce((total, rate) => total + of(rate), 0);
    const encap = { frames: sum((rate) => rate.encap.frames), bytes: sum((rate) => rate.encap.bytes) };
    const lost = sum((rate) => rate.lost);
    return {
      encap,
      decap: { frames: sum(({ decap }) => decap.frames), bytes: sum(({ decap }) => decap.bytes) },
      drops: sum(({ drops }) => drops),
      lost,
      loss: lossOf(lost, encap),
    };
  }

  /** Another daemon counts from nothing. */
  forget(): void {
    this.#before = null;
    this.isKnown = false;
    this.overlays.clear();
    this.peers.clear();
  }

  #lookAtOverlays(before: StatsView, now: StatsView, seconds: number): void {
    const known = new Map(before.overlays.map((each) => [each.name, each]));
    for (const { name, encap, decap, drops, expectedDrops } of now.overlays) {
      const then = known.get(name);
      const sent = trafficRate(then?.encap, encap, seconds);
      const lost = LOST_ON_THE_WAY_OUT.reduce((sum, reason) => sum + grown(then?.drops[reason], drops[reason]), 0);
      const unexpected = (of: Readonly<Record<string, number>>, expected: number) =>
        Object.values(of).reduce((sum, frames) => sum + frames, 0) - expected;
      const dropped = grown(then && unexpected(then.drops, then.expectedDrops), unexpected(drops, expectedDrops));
      this.overlays.set(name, {
        encap: sent,
        decap: trafficRate(then?.decap, decap, seconds),
        drops: dropped / seconds,
        lost: lost / seconds,
        loss: lossOf(lost / seconds, sent),
      });
    }
  }
}

/** What was not there before has grown from nothing; what is less than before was made anew. */
function grown(before = 0, now = 0): number {
  return now >= before ? now - before : now;
}

const lossOf = (lost: number, { frames }: TrafficRate): number => (lost === 0 ? 0 : lost / (lost + frames));

function trafficRate(before: TrafficRate = NOTHING, now: TrafficRate, seconds: number): TrafficRate {
  return {
    frames: grown(before.frames, now.frames) / seconds,
    bytes: grown(before.bytes, now.bytes) / seconds,
  };
}
