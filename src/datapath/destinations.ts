/**
 * What overlays and FDB entries name: endpoints and flood lists. A place is given out again when nobody names it and no
 * worker can still be sending there.
 */
import { ENDPOINTS_MAX } from '../../assembly/layout.js';
import { tableFull } from '../errors.js';
import type { Endpoints } from './endpoints.js';
import type { Fdb } from './fdb.js';
import { FloodLists } from './flood-lists.js';
import type { Views } from './memory.js';
import type { OverlayTargets, Tables } from './tables.js';
import type { OverlayConfig, OverlayIndex } from './types.js';

export interface DestinationsOptions {
  readonly views: Views;
  readonly endpoints: Endpoints;
  readonly tables: Tables;
  readonly fdb: Fdb;
  /** Resolves when every worker works with the tables as they are now. */
  readonly quiesce: () => Promise<void>;
}

const NOTHING: OverlayTargets = { point: 0, flood: 0 };

export class Destinations {
  readonly #options: DestinationsOptions;
  readonly #floods: FloodLists;
  /** What overlays are about to name. */
  readonly #prepared = new Set<OverlayTargets>();
  #sweeping = false;

  constructor(options: DestinationsOptions) {
    this.#options = options;
    this.#floods = new FloodLists(options.views, options.endpoints);
  }

  /** What a configuration names. `current`: what the overlay names now; an equal flood list stays. */
  of(config: OverlayConfig, current: OverlayTargets = NOTHING): OverlayTargets {
    const flood = this.#floods.write(config.flood?.endpoints ?? [], current.flood, config.socket);
    return { point: this.#point(config), flood };
  }

  /**
   * Finds room for what another configuration of an overlay names, or throws; then nothing has changed. What it answers
   * brings the configuration into effect and cannot throw. It is to be called before the overlay changes otherwise: an
   * equal flood list is shared with the configuration that stands.
   */
  prepare(index: OverlayIndex, config: OverlayConfig): () => void {
    const { tables } = this.#options;
    const before = tables.targetsOf(index);
    const after = this.of(config, before);
    this.#prepared.add(after);
    return () => {
      tables.setOverlay(index, config, after);
      this.#prepared.delete(after);
      void this.#changed(before, after);
    };
  }

  #point(config: OverlayConfig): number {
    if (config.point === null || config.point === 'drop') return 0;
    const point = this.#options.endpoints.intern(config.point, config.socket);
    if (point === 0) throw tableFull('endpoints', ENDPOINTS_MAX - 1);
    return point;
  }

  /** An overlay named `before` and now names `after`. */
  async #changed(before: OverlayTargets, after: OverlayTargets): Promise<void> {
    this.sweepIfLow();
    if (before.flood === 0 || before.flood === after.flood) return;
    await this.#options.quiesce();
    this.#floods.release(before.flood);
  }

  /** No worker can still read these. */
  release({ flood }: OverlayTargets): void {
    this.#floods.release(flood);
  }

  /** To be called when an endpoint may have become known. */
  sweepIfLow(): void {
    if (this.#options.endpoints.isLow) void this.#sweep();
  }

  async #sweep(): Promise<void> {
    const { endpoints, quiesce } = this.#options;
    if (this.#sweeping) return;
    this.#sweeping = true;
    const unused = endpoints.forgetUnused(this.inUse());
    await quiesce();
    endpoints.release(unused);
    this.#sweeping = false;
  }

  /** Endpoints that an FDB entry names, an overlay, or what one is about to. */
  inUse(): Set<number> {
    const { fdb, tables } = this.#options;
    const used = fdb.endpointsInUse();
    for (const { point, flood } of [...tables.targetsInUse(), ...this.#prepared]) {
      used.add(point);
      for (const index of this.#floods.at(flood)) used.add(index);
    }
    return used;
  }
}
