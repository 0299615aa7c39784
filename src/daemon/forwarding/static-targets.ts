/**
 * The static targets of one overlay on their way into the FDB, which may have no room for all of them, as after a
 * restart with a smaller one.
 */
import type { PluginLog, Target } from '../../search/api.js';
import type { Health } from '../health/health.js';

/** Writes a static target to the FDB. A text: why there is no room. */
export type PutStatic = (mac: string, target: Target) => string | null;

export class StaticTargets {
  readonly #health: Health;
  readonly #log: PluginLog;
  readonly #lost = new Set<string>();

  constructor(health: Health, log: PluginLog) {
    this.#health = health;
    this.#log = log;
  }

  /** Writes them all. What is lost is logged, and the overlay's health says so until all are found again. */
  putAll(statics: ReadonlyMap<string, Target>, put: PutStatic): void {
    this.#lost.clear();
    let reason = '';
    for (const [mac, target] of statics) {
      const refusal = put(mac, target);
      if (refusal === null) continue;
      reason = refusal;
      this.#lost.add(mac);
      this.#log.warn('a static target is not in effect', { mac, reason });
    }
    this.#say(reason);
  }

  /** Tries the lost ones again, up to the first that still has no room; those that were deleted are no longer lost. */
  retry(statics: ReadonlyMap<string, Target>, put: PutStatic): void {
    if (this.#lost.size === 0) return;
    let refusal: string | null = null;
    for (const mac of this.#lost) {
      const target = statics.get(mac);
      refusal = target === undefined ? null : put(mac, target);
      if (refusal !== null) break;
      this.#lost.delete(mac);
    }
    this.#say(refusal ?? '');
  }

  #say(reason: string): void {
    const { size } = this.#lost;
    if (size === 0) this.#health.restore('statics');
    else this.#health.degrade('statics', `static targets not in effect: ${size}: ${reason}`);
  }
}
