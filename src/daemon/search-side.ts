/** The search plugin of one overlay as it comes and goes: started, asked for its one destination, changed, stopped. */
import { formatEndpoint, ipFamily } from '../address.js';
import { messageOf, pointsToItself } from '../errors.js';
import type { Plugin, PluginLog, Target } from '../search/api.js';
import type { Deadlines } from './deadlines.js';
import type { Health } from './health.js';
import { type Configuration, isOwnEndpoint, only } from './overlay-props.js';
import { PluginHost, type PluginSink } from './plugin-host.js';

export interface SearchSideOptions {
  readonly overlay: string;
  readonly vni: number;
  /** Name of the plugin. */
  readonly search: string;
  /** null: there is no plugin of that name. */
  readonly plugin: Plugin | null;
  readonly log: PluginLog;
  readonly health: Health;
  readonly deadlines: Deadlines;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
}

export class SearchSide {
  readonly #options: SearchSideOptions;
  #host: PluginHost | null = null;
  #point: Target | null = null;
  /** When the destination was last asked for. */
  #pointAtMs = 0;

  constructor(options: SearchSideOptions) {
    this.#options = options;
  }

  /** The running plugin. */
  get host(): PluginHost | null {
    return this.#host;
  }

  get isPoint(): boolean {
    return this.#options.plugin?.mode === 'point';
  }

  /** The one destination of a point plugin, once it has run; null of a dynamic one. */
  get point(): Target | null {
    return this.#point;
  }

  get pointAtMs(): number {
    return this.#pointAtMs;
  }

  /** Throws what the plugin has against it; then nothing of it is left running. */
  async start(configuration: Configuration, sink: PluginSink): Promise<void> {
    const { plugin, search, vni, log, health, deadlines } = this.#options;
    if (plugin === null) throw new Error(`there is no search plugin ${search}`);
    const host = new PluginHost({
      plugin,
      values: only(configuration.values, plugin.properties),
      vni,
      family: ipFamily(configuration.settings.socket.listen.ip),
      log,
      health,
      deadlines,
      sink,
    });
    try {
      await host.start();
      this.#point = await this.#pointOf(host, configuration);
    } catch (thrown) {
      await host.stop();
      throw thrown;
    }
    this.#host = host;
    health.restore('lookup');
  }

  async stop(): Promise<void> {
    const host = this.#host;
    this.#host = null;
    await host?.stop();
  }

  /** SIGHUP. A failure is the overlay's health. */
  async reload(): Promise<void> {
    const { health } = this.#options;
    try {
      await this.#host?.reload();
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
    if (this.#host === null || names.length === 0) return;
    const { values } = configuration;
    const changed = names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]] as const]));
    await this.#host.change(Object.fromEntries(changed));
    this.#point = await this.#pointOf(this.#host, configuration);
  }

  /** Which of these properties are the plugin's. */
  ownNames(names: readonly string[]): string[] {
    return names.filter((name) => this.#options.plugin?.properties.some((spec) => spec.name === name));
  }

  async #pointOf(host: PluginHost, configuration: Configuration): Promise<Target | null> {
    if (!this.isPoint) return null;
    const target = await host.target();
    if (target !== 'drop' && isOwnEndpoint(configuration.settings.socket.listen, target)) {
      throw pointsToItself(this.#options.overlay, formatEndpoint(target));
    }
    this.#pointAtMs = this.#options.now();
    return target;
  }
}
