/**
 * One instance of a search plugin, from its start to its stop. Only the slot of its overlay
 * (plugin-slot.ts) makes one, and until it serves there it can be refused without a trace.
 */
import { setImmediate } from 'node:timers/promises';
import { formatEndpoint, ipFamily, isMulticast } from '../../address.js';
import { ENCAPSULATIONS, hasPorts } from '../../encapsulations.js';
import { multicastNeedsInterface, pointsToItself } from '../../errors.js';
import { isOwnEndpoint, isWildcard } from '../../overlay-properties/listen.js';
import { type OverlayConfiguration, only } from '../../overlay-properties/overlay-properties.js';
import type { Ending, Flood, PluginLog, Target } from '../../search/api.js';
import type { FoundPlugin } from '../../search/find.js';
import type { Deadlines } from '../../search/host/deadlines.js';
import { PluginHost } from '../../search/host/host.js';
import type { Ability } from '../../search/host/messages.js';
import type { Placement } from '../../search/host/placement.js';
import type { Spare } from '../../search/host/spare.js';
import { PluginCounts, type PluginFault } from '../../search/host/types.js';
import { EarlyPushes, Relay } from './early-pushes.js';
import { plainQuery } from './query.js';

/** Questions that are asked at once while an instance warms up. */
const WARM_AT_ONCE = 64;
/** MACs that are looked at before other work has its turn. */
const WALKED_AT_ONCE = 1024;
/** Then it serves as warm as it is, and is asked for the rest afterwards. */
const WARM_MAX_MS = 20_000;

export interface InstanceOptions {
  readonly overlay: string;
  readonly vni: number;
  readonly found: FoundPlugin;
  readonly configuration: OverlayConfiguration;
  /** The slot's when `configuration` was the one to start with. */
  readonly epoch: number;
  readonly log: PluginLog;
  readonly deadlines: Deadlines;
  readonly placement: Placement;
  /** Where it may be made, if it may. */
  readonly spare: Spare | null;
  /** Whose instance it is, where several share a thread. */
  readonly owner: object;
  /** MACs whose pushes are kept until it serves. */
  readonly pushesMax: number;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
  readonly onDeath: (instance: PluginInstance, fault: PluginFault) => void;
}

/** What the datapath has to know of a plugin. It stands while no instance of it serves. */
export interface PluginFacts {
  /** null: there is no such plugin now. */
  readonly found: FoundPlugin | null;
  readonly can: (ability: Ability) => boolean;
  /** The one destination of a point plugin that has run; null of a dynamic one. */
  readonly point: Target | null;
  /** When the destination was asked for, by the clock of the instance. */
  readonly pointAtMs: number;
  /** What a dynamic plugin floods to; null: nothing. */
  readonly flood: Flood | null;
}

/** Whether every frame goes to one destination. */
export function isPoint({ found }: PluginFacts): boolean {
  return found?.manifest.mode === 'point';
}

/** Where a plugin sends frames of the overlay whatever their MAC: its one destination, or those it floods to. */
export function ownDestinations({ point, flood }: PluginFacts): string[] {
  const endpoints = [...(point === null || point === 'drop' ? [] : [point]), ...(flood?.endpoints ?? [])];
  return endpoints.map(({ ip }) => ip);
}

export class PluginInstance {
  readonly found: FoundPlugin;
  readonly configuration: OverlayConfiguration;
  readonly epoch: number;
  readonly host: PluginHost;
  readonly counts = new PluginCounts();
  readonly relay: Relay;
  readonly #options: InstanceOptions;
  #fault: PluginFault | null = null;
  #facts: PluginFacts;
  /** Of its properties, as it was told them last. */
  #values: OverlayConfiguration['values'];

  constructor(options: InstanceOptions) {
    const { found, configuration, epoch, vni, log, deadlines, placement, spare, owner } = options;
    const { values, settings } = configuration;
    this.#options = options;
    this.found = found;
    this.configuration = configuration;
    this.epoch = epoch;
    this.#values = only(values, found.manifest.properties);
    this.relay = new Relay(new EarlyPushes(options.pushesMax));
    this.host = new PluginHost({
      name: found.manifest.name,
      open: placement.open(found.location, settings.confinement, owner, spare),
      values: this.#values,
      vni,
      listen: { ip: settings.socket.listen.ip, port: settings.socket.listen.port },
      tunnelPort: ENCAPSULATIONS[settings.socket.encap].port,
      family: ipFamily(settings.socket.listen.ip),
      hasPorts: hasPorts(settings.socket.encap),
      log,
      health: this.relay,
      counts: this.counts,
      deadlines,
      sink: this.relay,
      onDeath: (fault) => this.#died(fault),
    });
    this.#facts = { found, can: (ability) => this.host.can(ability), point: null, pointAtMs: 0, flood: null };
  }

  /** Why the instance has ended already, or null. */
  get fault(): PluginFault | null {
    return this.#fault;
  }

  /** As they were when it started. */
  get facts(): PluginFacts {
    return this.#facts;
  }

  #died(fault: PluginFault): void {
    this.#fault = fault;
    this.#options.onDeath(this, fault);
  }

  /** Throws what the plugin has against it; then it must still be stopped. */
  async start(): Promise<void> {
    await this.host.start();
    this.#facts = await this.askFacts(this.configuration);
  }

  /**
   * Asks for its destination, or what it floods to. Throws a VxlaneError when an overlay of this configuration cannot
   * send there.
   */
  async askFacts({ settings }: OverlayConfiguration): Promise<PluginFacts> {
    const { listen } = settings.socket;
    if (!isPoint(this.#facts)) return { ...this.#facts, flood: await this.#askFlood(listen.ip) };
    const point = await this.host.target();
    if (point !== 'drop' && isOwnEndpoint(listen, point)) {
      throw pointsToItself(this.#options.overlay, formatEndpoint(point));
    }
    return { ...this.#facts, point, pointAtMs: this.#options.now() };
  }

  async #askFlood(listenIp: string): Promise<Flood | null> {
    const flood = await this.host.flood();
    const group = flood?.endpoints.find((endpoint) => isMulticast(endpoint.ip));
    if (group !== undefined && isWildcard(listenIp)) throw multicastNeedsInterface(group.ip, listenIp);
    return flood;
  }

  /** Tells it the values of `names` in another configuration. Answers its facts in that one; throws its refusal. */
  async change(configuration: OverlayConfiguration, names: readonly string[]): Promise<PluginFacts> {
    const { values } = configuration;
    const changed = names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]] as const]));
    await this.host.change(Object.fromEntries(changed));
    this.#values = only(values, this.found.manifest.properties);
    return this.askFacts(configuration);
  }

  /**
   * Asks what it knows: everything, if it tells, and each of `macs` (null: none). Throws when it fails: then it is
   * no better than what it would replace.
   */
  async warm(macs: Iterable<string | null>): Promise<void> {
    if (isPoint(this.#facts)) return;
    const { early } = this.relay;
    const { now } = this.#options;
    const untilMs = now() + WARM_MAX_MS;
    for await (const page of this.host.entries()) {
      for (const { mac, ...answer } of page) early.answered(mac, answer);
      if (early.isFull || now() >= untilMs) break;
    }
    let untold: string[] = [];
    let count = 0;
    for (const mac of macs) {
      if (mac !== null && !early.answers.has(mac)) untold.push(mac);
      if (++count % WALKED_AT_ONCE !== 0) continue;
      await setImmediate();
      await this.#ask(untold, untilMs);
      untold = [];
      if (now() >= untilMs) return;
    }
    await this.#ask(untold, untilMs);
  }

  async #ask(macs: readonly string[], untilMs: number): Promise<void> {
    const { vni, now } = this.#options;
    for (let at = 0; at < macs.length && now() < untilMs; at += WARM_AT_ONCE) {
      const asked = macs.slice(at, at + WARM_AT_ONCE).map(async (mac) => {
        this.relay.early.answered(mac, await this.host.lookup(plainQuery(vni, mac)));
      });
      await Promise.all(asked);
    }
  }

  /**
   * Asks no more of it at once, and resolves when its thread has ended. Never rejects; twice is harmless. `next` is the
   * one of the same plugin that goes on.
   */
  stop(ending: Ending, next?: PluginInstance): Promise<void> {
    return next === undefined ? this.host.stop(ending) : this.host.stop(ending, next.#values);
  }
}
