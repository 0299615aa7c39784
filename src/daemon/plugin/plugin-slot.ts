/**
 * The place of a search plugin on one overlay: the one machine that starts, serves, replaces and stops its instances.
 *
 *   absent ──start──▶ starting ──ready──▶ serving        any ──serve──▶ serving (a swap, a new overlay)
 *                      ▲   │ failed          │ death     any ──end────▶ absent, for good
 *                 due  │   ▼                 ▼
 *                     backing-off ◀──────────┘
 *
 * An instance comes to serve in three steps, whoever wanted it: prepare (start it beside whatever serves, and see that
 * nothing stands against it; may throw, and has changed nothing then), commit (cannot throw), retire the one before.
 *
 * The epoch counts the configurations there have been. What was prepared for an older one is refused.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, overlayChangedMeanwhile, pluginFailed } from '../../errors.js';
import { configurationOf, type OverlayConfiguration } from '../../overlay-properties/overlay-properties.js';
import type { Ending, PluginLog } from '../../search/api.js';
import { type FoundPlugin, withPlugin } from '../../search/find.js';
import type { Deadlines } from '../../search/host/deadlines.js';
import type { PluginHost } from '../../search/host/host.js';
import type { Placement } from '../../search/host/placement.js';
import type { Spare } from '../../search/host/spare.js';
import { PluginCounts, PluginFault } from '../../search/host/types.js';
import { Backoff } from '../health/backoff.js';
import type { Health } from '../health/health.js';
import { isPoint, type PluginFacts, PluginInstance } from './instance.js';
import type { PluginSite } from './site.js';

/** Between two questions where it floods, of a plugin that says without end that it floods elsewhere. */
const FLOOD_PACE_MS = 100;

export interface SlotOptions {
  readonly overlay: string;
  readonly vni: number;
  readonly site: PluginSite;
  readonly log: PluginLog;
  readonly health: Health;
  readonly deadlines: Deadlines;
  readonly placement: Placement;
  /** Kept by each slot for itself: those with an instance, and those that mean to have one. They want to be ticked. */
  readonly slots: Set<PluginSlot>;
  /** MACs whose pushes are kept until an instance serves. */
  readonly pushesMax: number;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
}

type State =
  | { readonly name: 'absent' | 'backing-off' }
  | { readonly name: 'starting'; readonly over: Promise<void>; readonly leave: () => void }
  | { readonly name: 'serving'; readonly instance: PluginInstance };

/** An instance that is to be prepared. */
interface Wanted {
  readonly found: FoundPlugin;
  readonly configuration: OverlayConfiguration;
  /** Where it may be made. */
  readonly spare: Spare | null;
  /** It is asked where these are; null: none. */
  readonly macs: () => Iterable<string | null>;
  /** Told of each that was made for it. */
  readonly made?: (instance: PluginInstance) => void;
}

export class PluginSlot {
  /** What instances that are over have done for this overlay. */
  readonly #past = new PluginCounts();
  readonly #options: SlotOptions;
  readonly #backoff = new Backoff();
  #state: State = { name: 'absent' };
  #epoch = 0;
  #isOver = false;
  /** Times that an instance said so since its flood list was last asked for. */
  #floodChanges = 0;
  #facts: PluginFacts;
  /** All that have not come to their end. */
  readonly #instances = new Set<PluginInstance>();
  /** Those of them that have served or were to: what a candidate did that was refused is not this overlay's. */
  readonly #booked = new WeakSet<PluginInstance>();

  /** `found`: null when the plugin is not there, as after a restart. */
  constructor(found: FoundPlugin | null, options: SlotOptions) {
    this.#facts = { found, can: () => false, point: null, pointAtMs: 0, flood: null };
    this.#options = options;
  }

  get state(): State['name'] {
    return this.#state.name;
  }

  /** The running plugin. */
  get host(): PluginHost | null {
    return this.#serving?.host ?? null;
  }

  /** Resolves when the slot is not starting any more, whatever became of that; null: it is not. */
  get starting(): Promise<void> | null {
    return this.#state.name === 'starting' ? this.#state.over : null;
  }

  /** Of the instance that serves, or of the last one that did. */
  get facts(): PluginFacts {
    return this.#facts;
  }

  get found(): FoundPlugin | null {
    return this.#facts.found;
  }

  /** The plugin as the source of entries. */
  get name(): string {
    return this.found?.manifest.name ?? 'plugin';
  }

  get isPoint(): boolean {
    return isPoint(this.#facts);
  }

  /** Of all instances that have served or were to, from the first on. */
  get counts(): PluginCounts {
    const booked = [...this.#instances].filter((instance) => this.#booked.has(instance));
    return PluginCounts.sum([this.#past, ...booked.map(({ counts }) => counts)]);
  }

  /** Of {@link counts}, without making them: it is asked for often. */
  get deaths(): number {
    let { deaths } = this.#past;
    for (const instance of this.#instances) if (this.#booked.has(instance)) deaths += instance.counts.deaths;
    return deaths;
  }

  /** Which of these properties are the plugin's. */
  ownNames(names: readonly string[]): string[] {
    return names.filter((name) => this.found?.manifest.properties.some((spec) => spec.name === name));
  }

  /** False when the running plugin cannot take other values of these properties: another instance has to. */
  takes(names: readonly string[]): boolean {
    return this.#serving === null || this.ownNames(names).length === 0 || this.#facts.can('change');
  }

  get #serving(): PluginInstance | null {
    return this.#state.name === 'serving' ? this.#state.instance : null;
  }

  /** Starts the plugin, if none serves; joins a start that is under way. Never rejects: a failure is tried again. */
  start(): Promise<void> {
    if (this.#state.name === 'starting') return this.#state.over;
    if (this.#state.name === 'serving' || this.#isOver) return Promise.resolve();
    let leave = () => {};
    const over = new Promise<void>((resolve) => {
      leave = resolve;
    });
    this.#become({ name: 'starting', over, leave });
    void this.#start();
    return over;
  }

  async #start(): Promise<void> {
    const starting = this.#state;
    while (this.#state === starting) {
      const epoch = this.#epoch;
      try {
        await this.#startOne();
      } catch (thrown) {
        // What an outdated start has to say is of no interest, nor that another's fault ended it: it is done again.
        if (this.#state === starting && epoch === this.#epoch && !isShared(thrown)) this.#cannotStart(thrown);
      }
    }
  }

  async #startOne(): Promise<void> {
    const { found } = this;
    if (found !== null) return this.#startFound(found, null);
    const { site, deadlines } = this.#options;
    const { search, configuration } = site.wanted();
    await withPlugin(search, configuration.settings.confinement, deadlines, (...it) => this.#startFound(...it));
  }

  async #startFound(found: FoundPlugin, spare: Spare | null): Promise<void> {
    const { site } = this.#options;
    const { settings, given } = site.wanted().configuration;
    const configuration = configurationOf(settings.socket.encap, found.manifest, given);
    // Nothing serves meanwhile: it is asked for what is known when it does.
    const instance = await this.#prepare({
      ...{ found, configuration, spare },
      macs: () => [],
      made: (own) => this.#booked.add(own),
    });
    await this.#orRetire(instance, async () => void this.#commit(instance));
    site.started(null);
  }

  #cannotStart(thrown: unknown): void {
    const { health, site } = this.#options;
    const known = health.details;
    this.#backOff(thrown);
    if (health.details !== known) site.started(health.details);
  }

  /**
   * Prepares an instance beside whatever serves and hands it to `use`, which makes it {@link serve}. When that throws,
   * or the instance cannot start, the instance is stopped and nothing has happened here. It is made in `spare`, if it
   * can be.
   */
  async prepared<T>(
    found: FoundPlugin,
    configuration: OverlayConfiguration,
    use: (instance: PluginInstance) => Promise<T>,
    spare: Spare | null = null,
  ): Promise<T> {
    const { overlay, site } = this.#options;
    const ready = this.#prepare({ found, configuration, spare, macs: () => site.knownMacs() });
    const instance = await ready.catch((thrown: unknown) => {
      throw pluginFailed(overlay, messageOf(thrown), thrown);
    });
    return this.#orRetire(instance, () => use(instance));
  }

  /** One that falls with a thread it shared is made again, beside fewer others: in the end it is alone. */
  async #prepare({ found, configuration, spare, macs, made }: Wanted): Promise<PluginInstance> {
    const epoch = this.#epoch;
    for (;;) {
      // What the plugin is may have been asked until now: nobody would end an instance that begins after the end.
      if (this.#isOver) throw overlayChangedMeanwhile(this.#options.overlay);
      const instance = this.#make(found, configuration, spare);
      made?.(instance);
      try {
        return await this.#orRetire(instance, async () => {
          await instance.start();
          await instance.warm(macs());
          if (instance.fault !== null) throw instance.fault;
          return instance;
        });
      } catch (thrown) {
        if (!isShared(thrown) || this.#isOver || epoch !== this.#epoch) throw thrown;
      }
    }
  }

  #make(found: FoundPlugin, configuration: OverlayConfiguration, spare: Spare | null): PluginInstance {
    const { overlay, vni, log, deadlines, placement, pushesMax, now } = this.#options;
    const instance = new PluginInstance({
      ...{ overlay, vni, found, configuration, epoch: this.#epoch, log, deadlines, placement, spare, pushesMax, now },
      owner: this,
      onDeath: (dead, fault) => this.#died(dead, fault),
    });
    this.#instances.add(instance);
    this.#enlist();
    return instance;
  }

  /** Nothing is left of an instance that cannot go on, unless it serves. */
  async #orRetire<T>(instance: PluginInstance, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (thrown) {
      if (instance !== this.#serving) await this.#retireBeside(instance, this.#serving);
      throw thrown;
    }
  }

  /** Throws when a prepared instance cannot serve any more: the overlay is another than it was made for, or it died. */
  check({ epoch, fault }: PluginInstance): void {
    if (this.#isOver || epoch !== this.#epoch) throw overlayChangedMeanwhile(this.#options.overlay);
    if (fault !== null) throw fault;
  }

  /**
   * A prepared instance serves from now on, in its configuration: what else was prepared is outdated. Throws what
   * stands against it; then nothing has changed. Resolves when the one before it has stopped.
   */
  serve(instance: PluginInstance): Promise<void> {
    const retired = this.#commit(instance);
    this.#epoch++;
    return retired;
  }

  #commit(instance: PluginInstance): Promise<void> {
    this.check(instance);
    const { site, health, log, now } = this.#options;
    const { facts, configuration, relay } = instance;
    const commit = site.prepare({ facts, configuration, relay });
    // Nothing throws from here on.
    const before = this.#serving;
    this.#facts = facts;
    this.#booked.add(instance);
    this.#become({ name: 'serving', instance });
    for (const part of ['start', 'plugin', 'push', 'lookup', 'reload', 'facts'] as const) health.restore(part);
    const retired = before === null ? Promise.resolve() : this.#retireBeside(before, instance);
    commit();
    this.#backoff.succeeded(now());
    log.info('search plugin serves', { plugin: instance.found.reference });
    return retired;
  }

  /** `other` serves; null: none does. */
  #retireBeside(instance: PluginInstance, other: PluginInstance | null): Promise<void> {
    if (other === null) return this.#retire(instance, 'to_resume');
    if (other.found.manifest.name !== instance.found.manifest.name) return this.#retire(instance, 'for_good');
    return this.#retire(instance, 'to_resume', other);
  }

  async #retire(instance: PluginInstance, ending: Ending, next?: PluginInstance): Promise<void> {
    await instance.stop(ending, next);
    if (this.#instances.delete(instance) && this.#booked.has(instance)) this.#past.add(instance.counts);
    this.#enlist();
  }

  /**
   * The overlay has another configuration, in which `names` may differ. A running plugin is told first, and what it
   * refuses changes nothing; throws that, or that there is no room for where it wants frames to go now.
   */
  async change(configuration: OverlayConfiguration, names: readonly string[]): Promise<void> {
    this.#epoch++; // nothing that was prepared may serve while the plugin makes up its mind
    const facts = await this.#factsIn(configuration, this.ownNames(names));
    const commit = this.#options.site.prepare({ facts, configuration, relay: null });
    this.#epoch++;
    this.#facts = facts;
    commit();
  }

  async #factsIn(configuration: OverlayConfiguration, names: readonly string[]): Promise<PluginFacts> {
    let facts = this.#facts;
    let asked: PluginInstance | null = null;
    // One that began to serve meanwhile has not heard of it.
    while (names.length > 0 && this.#serving !== null && asked !== this.#serving) {
      asked = this.#serving;
      facts = await asked.change(configuration, names);
    }
    return asked === this.#serving ? facts : this.#facts;
  }

  /** SIGHUP: the plugin reads its sources again. A failure is the overlay's health. */
  reload(): Promise<void> {
    return this.#askAnew('reload', (instance) => instance.host.reload());
  }

  /** It floods elsewhere from now on, and is asked where to: again, in time, when it says so while it is asked. */
  async floodChanged(): Promise<void> {
    this.#floodChanges++;
    if (this.#floodChanges > 1) return;
    for (let seen = 0; seen !== this.#floodChanges; ) {
      if (seen > 0) await sleep(FLOOD_PACE_MS, undefined, { ref: false });
      seen = this.#floodChanges;
      await this.#askAnew('facts', async () => {});
    }
    this.#floodChanges = 0;
  }

  /** After `first` it is asked for its facts, which hold from then on. `part`: of the health, when that fails. */
  async #askAnew(part: 'reload' | 'facts', first: (instance: PluginInstance) => Promise<void>): Promise<void> {
    const { health, site } = this.#options;
    const instance = this.#serving;
    if (instance === null) return;
    try {
      await first(instance);
      const facts = await instance.askFacts(site.wanted().configuration);
      if (instance !== this.#serving) return;
      const commit = site.prepare({ facts, configuration: site.wanted().configuration, relay: null });
      this.#facts = facts;
      commit();
      health.restore(part);
    } catch (thrown) {
      // Of one that was replaced meanwhile nobody wants to know.
      if (instance === this.#serving) health.degrade(part, messageOf(thrown));
    }
  }

  /** Time has passed: an instance that loops is ended, and a start that is due begins. */
  tick(nowMs: number): void {
    for (const { host } of this.#instances) host.watch(nowMs);
    if (this.#state.name === 'backing-off' && this.#backoff.isDue(nowMs)) void this.start();
  }

  /** Every instance ends, and none begins any more. `ending`: see {@link Ending}. */
  async end(ending: Ending): Promise<void> {
    this.#isOver = true;
    this.#epoch++;
    this.#become({ name: 'absent' });
    await Promise.all([...this.#instances].map((instance) => this.#retire(instance, ending)));
  }

  #died(instance: PluginInstance, fault: PluginFault): void {
    if (instance !== this.#serving) return; // whoever prepares it learns of it
    void this.#retire(instance, 'to_resume');
    const restartInMs = this.#backOff(fault);
    const { deaths } = this.counts;
    this.#options.log.error('search plugin ended', { reason: fault.message, restartInMs, deaths });
    if (restartInMs === 0) void this.start();
  }

  /** Answers after how many milliseconds it is tried again; 0 where it may be the fault of another. */
  #backOff(thrown: unknown): number {
    this.#become({ name: 'backing-off' });
    this.#options.health.degrade('start', messageOf(thrown));
    return isShared(thrown) ? 0 : this.#backoff.failed(this.#options.now());
  }

  #become(state: State): void {
    if (this.#state.name === 'starting') this.#state.leave();
    this.#state = state;
    this.#enlist();
  }

  #enlist(): void {
    const { slots } = this.#options;
    if (this.#state.name === 'absent' && this.#instances.size === 0) slots.delete(this);
    else slots.add(this);
  }
}

function isShared(thrown: unknown): boolean {
  return thrown instanceof PluginFault && thrown.isShared;
}
