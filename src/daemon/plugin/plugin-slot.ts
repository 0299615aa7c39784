/**
 * The search plugin of one overlay as it comes and goes: a candidate is started, takes over, is changed, dies, is
 * stopped. What the last one was able to do is remembered while there is none.
 */
import { messageOf } from '../../errors.js';
import type { OverlayConfiguration } from '../../overlay-properties/overlay-properties.js';
import type { Flood, PluginLog, Target } from '../../search/api.js';
import type { FoundPlugin } from '../../search/find.js';
import type { Deadlines } from '../../search/host/deadlines.js';
import type { PluginHost } from '../../search/host/host.js';
import type { Ability } from '../../search/host/messages.js';
import { PluginCounts, type PluginFault } from '../../search/host/types.js';
import type { Health } from '../health/health.js';
import { floodOf, PluginInstance, pointOf } from './instance.js';

export interface SlotOptions {
  readonly overlay: string;
  readonly vni: number;
  readonly log: PluginLog;
  readonly health: Health;
  readonly deadlines: Deadlines;
  readonly hosts: Set<PluginHost>;
  readonly pushesMax: number;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
  /** The running instance has ended without being told to. */
  readonly onDeath: (fault: PluginFault) => void;
  /** What it floods to, or its one destination, may be another. */
  readonly onChange: () => void;
}

interface Side {
  /** null while there is none; the rest is then what the last one was able to do. */
  serving: PluginInstance | null;
  readonly found: FoundPlugin | null;
  readonly abilities: (ability: Ability) => boolean;
  point: Target | null;
  /** When the destination was last asked for. */
  pointAtMs: number;
  flood: Flood | null;
}

export class PluginSlot {
  readonly counts = new PluginCounts();
  readonly #options: SlotOptions;
  #side: Side;
  /** Candidates that are starting. */
  readonly #starting = new Set<PluginInstance>();

  /** `found`: null when the plugin is not there, as after a restart. */
  constructor(found: FoundPlugin | null, options: SlotOptions) {
    this.#side = { serving: null, found, abilities: () => false, point: null, pointAtMs: 0, flood: null };
    this.#options = options;
  }

  get found(): FoundPlugin | null {
    return this.#side.found;
  }

  /** The plugin as the source of entries. */
  get name(): string {
    return this.found?.manifest.name ?? 'plugin';
  }

  /** The running plugin. */
  get host(): PluginHost | null {
    return this.#side.serving?.host ?? null;
  }

  get isPoint(): boolean {
    return this.found?.manifest.mode === 'point';
  }

  /** The one destination of a point plugin, once it has run; null of a dynamic one. */
  get point(): Target | null {
    return this.#side.point;
  }

  get pointAtMs(): number {
    return this.#side.pointAtMs;
  }

  /** What it floods to, once it has run; null: nothing. */
  get flood(): Flood | null {
    return this.#side.flood;
  }

  can(ability: Ability): boolean {
    return this.#side.abilities(ability);
  }

  /**
   * Starts an instance beside the one that serves, and asks it for `macs`. Throws what it has against it; then nothing
   * of it is left running.
   */
  async start(
    found: FoundPlugin,
    configuration: OverlayConfiguration,
    macs: readonly string[] = [],
  ): Promise<PluginInstance> {
    const { overlay, vni, log, deadlines, hosts, pushesMax, now } = this.#options;
    const candidate = new PluginInstance({
      ...{ overlay, vni, found, configuration, deadlines, hosts, pushesMax, now },
      log,
      counts: this.counts,
      onDeath: (host, fault) => this.#died(host, fault),
    });
    this.#starting.add(candidate);
    try {
      await candidate.start();
      await candidate.warm(macs);
      if (candidate.fault !== null) throw candidate.fault;
      return candidate;
    } catch (thrown) {
      await candidate.stop();
      throw thrown;
    } finally {
      this.#starting.delete(candidate);
    }
  }

  /**
   * The candidate serves from now on; `apply` tells whoever has to know. When that throws, all is as it was. Answers
   * the one before it: it is asked no more, but still to be stopped.
   */
  takeOver(candidate: PluginInstance, apply: () => void): PluginInstance | null {
    const { health, now } = this.#options;
    const { found, host, point, flood } = candidate;
    const was = this.#side;
    const abilities = (ability: Ability) => host.can(ability);
    this.#side = { serving: candidate, found, abilities, point, pointAtMs: now(), flood };
    try {
      apply();
    } catch (thrown) {
      this.#side = was;
      throw thrown;
    }
    was.serving?.host.retire();
    for (const part of ['plugin', 'push', 'lookup', 'reload'] as const) health.restore(part);
    return was.serving;
  }

  /** Ends the instance that serves, and any that is about to. */
  async stop(): Promise<void> {
    const ending = [...this.#starting];
    if (this.#side.serving !== null) ending.push(this.#side.serving);
    this.#side.serving = null;
    await Promise.all(ending.map((candidate) => candidate.stop()));
  }

  /** SIGHUP. A failure is the overlay's health. */
  async reload(): Promise<void> {
    const { health } = this.#options;
    const { serving } = this.#side;
    try {
      await serving?.host.reload();
      await this.#askAgain();
      health.restore('reload');
    } catch (thrown) {
      // Of one that was replaced meanwhile nobody wants to know.
      if (serving === this.#side.serving) health.degrade('reload', messageOf(thrown));
    }
  }

  /**
   * Tells the plugin the values of `names` in its new configuration. A plugin that does not run learns them when it
   * starts. Throws, and leaves the old destination, when it refuses.
   */
  async change(configuration: OverlayConfiguration, names: readonly string[]): Promise<void> {
    if (this.host === null || names.length === 0) return;
    const { values } = configuration;
    const changed = names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]] as const]));
    await this.host.change(Object.fromEntries(changed));
    await this.#askAgain(configuration);
  }

  /** Which of these properties are the plugin's. */
  ownNames(names: readonly string[]): string[] {
    return names.filter((name) => this.found?.manifest.properties.some((spec) => spec.name === name));
  }

  async #askAgain(configuration = this.#side.serving?.configuration): Promise<void> {
    const { serving } = this.#side;
    if (serving === null || configuration === undefined) return;
    const point = this.isPoint ? await pointOf(serving.host, configuration, this.#options.overlay) : null;
    const flood = this.isPoint ? null : await floodOf(serving.host, configuration);
    if (serving !== this.#side.serving) return;
    if (point === null) this.#side.flood = flood;
    else Object.assign(this.#side, { point, pointAtMs: this.#options.now() });
    this.#options.onChange();
  }

  #died(host: PluginHost, fault: PluginFault): void {
    const dead = this.#side.serving;
    if (dead?.host !== host) return;
    this.#side.serving = null;
    void dead.stop();
    this.#options.onDeath(fault);
  }
}
