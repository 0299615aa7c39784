/**
 * The search plugin of one overlay as it comes and goes: a candidate is started, takes over, is changed, dies, is
 * stopped. What the last one was able to do is remembered while there is none.
 */
import { messageOf } from '../errors.js';
import type { Flood, PluginLog, Target } from '../search/api.js';
import type { FoundPlugin } from '../search/find.js';
import type { Deadlines } from '../search/host/deadlines.js';
import type { PluginHost } from '../search/host/host.js';
import type { Ability } from '../search/host/messages.js';
import { PluginCounts, type PluginFault } from '../search/host/types.js';
import { Candidate, floodOf, pointOf } from './candidate.js';
import type { Health } from './health.js';
import type { Configuration } from './overlay-props.js';

export interface SearchSideOptions {
  readonly overlay: string;
  readonly vni: number;
  readonly log: PluginLog;
  readonly health: Health;
  readonly deadlines: Deadlines;
  readonly hosts: Set<PluginHost>;
  readonly wordsMax: number;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
  /** The running instance has ended without being told to. */
  readonly onDeath: (fault: PluginFault) => void;
  /** What it floods to, or its one destination, may be another. */
  readonly onChange: () => void;
}

export class SearchSide {
  readonly counts = new PluginCounts();
  readonly #options: SearchSideOptions;
  #found: FoundPlugin | null;
  #serving: Candidate | null = null;
  /** Of the last instance. */
  #abilities: (ability: Ability) => boolean = () => false;
  #point: Target | null = null;
  #flood: Flood | null = null;
  /** When the destination was last asked for. */
  #pointAtMs = 0;
  /** Candidates that are starting. */
  readonly #starting = new Set<Candidate>();

  /** `found`: null when the plugin is not there, as after a restart. */
  constructor(found: FoundPlugin | null, options: SearchSideOptions) {
    this.#found = found;
    this.#options = options;
  }

  get found(): FoundPlugin | null {
    return this.#found;
  }

  /** The plugin as the source of entries. */
  get name(): string {
    return this.#found?.manifest.name ?? 'plugin';
  }

  /** The running plugin. */
  get host(): PluginHost | null {
    return this.#serving?.host ?? null;
  }

  get isPoint(): boolean {
    return this.#found?.manifest.mode === 'point';
  }

  /** The one destination of a point plugin, once it has run; null of a dynamic one. */
  get point(): Target | null {
    return this.#point;
  }

  get pointAtMs(): number {
    return this.#pointAtMs;
  }

  /** What it floods to, once it has run; null: nothing. */
  get flood(): Flood | null {
    return this.#flood;
  }

  can(ability: Ability): boolean {
    return this.#abilities(ability);
  }

  /**
   * Starts an instance beside the one that serves, and asks it for `macs`. Throws what it has against it; then nothing
   * of it is left running.
   */
  async start(found: FoundPlugin, configuration: Configuration, macs: readonly string[] = []): Promise<Candidate> {
    const { overlay, vni, log, deadlines, hosts, wordsMax, now } = this.#options;
    const candidate = new Candidate({
      ...{ overlay, vni, found, configuration, deadlines, hosts, wordsMax, now },
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

  /** The candidate serves from now on. Answers the one before it: it is asked no more, but still to be stopped. */
  takeOver(candidate: Candidate): Candidate | null {
    const { health, now } = this.#options;
    const before = this.#serving;
    before?.host.retire();
    for (const part of ['plugin', 'push', 'lookup', 'reload'] as const) health.restore(part);
    this.#serving = candidate;
    this.#found = candidate.found;
    this.#abilities = (ability) => candidate.host.can(ability);
    this.#point = candidate.point;
    this.#pointAtMs = now();
    this.#flood = candidate.flood;
    return before;
  }

  /** Ends the instance that serves, and any that is about to. */
  async stop(): Promise<void> {
    const ending = [...this.#starting];
    if (this.#serving !== null) ending.push(this.#serving);
    this.#serving = null;
    await Promise.all(ending.map((candidate) => candidate.stop()));
  }

  /** SIGHUP. A failure is the overlay's health. */
  async reload(): Promise<void> {
    const { health } = this.#options;
    try {
      await this.host?.reload();
      await this.#askAgain();
      health.restore('reload');
    } catch (thrown) {
      health.degrade('reload', messageOf(thrown));
    }
  }

  /**
   * Tells the plugin the values of `names` in its new configuration. A plugin that does not run learns them when it
   * starts. Throws, and leaves the old destination, when it refuses.
   */
  async change(configuration: Configuration, names: readonly string[]): Promise<void> {
    if (this.host === null || names.length === 0) return;
    const { values } = configuration;
    const changed = names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]] as const]));
    await this.host.change(Object.fromEntries(changed));
    await this.#askAgain(configuration);
  }

  /** Which of these properties are the plugin's. */
  ownNames(names: readonly string[]): string[] {
    return names.filter((name) => this.#found?.manifest.properties.some((spec) => spec.name === name));
  }

  async #askAgain(configuration = this.#serving?.configuration): Promise<void> {
    const serving = this.#serving;
    if (serving === null || configuration === undefined) return;
    if (this.isPoint) {
      this.#point = await pointOf(serving.host, configuration, this.#options.overlay);
      this.#pointAtMs = this.#options.now();
    } else this.#flood = await floodOf(serving.host, configuration);
    this.#options.onChange();
  }

  #died(host: PluginHost, fault: PluginFault): void {
    if (this.#serving?.host !== host) return;
    const dead = this.#serving;
    this.#serving = null;
    void dead.stop();
    this.#options.onDeath(fault);
  }
}
